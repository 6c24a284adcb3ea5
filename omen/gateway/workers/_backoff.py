"""The pauses before the next process of a worker starts. Pure."""

from __future__ import annotations

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
SETTLED_SECONDS = 60.0
"""A process that lived this long was well: after it, the pauses begin again."""


class Backoff:
    """Pauses that double, from a tenth of a second to half a minute. **Units.** Seconds."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def after(self, lived: float) -> float:
        """Return the pause after a process that lived this long."""
        if lived >= SETTLED_SECONDS:
            self._next = FIRST_PAUSE
        pause, self._next = self._next, min(2 * self._next, LONGEST_PAUSE)
        return pause
