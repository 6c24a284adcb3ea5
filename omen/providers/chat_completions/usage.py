"""Usage as chat-completions servers report it, brought to one meaning.

**Source.** The references of OpenAI, xAI, DeepSeek (`prompt_cache_hit_tokens`), Moonshot
(`cached_tokens`, usage inside the choice) and of Gemini's OpenAI endpoint, and reports of their
streams, read 2026-11-30.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from omen.core.events import Usage
from omen.providers.shared.counts import count_of, counts_of

_TICK = Decimal("1e-10")
"""US dollars. **Source.** xAI's SDK, read 2026-11-22."""
_READ = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "reasoning_tokens",
        "cost_in_usd_ticks",
    }
)
_CACHED_BESIDE = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
_WRITTEN_BESIDE = ("cache_creation_input_tokens",)
"""Counts that stand beside the others where a server has no details of the prompt."""


class ReportedUsage:
    """What one answer has reported so far. Counts are cumulative, and the last report holds.

    A report of nothing but zeros is a placeholder: it never takes the place of another one.
    """

    __slots__ = ("_usage",)

    def __init__(self) -> None:
        self._usage: Usage | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is a report that is no placeholder."""
        return self._usage is not None and not _is_placeholder(self._usage)

    def update(self, raw: object) -> None:
        """Take a `usage` object, or whatever stands in its place."""
        usage = read_usage(raw)
        if usage is not None and not (self.is_known and _is_placeholder(usage)):
            self._usage = usage

    def total(self) -> Usage | None:
        """Return the usage of the answer; None when there was no report."""
        return self._usage


def _is_placeholder(usage: Usage) -> bool:
    return not usage.prompt_tokens and not usage.completion_tokens


def read_usage(raw: object) -> Usage | None:
    """Read a usage object; None when it is none, or leaves one of the two counts out.

    Some vendors leave reasoning out of `completion_tokens`: xAI names it apart, Gemini only counts
    it in the total. Whose rule was followed shows in the total, so nobody needs to know which
    vendor answers: what the total has beyond both counts was generated, unless it is exactly what
    a cache gave.
    """
    if not isinstance(raw, dict):
        return None
    prompt, completion = count_of(raw.get("prompt_tokens")), count_of(raw.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    prompt_details, details = _prompt_details(raw), _completion_details(raw)
    total, cached = count_of(raw.get("total_tokens")), _cached(prompt_details)
    beyond = (total or 0) - prompt - completion
    if cached > prompt and (not total or beyond >= cached):
        # A part cannot be more than the whole: this server counts the prompt without its cache.
        prompt, beyond = prompt + cached, beyond - cached
    if beyond > 0 and beyond == sum(prompt_details.values()):
        prompt += beyond
    elif beyond > 0:
        completion += beyond
        details.setdefault("reasoning_tokens", beyond)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        prompt_details=prompt_details,
        completion_details=details,
        extras={k: v for k, v in raw.items() if k not in _READ and v is not None},
        billed_usd=_bill(raw),
    )


def _cached(details: dict[str, int]) -> int:
    return details.get("cached_tokens", 0) + details.get("cache_write_tokens", 0)


def _prompt_details(raw: dict[str, Any]) -> dict[str, int]:
    details = counts_of(raw.get("prompt_tokens_details"))
    for name, places in (
        ("cached_tokens", _CACHED_BESIDE),
        ("cache_write_tokens", _WRITTEN_BESIDE),
    ):
        beside = next(filter(None, (count_of(raw.get(place)) for place in places)), None)
        if beside is not None and name not in details:
            details[name] = beside
    return details


def _completion_details(raw: dict[str, Any]) -> dict[str, int]:
    details = counts_of(raw.get("completion_tokens_details"))
    # Some of Azure's other models put it beside the counts, and 0 where they have none.
    beside = count_of(raw.get("reasoning_tokens"))
    if beside is not None and beside > 0:
        details.setdefault("reasoning_tokens", beside)
    return details


def _bill(raw: dict[str, Any]) -> Decimal | None:
    """Read the bill itself: xAI's `cost_in_usd_ticks`, and no other's.

    OpenRouter's `cost` is in credits of an account, which need not be dollars.
    """
    ticks = count_of(raw.get("cost_in_usd_ticks"))
    return None if ticks is None else ticks * _TICK
