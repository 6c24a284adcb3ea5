"""What Anthropic's models differ in, as far as it changes a request.

**Source.** docs.anthropic.com/en/docs/about-claude/models and its migration pages, read
2026-11-22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class MessagesTraits:
    """How one family of models wants to be asked."""

    max_output: int
    """What `max_tokens` is when the client sets no limit: the field is required."""
    sampling: Literal["both", "one", "none"] = "both"
    """Whether temperature and top_p are taken: together, one of them, or none."""
    efforts: bool = True
    """Whether an effort is taken."""
    thinking: Literal["adaptive", "budget", "either"] | None = "adaptive"
    """How reasoning is requested: by effort, or by a number of tokens. `either`: a client's own
    words are sent as they are, and an effort as a number of tokens."""
    thinking_off: Literal["disabled", "between_tools"] | None = "disabled"
    """What turns it off; None when nothing does."""
    schema: bool = True
    """Whether an answer can be held to a JSON schema."""
    forced_tool: bool = True
    prefill: bool = True
    """Whether the last message may be the assistant's."""
    system_turns: bool = False
    """Whether instructions may stand in the middle of a conversation."""


_OLDEST = MessagesTraits(max_output=4096, thinking=None, schema=False, efforts=False)
_OLD = replace(_OLDEST, max_output=8192)
_FIRST_THINKING = replace(_OLDEST, max_output=64_000, thinking="budget")
# Since Opus 4.1 both together are a 400 (reports of 2025 and 2026; docs.anthropic.com, migration).
_FOUR = replace(_FIRST_THINKING, sampling="one")
_FOUR_FIVE = replace(_FOUR, schema=True)
_FOUR_SIX = MessagesTraits(max_output=128_000, prefill=False, sampling="one")
_CURRENT = replace(_FOUR_SIX, sampling="none")
_NEWEST = replace(_CURRENT, forced_tool=False, system_turns=True)
_ALWAYS_THINKING = replace(_CURRENT, thinking_off=None)

# The first match counts, so 5.5 stands before 5.
_FAMILIES: tuple[tuple[re.Pattern[str], MessagesTraits], ...] = tuple(
    (re.compile(pattern), traits)
    for pattern, traits in (
        (r"claude-3-(?:opus|sonnet|haiku)", _OLDEST),
        (r"claude-3-5-", _OLD),
        (r"claude-3-7-", _FIRST_THINKING),
        (r"claude-opus-4-5", replace(_FOUR_FIVE, efforts=True)),
        (r"claude-(?:sonnet|haiku)-4-5", _FOUR_FIVE),
        (r"claude-(?:opus|sonnet)-4-6", _FOUR_SIX),
        (r"claude-opus-4-[78]", _CURRENT),
        (r"claude-(?:4-opus|opus-4)", replace(_FOUR, max_output=32_000)),
        (r"claude-(?:4-sonnet|sonnet-4)", _FOUR),
        (r"claude-sonnet-5-5", replace(_NEWEST, thinking_off="between_tools")),
        (r"claude-opus-5-5", replace(_NEWEST, thinking_off=None)),
        (r"claude-(?:fable|mythos)-5-1", replace(_NEWEST, thinking_off=None)),
        (r"claude-(?:fable|mythos)-", _ALWAYS_THINKING),
        (r"claude-(?:opus|sonnet|haiku)-5", _CURRENT),
    )
)
_UNKNOWN = replace(_CURRENT, max_output=8192, system_turns=True)
"""A Claude that is not listed is most likely newer than this table, and as strict as the newest."""
_OTHER = MessagesTraits(max_output=8192, thinking="either")
"""A model of another vendor or a local one: many servers (llama.cpp, vLLM, Ollama, DeepSeek and
others) speak this API as it was before the newest Claudes, and none is known to refuse what they
refuse.

**Source.** llama.cpp's server: sampling and forced tools change its answer, 2026-11-30."""


def known_limit(model: str) -> int | None:
    """Return the most tokens that a listed model generates; None for one that is not listed."""
    traits = anthropic_traits(model)
    return None if traits is _UNKNOWN or traits is _OTHER else traits.max_output


def anthropic_traits(model: str) -> MessagesTraits:
    """Look up a model. Platforms put prefixes before a Claude's name (`eu.anthropic.claude-…`)."""
    for pattern, traits in _FAMILIES:
        if pattern.match(model):
            return traits
    return _UNKNOWN if "claude" in model.lower() else _OTHER
