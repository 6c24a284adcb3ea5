"""A rate limit for actions that cost the server more than they cost the client."""

from __future__ import annotations

import trio


class Allowance:
    """A token bucket: `burst` at once, and `per_second` in the long run.

    **Units.** Seconds on trio's clock.
    """

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._as_of = trio.current_time()

    def spend(self, amount: float = 1) -> bool:
        """Spend an amount and return whether there was enough. A negative amount is a credit."""
        now = trio.current_time()
        self._left += (now - self._as_of) * self._per_second
        self._as_of = now
        self._left = min(self._burst, self._left - amount)
        return self._left >= 0
