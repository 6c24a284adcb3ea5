"""One window in memory: a count for each of the last sixty seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from omen.state.store import WINDOW_SECONDS, Window


@dataclass(slots=True)
class Counts:
    """The counts of the last seconds, the oldest first, as pairs of second and count."""

    seconds: deque[list[int]] = field(default_factory=deque)
    total: int = 0

    def forget(self, now: float) -> None:
        """Remove the seconds that have left the window."""
        while self.seconds and self.seconds[0][0] <= int(now) - WINDOW_SECONDS:
            self.total -= self.seconds.popleft()[1]

    def add(self, now: float, amount: int) -> None:
        """Add an amount to the current second."""
        self.forget(now)
        if amount == 0:
            return
        if not self.seconds or self.seconds[-1][0] != int(now):
            self.seconds.append([int(now), 0])
        self.seconds[-1][1] += amount
        self.total += amount

    def correct(self, now: float, amount: int, second: int) -> None:
        """Add an amount to an earlier second. If it has left the window, do nothing."""
        self.forget(now)
        for counted in self.seconds:
            if counted[0] == second:
                counted[1] += amount
                self.total += amount

    def until_room_for(self, window: Window, now: float) -> float:
        """Return the seconds until the window has room, if nothing else is counted meanwhile."""
        total = self.total
        for second, amount in self.seconds:
            total -= amount
            if total + window.amount <= window.limit:
                return second + WINDOW_SECONDS - now
        return float(WINDOW_SECONDS)

    def until_empty(self, now: float) -> float:
        """Return the seconds until the window is empty."""
        return self.seconds[-1][0] + WINDOW_SECONDS - now if self.seconds else 0.0
