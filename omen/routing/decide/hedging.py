"""When to hedge, and how often at most. Both follow from one setting, `max_extra_load`.

Two independent mechanisms enforce it. The *delay* is the time by which all but that share of a
candidate's answers have come. While the estimate is right, no more than that share of requests is
hedged. The *budget* is a token bucket: each request adds that share of a token, each extra start
takes one token. In a brown-out every request is slow and the estimate is wrong; then the bucket is
soon empty, and every request runs as `single`.

The bucket is small on purpose. Its size is the excess of extra starts that a burst can cause, and
tokens saved in a quiet hour must not double the load in a bad minute. The bucket is full at the
start, so that the first slow request is hedged like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isinf

from omen.core.candidates import Candidate
from omen.core.plan import Role
from omen.core.records import Denial, RaceRecord
from omen.routing.observe.first_tokens import FirstTokens

ENOUGH_SAMPLES = 20
FLOOR = 0.001
"""The shortest delay in seconds, however fast a candidate is."""
BUCKET_REQUESTS = 300
"""The number of requests that fill an empty bucket. Over any 3000 requests, the extra load exceeds
the setting by a tenth at most."""


class HedgeBudget:
    """The token bucket. Each race that begins adds tokens; each extra start takes one."""

    def __init__(self, max_extra_load: float) -> None:
        self.requests = 0
        """Races that have begun and whose tokens are not in the bucket yet. Whoever begins a race
        adds one. Few races look at the bucket, so the tokens are added when one does."""
        self._share = max_extra_load
        self._bucket = _size(max_extra_load)
        self._tokens = self._bucket

    def set_share(self, max_extra_load: float) -> None:
        """Change the share from now on. The bucket keeps its tokens, up to its new size."""
        self._fill()
        self._share = max_extra_load
        self._bucket = _size(max_extra_load)
        self._tokens = min(self._tokens, self._bucket)

    def __repr__(self) -> str:
        return f"<HedgeBudget {self._tokens:.2f} of {self._bucket:g}, share {self._share:g}>"

    @property
    def starts(self) -> int:
        """The number of extra starts that the tokens allow now."""
        self._fill()
        return int(self._tokens)

    @property
    def standing(self) -> tuple[float, float]:
        """The tokens in the bucket now, and its size."""
        self._fill()
        return self._tokens, self._bucket

    def __call__(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Take a token for an extra start; deny the start if there is none.

        This must be the last admission, because a start that another admission denies must not take
        a token. Another candidate cannot help, so the denial allows no failover.
        """
        if not race.plan.is_extra(role):
            return None
        self._fill()
        if self._tokens < 1.0:
            return Denial("the hedge budget (race.max_extra_load) is used up", failover=False)
        self._tokens -= 1.0
        return None

    def _fill(self) -> None:
        """Add the tokens of the races that have begun."""
        self._tokens = min(self._bucket, self._tokens + self._share * self.requests)
        self.requests = 0


def _size(max_extra_load: float) -> float:
    """Return the size of the bucket in tokens: at least 1, or 0 if no extra load is allowed."""
    return max(1.0, max_extra_load * BUCKET_REQUESTS) if max_extra_load > 0 else 0.0


def hedge_delays(
    candidates: Sequence[Candidate], delay: Callable[[Candidate], float]
) -> Mapping[Candidate, float]:
    """Return the delay after each candidate, in this order; none is longer than the first one's.

    A candidate that runs mostly as a hedge has samples mostly from bad times. If the same cause
    slows it and the first candidate, its samples are mostly stalls. A third attempt that waited
    for such a delay would never start.
    """
    first = delay(candidates[0])
    return {candidate: min(delay(candidate), first) for candidate in candidates}


class HedgeDelay:
    """The hedge delay of each candidate. **Units.** Seconds."""

    def __init__(self, first_tokens: FirstTokens, max_extra_load: float, warmup: float) -> None:
        self._first_tokens = first_tokens
        self._share = 1.0 - max_extra_load
        self._warmup = warmup

    def __call__(self, candidate: Candidate) -> float:
        """Return the time by which all but the allowed share of its answers have come."""
        survival = self._first_tokens.survival(candidate)
        if survival.count < ENOUGH_SAMPLES:
            return max(self._warmup, FLOOR)
        delay = survival.quantile(self._share)
        if isinf(delay):
            # So many samples are censored that the quantile lies beyond every observed time. The
            # longest observed time is the best lower bound.
            delay = max(survival.times, default=self._warmup)
        return max(delay, FLOOR)
