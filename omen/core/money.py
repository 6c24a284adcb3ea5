"""Money as it is added up: whole nano-dollars, so that no sum depends on its order.

One function makes them of a price, so all who count an attempt agree to the nano-dollar: the store
that keeps the budgets of a month, and the running totals beside the ledger. The database counts in
SQL (`omen/ledger/database/migrations`, 0002); a test holds that and the function together.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

NANO = 1_000_000_000
"""Nano-dollars in a dollar."""
MOST_NANO = 10**15
"""What one attempt counts at most: a million dollars. An upstream may claim anything, and a sum of
claims must fit where sums are kept."""


def nano(usd: Decimal) -> int:
    """Return an amount in nano-dollars; a fraction of one is a whole one.

    Digits beyond the 28 that decimals keep are rounded first, as they are in a ledger's row.
    """
    return int((usd.normalize() * NANO).to_integral_value(ROUND_CEILING))


def booked_nano(cost: Decimal) -> int:
    """Return what an attempt of this cost counts: 0 to `MOST_NANO`.

    A negative bill counts as none: no upstream's claim makes room in a budget.
    """
    return max(0, min(nano(cost), MOST_NANO))


def usd(nanos: int) -> Decimal:
    """Return an amount in dollars. Exact."""
    return Decimal(nanos) / NANO
