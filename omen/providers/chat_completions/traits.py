"""What OpenAI's models differ in, as far as it changes a request.

**Source.** OpenAI's model pages, API reference and guide to reasoning, and, where they are silent,
many concurring reports of what is refused; read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class ChatTraits:
    """How one family of models wants to be asked."""

    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sampling: Literal["always", "without_reasoning", "never"] = "always"
    """When temperature, top_p, penalties and logprobs are taken."""
    refused: frozenset[str] = frozenset()
    """Further fields that are refused."""
    stop: bool = True
    """Whether stop sequences are taken."""
    effort: bool = True
    """Whether a reasoning effort is taken."""
    efforts: Mapping[str, str] = field(default_factory=dict)
    """What is sent for an effort that is refused: the nearest that is not."""
    api: Literal["chat", "responses_for_tools", "responses"] = "chat"
    """Where it is asked: by chat completions, by Responses, or by Responses when there are function
    tools and it reasons, which chat completions refuse together."""


CLASSIC = ChatTraits()
"""What every chat-completions server understands."""

_PLAIN = replace(CLASSIC, effort=False)
_PLAIN_NOW = replace(_PLAIN, token_limit="max_completion_tokens")
_REASONING = ChatTraits(token_limit="max_completion_tokens", sampling="never", stop=False)
_TOOLS_ELSEWHERE = replace(_REASONING, api="responses_for_tools")

# The first match counts, and it is of the whole name; a fine-tuned model behaves as what it was
# made from, and a snapshot as its family.
_FAMILIES: tuple[tuple[re.Pattern[str], ChatTraits], ...] = tuple(
    (re.compile(pattern), traits)
    for pattern, traits in (
        (
            r"(?:o\d|gpt-\d)\S*-(?:pro|codex|deep-research)(?:-\S*)?|codex-\S*|computer-use-\S*"
            r"|gpt-daybreak-\S*",
            replace(_REASONING, api="responses"),
        ),
        (r"gpt-5(?:\.\d+)?-(?:chat|search)-\S*", _PLAIN_NOW),
        (r"gpt-(?:3|4)\S*|chatgpt-4o-\S*", _PLAIN),
        (r"gpt-5\.[4-9](?:-\S*)?", _TOOLS_ELSEWHERE),
        (r"gpt-6(?:\.1)?(?:-\S*)?", replace(_TOOLS_ELSEWHERE, sampling="without_reasoning")),
        (
            r"gpt-6\.2(?:-\S*)?",
            replace(_REASONING, efforts=MappingProxyType({"none": "low", "minimal": "low"})),
        ),
        (r"o\d\S*|gpt-(?:[5-9]|\d\d)\S*", _REASONING),
    )
)


def openai_traits(model: str) -> ChatTraits:
    """Look up a model of OpenAI's; one that is not listed is asked the classic way."""
    base = model.removeprefix("ft:").partition(":")[0]
    matches = (traits for pattern, traits in _FAMILIES if pattern.fullmatch(base))
    return next(matches, CLASSIC)
