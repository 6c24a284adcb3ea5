"""Estimators that look reasonable and are wrong, for a comparison with OMEN's.

Both keep the same windows as OMEN. `WinnersOnly` ignores cancelled attempts. `AgeAsSample` takes
the age of a cancelled attempt as the time that it would have taken. With both, slow attempts look
faster than they are; so the delay shrinks, and more attempts are hedged and cancelled than allowed.
"""

from __future__ import annotations

from collections import defaultdict

import trio

from omen.core.candidates import Candidate
from omen.core.records import AttemptRecord, Moment, Observer, RaceRecord
from omen.routing import Survival
from omen.routing.decide.hedging import ENOUGH_SAMPLES
from omen.routing.observe.window import Window

WARMUP_SECONDS = 1.0


class Naive:
    """One of the two estimators. See `omen.replay.Learning`."""

    def __init__(self, max_extra_load: float, *, ages: bool) -> None:
        self._share = 1.0 - max_extra_load
        self._ages = ages
        self._windows: defaultdict[Candidate, Window] = defaultdict(Window)

    def observer(self) -> Observer:
        """Return the observer of attempts."""
        return self._observe

    def _observe(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        now = trio.current_time()
        won = moment == "committed"
        lost = self._ages and moment == "ended" and attempt.committed_at is None
        if won or lost:
            window = self._windows[attempt.candidate]
            window.record(now - attempt.started_at, observed=True, now=now)

    def survival(self, candidate: Candidate) -> Survival:
        """Return the estimate from the samples, as if none were censored."""
        return self._windows[candidate].survival(trio.current_time())

    def delay(self, candidate: Candidate) -> float:
        """Return the quantile of the samples."""
        known = self.survival(candidate)
        return known.quantile(self._share) if known.count >= ENOUGH_SAMPLES else WARMUP_SECONDS
