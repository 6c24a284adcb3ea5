"""The six intents of a request, and the synonyms that clients send for them. Plain vocabulary."""

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
"""The words that existing clients send, and the intents that they stand for."""


def intent_of(word: str) -> str | None:
    """Return the intent that the word names, directly or as a synonym; None for any other word."""
    intent = SYNONYMS.get(word, word)
    return intent if intent in INTENTS else None
