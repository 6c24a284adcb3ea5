"""What a caller wants: the six intents, the words clients say for them. Plain vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

INTENTS = ("code", "tests", "regex", "analysis", "explanation", "general")

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "completion": "code",
        "refactor": "code",
        "explain": "explanation",
        "reason": "analysis",
        "architecture": "analysis",
    }
)
"""What existing clients send instead."""


def intent_of(said: str) -> str | None:
    """Read an intent or a synonym of one; None for any other word."""
    intent = SYNONYMS.get(said, said)
    return intent if intent in INTENTS else None
