"""How many requests may be beginning at the same time. Pure.

A request is beginning from its admission until its first attempt starts (or its response does). In
this time it needs the processor only: its body is parsed, its caller is looked up, its plan is
made. From then on it mostly waits for its upstream and does not count, however long that takes.

A request that goes through this time without a wait is over with it before the next one comes in.
So it counts until the end of the pass of the scheduler in which its attempt starts: otherwise any
number could begin in one pass, each of the next passes would be as long as all of them take, and
the limit would limit nothing.

The limit follows the lag of the scheduler: it falls in proportion when a window's lag is above the
aim, and grows while the lag is below it and requests wait for the limit. So a slow store or slow
bodies, which hold many requests in this phase but use no processor time, raise the limit within a
few windows; and a shortage of processor time lowers it to what keeps every pass short.
"""

from __future__ import annotations

FEWEST, AT_START, MOST = 2.0, 16.0, 10_000.0
"""The fewest: what refusals cost is a part of the lag, and fewer starts would not lower that."""
GROWTH = 1.15
DECAY = 0.98
"""Per window: an unused limit returns to its start."""
SHARPEST = 0.75
"""The least factor of one window: one noisy window must not empty the gateway."""


class StartLimit:
    """The limit of requests that are beginning. `aim` is the lag in seconds that it keeps."""

    def __init__(self, aim: float) -> None:
        self._aim = aim
        self._limit = AT_START
        self._was_reached = False
        self._begun_in_pass = 0
        self.beginning = 0

    @property
    def limit(self) -> int:
        """The number of requests that may be beginning now."""
        return int(self._limit)

    def has_room(self) -> bool:
        """Return whether another request may begin; note that the limit was reached if not."""
        if self.beginning + self._begun_in_pass < int(self._limit):
            return True
        self._was_reached = True
        return False

    def note_begun(self) -> None:
        """Note that a request is not beginning any more."""
        self.beginning -= 1
        self._begun_in_pass += 1

    def end_pass(self) -> None:
        """Note that a pass of the scheduler has ended."""
        self._begun_in_pass = 0

    def follow(self, lag: float) -> None:
        """Adapt the limit to the lag of a window."""
        if lag > self._aim:
            factor = max(SHARPEST, self._aim / lag)
            self._limit = max(FEWEST, self._limit * factor)
        elif self._was_reached:
            self._limit = min(MOST, max(self._limit + 1.0, self._limit * GROWTH))
        elif self._limit > AT_START:
            self._limit = max(AT_START, self._limit * DECAY)
        elif self._limit < AT_START:
            self._limit = min(AT_START, self._limit + 1.0)
        self._was_reached = False
