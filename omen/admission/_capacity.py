"""How many requests can begin in a second, measured while they do. Pure."""

from __future__ import annotations

from math import inf

MEMORY = 0.95
"""The weight of what was measured, from one window to the next."""
ENOUGH = 0.05
"""Seconds of work from which on the measurement counts."""


class Capacity:
    """The rate of starts if the loop never were idle: starts per second of busy time.

    Busy time includes the time in which another process had the core, because the requests that
    wait have to wait for that as well.
    """

    def __init__(self) -> None:
        self._begun_now, self._busy_now = 0, 0.0
        self._begun, self._busy = 0.0, 0.0

    def note_start(self) -> None:
        """Note that a request begins."""
        self._begun_now += 1

    def note_pass(self, seconds: float) -> None:
        """Note a pass of the scheduler of this length."""
        self._busy_now += seconds

    def end_window(self) -> None:
        """End a window. One in which no request began says nothing."""
        if self._begun_now:
            self._begun = MEMORY * self._begun + self._begun_now
            self._busy = MEMORY * self._busy + self._busy_now
        self._begun_now, self._busy_now = 0, 0.0

    @property
    def per_second(self) -> float:
        """The requests that can begin in a second; `inf` while too few have begun."""
        return self._begun / self._busy if self._busy >= ENOUGH else inf
