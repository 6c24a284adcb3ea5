"""Whether a queue is overloaded, judged by how long its requests wait. Pure.

A long queue is no overload: a burst makes one, and it is gone a moment later. A queue in which
requests have waited longer than a target for a whole interval is one: it does not drain, and every
request that joins it waits as long. CoDel's rule for packets, with the answer of adaptive LIFO for
requests: in overload the newest go first, because their clients still wait, and what has waited
longer than the target is refused.

**Source.** RFC 8289 (CoDel), section 3; Maurer, "Fail at scale", ACM Queue 13 (8), 2015,
"Controlled delay" and "Adaptive LIFO"; read 2026-11-30.
"""

from __future__ import annotations

from math import inf


class Codel:
    """The state of one queue. **Units.** Seconds; `now` is on one monotonic clock."""

    def __init__(self, target: float, interval: float) -> None:
        self.target = target
        self.interval = interval
        self.overloaded = False
        self._above_since = inf
        self._refused_at = -inf

    @property
    def patience(self) -> float:
        """The longest that a request may wait: less in overload."""
        return self.target if self.overloaded else self.target + self.interval

    def judge(self, now: float, oldest: float | None) -> None:
        """Judge the queue. `oldest` is since when its oldest request waits; None if none does."""
        if oldest is None or now - oldest < self.target:
            self._above_since = inf
            if self.overloaded and now - self._refused_at >= self.interval:
                self.overloaded = False
        elif self._above_since == inf:
            self._above_since = now
        elif now - self._above_since >= self.interval:
            self.overloaded = True

    def note_refusal(self, now: float) -> None:
        """Note that a request was refused: the overload goes on."""
        self._refused_at = now
