"""What a client asked to have embedded, and the vectors that come back. Belongs to no provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """Texts, or token ids of texts, in the order in which their vectors are wanted."""

    inputs: tuple[str | tuple[int, ...], ...] = field(repr=False)
    dimensions: int | None = None
    user: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector for each input, in its order. `prompt_tokens` is None when nobody counted."""

    vectors: Sequence[Sequence[float]] = field(repr=False)
    model: str | None = None
    prompt_tokens: int | None = None
