"""A request for embeddings, and the vectors of its answer. Independent of any provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """Texts, or token ids of texts. The vectors of the answer have the same order."""

    inputs: tuple[str | tuple[int, ...], ...] = field(repr=False)
    dimensions: int | None = None
    user: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector for each input, in order. `prompt_tokens` is None without a reported count."""

    vectors: Sequence[Sequence[float]] = field(repr=False)
    model: str | None = None
    prompt_tokens: int | None = None
