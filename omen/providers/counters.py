"""Who counts the tokens of a prompt, by kind of provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.frames import WireRequest
from omen.providers import anthropic


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """How to ask for a count, and how to read it."""

    encode: Callable[[ChatRequest, Candidate], WireRequest]
    read: Callable[[bytes], int]


COUNTERS: Mapping[str, TokenCounter] = MappingProxyType(
    {anthropic.NAME: TokenCounter(anthropic.encode_count, anthropic.read_count)}
)
