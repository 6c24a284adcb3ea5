"""How long requests take, from their beginning to their end: the measure of how long one may wait.

A caller whose answer takes a minute does not notice a wait of some seconds for its beginning, and
would rather wait than be refused. A caller whose answer takes 50 ms does notice. So the patience of
the queue is a share of what requests take.

By Little's law the mean duration is the number of running requests, divided by the rate of ends. So
requests that run for a minute count long before the first one of them has ended. Pure.
"""

from __future__ import annotations

from math import exp, inf

SPAN = 5.0
"""Seconds after which what was seen counts for a third."""
ENOUGH = 1.0
"""Ends, by their present weight, without which the durations are unknown."""


class Durations:
    """The mean duration of requests of late. Times are seconds on one monotonic clock."""

    def __init__(self, now: float) -> None:
        self._seen_at = now
        self._exposure = 0.0
        self._ends = 0.0
        self.running = 0

    def note_start(self, now: float) -> None:
        """Note that a request begins."""
        self._advance(now)
        self.running += 1

    def note_end(self, now: float) -> None:
        """Note that a request has ended."""
        self._advance(now)
        self.running -= 1
        self._ends += 1.0

    def mean(self, now: float) -> float:
        """Return the mean duration in seconds; `inf` while too few requests have ended."""
        self._advance(now)
        return self._exposure / self._ends if self._ends >= ENOUGH else inf

    def _advance(self, now: float) -> None:
        elapsed = now - self._seen_at
        if elapsed > 0:
            fade = exp(-elapsed / SPAN)
            self._exposure = self._exposure * fade + self.running * elapsed
            self._ends *= fade
            self._seen_at = now
