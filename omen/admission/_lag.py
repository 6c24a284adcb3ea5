"""How long the passes of the scheduler are: the measure of the gateway's own shortage. Pure.

One pass of trio's scheduler runs every task that is ready, once. A request needs about a dozen
passes, so the length of a pass says how long each of its steps waits. When the processor has time
to spare the passes are short, however many requests wait for their upstreams. When it has none,
every pass gets longer with every request that is admitted.

The length of a pass is its processor time. What a pass lasted while another process had the core
is not in it: with fewer requests such a pass would be no shorter, so it must not lower the limit.
(It makes requests wait for their turn longer, and that is what the queue is judged by.)

A single long pass is no shortage: a collection of garbage, a large body. So the measure is taken in
windows, and only what all of the last windows show counts.
"""

from __future__ import annotations

from collections import deque

WINDOW = 0.025
"""Seconds of one window."""
STANDING = 4
"""Windows that must agree: a tenth of a second, the interval that CoDel uses as well."""
LONGEST = 0.025
"""A pass counts at most as this long, so that one long pass does not outweigh a whole window."""


class LoopLag:
    """The lag of the scheduler's passes. Times are seconds on one monotonic clock.

    The lag of a window is the length of the pass into which an event falls that comes at a random
    moment of it. An event that comes while the loop is idle falls into a pass of length zero.
    """

    def __init__(self, now: float) -> None:
        self._began = now
        self._weight = 0.0
        self._stolen = 0.0
        self._last: deque[float] = deque([0.0] * STANDING, maxlen=STANDING)

    def note(self, now: float, seconds: float, cpu: float) -> float | None:
        """Note a pass of this many seconds, of which `cpu` were spent on a core.

        Return the lag of the window, if the pass ends a window.
        """
        self._weight += cpu * min(cpu, LONGEST)
        self._stolen += seconds - cpu
        elapsed = now - self._began
        if elapsed < WINDOW:
            return None
        lag = self._weight / max(elapsed - self._stolen, WINDOW / 10)
        self._began, self._weight, self._stolen = now, 0.0, 0.0
        if elapsed >= STANDING * WINDOW and seconds < elapsed / 2:
            self._last.extend([0.0] * STANDING)  # the loop was idle for most of the time
        self._last.append(lag)
        return lag

    @property
    def latest(self) -> float:
        """The lag of the latest window."""
        return self._last[-1]

    @property
    def standing(self) -> float:
        """The lag that each of the last windows had at least."""
        return min(self._last)
