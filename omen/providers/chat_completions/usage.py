"""Usage as chat-completions servers report it, brought to one meaning."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from omen.core.events import Usage

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


def read_usage(raw: object) -> Usage | None:
    """Read a usage object; None when it is none, or leaves one of the two counts out.

    xAI's `completion_tokens` leaves reasoning out, everybody else's includes it. Whose rule was
    followed shows in the total, so nobody needs to know who is speaking.
    """
    if not isinstance(raw, dict):
        return None
    prompt, completion = raw.get("prompt_tokens"), raw.get("completion_tokens")
    if not isinstance(prompt, int) or not isinstance(completion, int):
        return None
    details = _counts(raw.get("completion_tokens_details"))
    # Some of Azure's other models put it beside the counts, and 0 where they have none.
    beside = raw.get("reasoning_tokens")
    if isinstance(beside, int) and beside > 0:
        details.setdefault("reasoning_tokens", beside)
    reasoning = details.get("reasoning_tokens", 0)
    if prompt + completion + reasoning == raw.get("total_tokens"):
        completion += reasoning
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        prompt_details=_counts(raw.get("prompt_tokens_details")),
        completion_details=details,
        extras=_rest(raw),
        billed_usd=_bill(raw),
    )


def _bill(raw: dict[str, Any]) -> Decimal | None:
    """Read the bill itself: xAI's `cost_in_usd_ticks`, and no other's.

    OpenRouter's `cost` is in credits of an account, which need not be dollars.
    """
    ticks = raw.get("cost_in_usd_ticks")
    return None if not isinstance(ticks, int) else ticks * _TICK


def _counts(details: object) -> dict[str, int]:
    if not isinstance(details, dict):
        return {}
    return {name: count for name, count in details.items() if isinstance(count, int)}


def _rest(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in _READ and value is not None}
