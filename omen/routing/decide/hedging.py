"""When to hedge, and how often at most: one knob, `max_extra_load`.

Two things hold it, and neither trusts the other. The *delay* is the time by which all but that
share of a candidate's answers have come; while it fits, that share of requests is hedged and no
more. The *budget* is a bucket of tokens: each request puts in that share of one, each extra start
takes one out. In a brown-out, when every request is slow and the delay fits nobody, the bucket is
soon empty and everything runs as `single`.

The bucket is small on purpose. What it can hold is what a burst can exceed the knob by, and tokens
saved in a quiet hour are no reason to double the load in a bad minute. It is full at the start: the
first slow request is hedged like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isinf

from omen.core.candidates import Candidate
from omen.core.plan import Denial, RaceRecord, Role
from omen.routing.observe.first_tokens import FirstTokens

ENOUGH_SAMPLES = 20
FLOOR = 0.001
"""Seconds; no delay is shorter, however fast a candidate is."""
BUCKET_REQUESTS = 300
"""For how many requests the bucket can save up: over any 3000 of them, the knob is exceeded by a
tenth at most."""


class HedgeBudget:
    """The bucket. It hears of every race that begins, and is asked before every extra start."""

    def __init__(self, max_extra_load: float) -> None:
        self._share = max_extra_load
        self._bucket = _size(max_extra_load)
        self._tokens = self._bucket

    def set_share(self, max_extra_load: float) -> None:
        """Allow another share from now on; the bucket is not filled up for that."""
        self._share = max_extra_load
        self._bucket = _size(max_extra_load)
        self._tokens = min(self._tokens, self._bucket)

    def __repr__(self) -> str:
        return f"<HedgeBudget {self._tokens:.2f} of {self._bucket:g}, share {self._share:g}>"

    @property
    def starts(self) -> int:
        """How many extra starts there are tokens for now."""
        return int(self._tokens)

    def request(self) -> None:
        """A request has come in."""
        self._tokens = min(self._bucket, self._tokens + self._share)

    def __call__(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Deny an extra start that there is no token for, else take one.

        It has to be the last admission: what another one denies must not take a token. Another
        candidate cannot help.
        """
        if not race.plan.is_extra(role):
            return None
        if self._tokens < 1.0:
            return Denial("the hedge budget (race.max_extra_load) is used up", failover=False)
        self._tokens -= 1.0
        return None


def _size(max_extra_load: float) -> float:
    """Return the tokens a bucket holds: one at least, unless no extra load is allowed at all."""
    return max(1.0, max_extra_load * BUCKET_REQUESTS) if max_extra_load > 0 else 0.0


def hedge_delays(
    candidates: Sequence[Candidate], delay: Callable[[Candidate], float]
) -> Mapping[Candidate, float]:
    """Return how long each is waited for, in this order: a hedge not longer than the first one.

    A hedge is only ever seen on bad days. Where what slows the first one slows it, too, its own
    times are mostly those of stalls, and a third attempt that waited for them would never come.
    """
    first = delay(candidates[0])
    return {candidate: min(delay(candidate), first) for candidate in candidates}


class HedgeDelay:
    """How long to wait for each candidate. **Units.** Seconds."""

    def __init__(self, first_tokens: FirstTokens, max_extra_load: float, warmup: float) -> None:
        self._first_tokens = first_tokens
        self._share = 1.0 - max_extra_load
        self._warmup = warmup

    def __call__(self, candidate: Candidate) -> float:
        """Say by when all but the allowed share of its answers have come."""
        survival = self._first_tokens.survival(candidate)
        if survival.count < ENOUGH_SAMPLES:
            return max(self._warmup, FLOOR)
        delay = survival.quantile(self._share)
        if isinf(delay):
            # So many were cut off that nobody has seen the end of it: wait for as long as any.
            delay = max(survival.times, default=self._warmup)
        return max(delay, FLOOR)
