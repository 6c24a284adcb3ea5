"""What OpenAI's models differ in, as far as it changes a request.

**Source.** OpenAI's model pages and API reference, read 2026-11-22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ChatTraits:
    """How one family of models wants to be asked."""

    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


CLASSIC = ChatTraits()
"""What every chat-completions server understands."""

_REASONING = ChatTraits(token_limit="max_completion_tokens")

# The first match counts. A fine-tuned model behaves as what it was made from.
_FAMILIES: tuple[tuple[re.Pattern[str], ChatTraits], ...] = (
    (re.compile(r"(?:ft:)?o\d"), _REASONING),
    (re.compile(r"(?:ft:)?gpt-(?:[5-9]|\d\d)"), _REASONING),
)


def openai_traits(model: str) -> ChatTraits:
    """Look up a model of OpenAI's; one that is not listed is asked the classic way."""
    matches = (traits for pattern, traits in _FAMILIES if pattern.match(model))
    return next(matches, CLASSIC)
