"""Whether a report of usage can be true. Pure.

Counts come from an upstream and go into prices, budgets and the ledger. A negative count would pay
a budget back, and a huge one would use it up for the rest of the month.
"""

from __future__ import annotations

from omen.core.events import Usage

MOST_TOKENS = 100_000_000
"""Tokens of one prompt or one answer. The largest model of 2026 reads ten million."""


def is_believable(usage: Usage) -> bool:
    """Return whether every count of a report is possible for a single request."""
    counts = (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cache_write_1h_tokens,
        *usage.prompt_details.values(),
        *usage.completion_details.values(),
    )
    has_bill = usage.billed_usd is None or (usage.billed_usd.is_finite() and usage.billed_usd >= 0)
    return has_bill and all(0 <= count <= MOST_TOKENS for count in counts)
