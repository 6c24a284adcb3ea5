"""How often a client may do what costs us more than it costs the client."""

from __future__ import annotations

import trio


class Allowance:
    """So much at once, and in the long run so much a second.

    **Units.** Seconds on trio's clock.
    """

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._as_of = trio.current_time()

    def spend(self, amount: float = 1) -> bool:
        """Take some; return whether there was as much. A negative amount is given back."""
        now = trio.current_time()
        self._left += (now - self._as_of) * self._per_second
        self._as_of = now
        self._left = min(self._burst, self._left - amount)
        return self._left >= 0
