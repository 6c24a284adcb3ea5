"""Whether a report of usage can be true. Pure.

Counts come from an upstream and go into prices, budgets and the ledger. A negative count would pay
a budget back, and a huge one would use it up for the rest of the month.
"""

from __future__ import annotations

from decimal import Decimal

from omen.core.events import Usage

MOST_TOKENS = 100_000_000
"""Tokens of one prompt or one answer. The largest model of 2026 reads ten million."""
MOST_GENERATED = 2_000_000
"""Tokens of one answer of a model whose window is unknown. The longest answers of 2026 have some
hundred thousand, thought included."""
MOST_WINDOWS = 16
"""The most windows of its model that one request fills: a vendor's own tools read the conversation
again at each step, and an answer may have several choices."""
MOST_USD = Decimal(1000)
"""US dollars of one bill: ten million tokens at the dearest price of 2026."""


def is_believable(usage: Usage, context: int | None = None) -> bool:
    """Return whether every count of a report is possible for a single request.

    `context`: tokens of the model's window; None if it is unknown, or bounds nothing (embeddings
    of many texts).
    """
    read = (usage.prompt_tokens, usage.cache_write_1h_tokens, *usage.prompt_details.values())
    generated = (usage.completion_tokens, *usage.completion_details.values())
    most = MOST_TOKENS if context is None else min(MOST_TOKENS, MOST_WINDOWS * context)
    most_generated = MOST_GENERATED if context is None else most
    bills = (usage.fees_usd, usage.billed_usd or Decimal(0))
    return (
        all(0 <= count <= most for count in read)
        and all(0 <= count <= most_generated for count in generated)
        and all(bill.is_finite() and 0 <= bill <= MOST_USD for bill in bills)
        and _is_ordered(usage)
    )


def _is_ordered(usage: Usage) -> bool:
    """Return whether a prompt has at least the tokens that a cache gave or took of it."""
    details = usage.prompt_details
    parts = details.get("cached_tokens", 0) + details.get("cache_write_tokens", 0)
    return parts <= usage.prompt_tokens
