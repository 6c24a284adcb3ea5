"""Vectors of texts: made up, but the same text always has the same one, of length 1."""

from __future__ import annotations

import hashlib
import math
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from omen.sim.dialect import Call

DIMENSIONS: Mapping[str, int] = MappingProxyType(
    {
        "text-embedding-3-small": 1536,
        "text-embedding-3-large": 3072,
        "text-embedding-ada-002": 1536,
        "nomic-embed-text": 768,
        "mxbai-embed-large": 1024,
        "all-minilm": 384,
    }
)
"""How long the vectors of well-known models are."""

USUAL_DIMENSIONS = 256


@dataclass(frozen=True, slots=True)
class EmbeddingsCall(Call):
    """A request for the vectors of `texts`. It takes the time of one token."""

    texts: tuple[str, ...] = field(default=(), repr=False)
    dimensions: int = USUAL_DIMENSIONS
    as_base64: bool = False


def embedding(text: str, dimensions: int) -> array[float]:
    """Return the vector of `text`, in single precision.

    A shorter vector of the same text points where the beginning of the longer one does.
    """
    raw = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(4 * dimensions)
    values = struct.unpack(f"<{dimensions}i", raw)
    length = math.sqrt(sum(value * value for value in values))
    return array("f", (value / length for value in values))


def embeddings(call: EmbeddingsCall) -> Sequence[array[float]]:
    """Return the vectors that were asked for, in the order of the texts."""
    return [embedding(text, call.dimensions) for text in call.texts]
