"""Counts of extra starts: how many were sent, won or were denied, and the extra load."""

from __future__ import annotations

from collections import Counter, deque

import trio

from omen.core.plan import Role
from omen.core.records import AttemptRecord, Moment, RaceRecord

ROLES: tuple[Role, ...] = ("entrant", "hedge", "retry")
"""The roles of extra starts. Entrants count only in races that OMEN chose."""
WINDOW_SECONDS = 600.0
_SLICE_SECONDS = 10.0


class HedgeCounts:
    """An observer that counts extra starts, in total and over the last ten minutes.

    `sent`, `won` and `denied` count since the start of the process.
    """

    moments = frozenset({"started", "committed", "denied"})

    def __init__(self) -> None:
        self.sent: Counter[Role] = Counter()
        self.won: Counter[Role] = Counter()
        self.denied: Counter[Role] = Counter()
        self._slices: deque[list[float]] = deque()
        """For each ten seconds: their start on trio's clock, requests, extra starts."""

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Count a moment."""
        # Attempt 0 stands for its request, and it is either started or denied, once.
        if moment in ("started", "denied") and attempt.index == 0:
            self._count(requests=True, extra=False)
        if attempt.role == "primary":
            return
        extra = race.plan.is_extra(attempt.role)
        if extra and moment == "started":
            self._count(requests=False, extra=True)
            self.sent[attempt.role] += 1
        elif extra and moment == "committed":
            self.won[attempt.role] += 1
        elif extra and moment == "denied":
            self.denied[attempt.role] += 1

    @property
    def extra_load(self) -> float:
        """The ratio of extra starts to requests over the last ten minutes; 0 without requests."""
        requests, extra = self.recent
        return extra / requests if requests else 0.0

    @property
    def recent(self) -> tuple[float, float]:
        """The requests and the extra starts of the last ten minutes."""
        self._forget(trio.current_time())
        return sum(part[1] for part in self._slices), sum(part[2] for part in self._slices)

    def _count(self, *, requests: bool, extra: bool) -> None:
        now = trio.current_time()
        if not self._slices or now - self._slices[-1][0] >= _SLICE_SECONDS:
            self._forget(now)
            self._slices.append([now, 0, 0])
        self._slices[-1][1] += requests
        self._slices[-1][2] += extra

    def _forget(self, now: float) -> None:
        while self._slices and now - self._slices[0][0] > WINDOW_SECONDS:
            self._slices.popleft()
