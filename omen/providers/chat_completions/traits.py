"""What OpenAI's models differ in, as far as it changes a request: a table with its sources.

A row that is wrong or missing costs a refused request and not an answer: what a vendor refuses by
name is left out and remembered (`omen.race.attempts`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

from omen.providers.shared.efforts import nearest_effort


@dataclass(frozen=True, slots=True)
class ChatTraits:
    """How one family of models wants to be asked."""

    token_limit: Literal["max_tokens", "max_completion_tokens"] | None = "max_tokens"
    """What the limit of generated tokens is called. None: as the client called it."""
    sampling: Literal["always", "without_reasoning", "never"] = "always"
    """When temperature, top_p, penalties and logprobs are taken."""
    refused: frozenset[str] = frozenset()
    """Further fields that are refused."""
    stop: bool = True
    """Whether stop sequences are taken."""
    efforts: Sequence[str] | None = None
    """The reasoning efforts that are taken. Empty: the field is refused. None: any."""
    api: Literal["chat", "responses_for_tools", "responses"] = "chat"
    """Where it is asked: by chat completions, by Responses, or by Responses when there are function
    tools and it reasons, which chat completions refuse together."""
    stream: bool = True
    """Whether it can be asked for a stream."""


CLASSIC = ChatTraits()
"""What every chat-completions server understands."""
UNKNOWN = replace(CLASSIC, token_limit=None)
"""A vendor's model that is not listed: it is asked in the classic way, in the client's words."""


class Family(NamedTuple):
    """One row: the models whose whole name matches, their traits, and where that is from."""

    pattern: re.Pattern[str]
    traits: ChatTraits
    source: str


_LOW_TO_HIGH = ("low", "medium", "high")
_FROM_MINIMAL = ("minimal", *_LOW_TO_HIGH)
_FROM_NONE = ("none", *_LOW_TO_HIGH)
_TO_XHIGH = (*_LOW_TO_HIGH, "xhigh")
_NONE_TO_XHIGH = ("none", *_TO_XHIGH)
_PRO = ("medium", "high", "xhigh")

_PLAIN = replace(CLASSIC, efforts=())
_PLAIN_NOW = replace(_PLAIN, token_limit="max_completion_tokens")
_SEARCHING = replace(_PLAIN, sampling="never")
_REASONING = ChatTraits(token_limit="max_completion_tokens", sampling="never", stop=False)
_O_SERIES = replace(_REASONING, efforts=_LOW_TO_HIGH, refused=frozenset({"parallel_tool_calls"}))
_BY_RESPONSES = replace(_REASONING, api="responses", efforts=_LOW_TO_HIGH)
_TOOLS_ELSEWHERE = replace(_REASONING, api="responses_for_tools", efforts=_NONE_TO_XHIGH)
_GPT_6 = replace(_TOOLS_ELSEWHERE, sampling="without_reasoning", efforts=(*_NONE_TO_XHIGH, "max"))

_PAGES = "OpenAI's model pages and its guide to reasoning, 2026-11-22"
_REPORTS = "reports of what is refused that agree, 2026-11-22"
_TABLE = "model table of litellm 1.109.1, 2026-11-30"

# The first match counts, and it is of the whole name; a fine-tuned model behaves as what it was
# made from, and a snapshot as its family.
FAMILIES: tuple[Family, ...] = tuple(
    Family(re.compile(pattern), traits, source)
    for pattern, traits, source in (
        (r"gpt-5-pro(?:-\S*)?", replace(_BY_RESPONSES, efforts=("high",), stream=False), _TABLE),
        (r"o1-pro(?:-\S*)?", replace(_BY_RESPONSES, stream=False), _TABLE),
        (r"gpt-5\.\d+-pro(?:-\S*)?", replace(_BY_RESPONSES, efforts=_PRO), _TABLE),
        (r"\S+-deep-research(?:-\S*)?", replace(_BY_RESPONSES, efforts=("medium",)), _PAGES),
        (r"gpt-5\.1-codex-max(?:-\S*)?", replace(_BY_RESPONSES, efforts=_TO_XHIGH), _PAGES),
        (r"gpt-5\.[2-9]-codex(?:-\S*)?", replace(_BY_RESPONSES, efforts=_TO_XHIGH), _REPORTS),
        (
            r"(?:o\d|gpt-\d)\S*-(?:pro|codex)(?:-\S*)?|codex-\S*|computer-use-\S*"
            r"|gpt-daybreak-\S*",
            _BY_RESPONSES,
            _PAGES,
        ),
        (r"gpt-5(?:\.\d+)?-chat-\S*", _PLAIN_NOW, _PAGES),
        (
            r"gpt-5(?:\.\d+)?-search-\S*",
            replace(_SEARCHING, token_limit="max_completion_tokens"),
            _REPORTS,
        ),
        (r"gpt-4o(?:-mini)?-search-\S*", _SEARCHING, _REPORTS),
        (r"gpt-(?:3|4)\S*|chatgpt-4o-\S*", _PLAIN, _PAGES),
        (r"gpt-5\.[4-9](?:-\S*)?", _TOOLS_ELSEWHERE, _REPORTS),
        (r"gpt-6-astra(?:-\S*)?", replace(_GPT_6, efforts=(*_TO_XHIGH, "max")), _TABLE),
        (r"gpt-6(?:\.1)?(?:-\S*)?", _GPT_6, _TABLE),
        (r"gpt-6\.2(?:-\S*)?", replace(_REASONING, efforts=(*_TO_XHIGH, "max")), _REPORTS),
        (r"gpt-5\.1(?:-\S*)?", replace(_REASONING, efforts=_FROM_NONE), _TABLE),
        (r"gpt-5\.[23](?:-\S*)?", replace(_REASONING, efforts=_NONE_TO_XHIGH), _TABLE),
        (r"gpt-5(?:-\S*)?", replace(_REASONING, efforts=_FROM_MINIMAL), _TABLE),
        (r"o1-(?:mini|preview)(?:-\S*)?", replace(_O_SERIES, efforts=()), _PAGES),
        (r"o\d\S*", _O_SERIES, _PAGES),
        (r"gpt-(?:[5-9]|\d\d)\S*", _REASONING, _PAGES),
    )
)


def openai_traits(model: str) -> ChatTraits:
    """Look up a model of OpenAI's."""
    # Every request asks. Callers choose the names, so no long one is remembered.
    return _remembered_traits(model) if len(model) <= _LONGEST_REMEMBERED else _find_traits(model)


def _find_traits(model: str) -> ChatTraits:
    base = model.removeprefix("ft:").partition(":")[0]
    matches = (family.traits for family in FAMILIES if family.pattern.fullmatch(base))
    return next(matches, UNKNOWN)


_LONGEST_REMEMBERED = 100
"""Characters."""
_remembered_traits = lru_cache(maxsize=256)(_find_traits)


def effort_for(wanted: str | None, traits: ChatTraits) -> str | None:
    """Return the effort to send for the one that was asked for; None for none at all."""
    if wanted is None or traits.efforts is None:
        return wanted
    return nearest_effort(wanted, traits.efforts)


def samples(traits: ChatTraits, effort: str | None) -> bool:
    """Return whether the model takes sampling parameters, asked with this effort."""
    match traits.sampling:
        case "always":
            return True
        case "without_reasoning":
            return effort == "none"
        case "never":
            return False
