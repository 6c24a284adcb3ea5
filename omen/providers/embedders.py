"""Who gives embeddings, and in which words, by kind of provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from omen.core.candidates import Candidate
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.frames import WireRequest
from omen.providers import azure
from omen.providers.chat_completions import embeddings as openai_embeddings
from omen.providers.ollama_chat import embeddings as ollama_embeddings


class ReadEmbeddings(Protocol):
    """Reads an answer's body, to a request with `count` inputs."""

    def __call__(self, body: bytes, count: int) -> Embeddings: ...


@dataclass(frozen=True, slots=True)
class Embedder:
    """One wire format of embeddings."""

    encode: Callable[[EmbeddingsRequest, Candidate], WireRequest]
    read: ReadEmbeddings


_OPENAI = Embedder(openai_embeddings.encode, openai_embeddings.read)
EMBEDDERS: Mapping[str, Embedder] = MappingProxyType(
    {
        "openai": _OPENAI,
        "openai_compatible": _OPENAI,
        "azure": Embedder(azure.encode_embeddings, openai_embeddings.read),
        "ollama": Embedder(ollama_embeddings.encode, ollama_embeddings.read),
    }
)
"""Anthropic and xAI have none."""
