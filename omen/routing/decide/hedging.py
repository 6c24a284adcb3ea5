"""When to hedge, and how often at most. Both follow from one setting, `max_extra_load`.

Two independent mechanisms enforce it. The *delay* is the time by which all but that share of a
candidate's answers have come. While the estimate is right, no more than that share of requests is
hedged. The *budget* is a token bucket: each request adds that share of a token, each extra start
takes one token. In a brown-out every request is slow and the estimate is wrong; then the bucket is
soon empty, and every request runs as `single`.

The bucket is small on purpose. Its size is the excess of extra starts that a burst can cause, and
tokens saved in a quiet hour must not double the load in a bad minute. The bucket is full at the
start, so that the first slow request is hedged like any other.

Replicas have one bucket together, in the shared store, because N buckets would let N times the
excess through. A replica starts hedges with the tokens that it has on lease; `hedge_leases.py`
renews the lease. While the store is away, each replica has its part of the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, isinf

from omen.core.candidates import Candidate
from omen.core.plan import Role
from omen.core.records import Denial, RaceRecord
from omen.routing.observe.first_tokens import FirstTokens
from omen.state import MILLIONTHS, BucketReport

ENOUGH_SAMPLES = 20
FLOOR = 0.001
"""The shortest delay in seconds, however fast a candidate is."""
BUCKET_REQUESTS = 300
"""The number of requests that fill an empty bucket. Over any 3000 requests, the extra load exceeds
the setting by a tenth at most."""

IDLE_REPORTS = 3
"""After so many reports without a request, a replica gives its leased tokens back."""


class HedgeBudget:
    """The token bucket. Each race that begins adds tokens; each extra start takes one.

    It is this process's own, until a lease on tokens of the common bucket makes it a part of that.
    """

    def __init__(self, max_extra_load: float) -> None:
        self.requests = 0
        """Races that have begun and whose tokens are not in the bucket yet. Whoever begins a race
        adds one. Few races look at the bucket, so the tokens are added when one does."""
        self.is_leased = False
        """Whether the tokens are a lease on those of the common bucket."""
        self._share = max_extra_load
        self._size = _size(max_extra_load)
        self._limit = self._size
        """The most tokens that stay here: without a lease, this replica's part of the size."""
        self._tokens = self._size
        self._added, self._taken = 0.0, 0
        """What races have added, and extra starts have taken, since the start of the process."""
        self._needed = 0
        """Extra starts, made or denied, since the last report."""
        self._reported, self._quiet_reports = 0.0, 0
        """What the last report had as added, and for how many reports nothing has happened."""

    def set_share(self, max_extra_load: float) -> None:
        """Change the share from now on. The bucket keeps its tokens, up to its new size."""
        self._fill()
        parts = self._size / self._limit if self._limit else 1.0
        self._share = max_extra_load
        self._size = _size(max_extra_load)
        self._limit = _part(self._size, parts)
        self._tokens = min(self._tokens, self._limit)

    def __repr__(self) -> str:
        kind = "leased" if self.is_leased else "own"
        return f"<HedgeBudget {self._tokens:.2f} of {self._size:g}, share {self._share:g}, {kind}>"

    @property
    def starts(self) -> int:
        """The number of extra starts that the tokens allow now."""
        self._fill()
        return int(self._tokens)

    @property
    def standing(self) -> tuple[float, float]:
        """The tokens here now, and the size of the bucket."""
        self._fill()
        return self._tokens, self._size

    def __call__(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Take a token for an extra start; deny the start if there is none.

        This must be the last admission, because a start that another admission denies must not take
        a token. Another candidate cannot help, so the denial allows no failover.
        """
        if not race.plan.is_extra(role):
            return None
        self._fill()
        self._needed += 1
        if self._tokens < 1.0:
            return Denial("the hedge budget (race.max_extra_load) is used up", failover=False)
        self._tokens -= 1.0
        self._taken += 1
        return None

    @property
    def is_asked_for(self) -> bool:
        """Whether an extra start was made or denied since the last report."""
        return self._needed > 0

    def report(self, replicas: int) -> BucketReport:
        """Return the report to the common bucket. What is above its `wanted` stays here no longer.

        A replica wants its part of the bucket, or what it has used since the last report if that is
        more. An idle one wants nothing, so that the others have it.
        """
        self._fill()
        is_quiet = self._added == self._reported and not self._needed
        self._quiet_reports = self._quiet_reports + 1 if is_quiet else 0
        self._reported = self._added
        most = int(self._size)
        needed = min(self._needed, most)
        is_idle = self._quiet_reports > IDLE_REPORTS
        wanted = 0 if is_idle else max(needed, min(most, ceil(self._size / replicas)))
        self._needed = 0
        if self.is_leased:
            self._tokens = min(self._tokens, float(wanted))
        return BucketReport(
            size=round(self._size * MILLIONTHS),
            added=round(self._added * MILLIONTHS),
            taken=self._taken,
            needed=needed,
            wanted=wanted,
        )

    def lease(self, tokens: int, report: BucketReport) -> None:
        """Use this lease from now on. Tokens taken since its report are subtracted."""
        self._fill()
        self.is_leased, self._limit = True, self._size
        self._tokens = max(0.0, float(tokens - (self._taken - report.taken)))

    def keep_own(self, replicas: int) -> None:
        """Go on without the common bucket, with one of so many parts of it, and at least a token.

        The tokens of the lease stay, as the first ones of the part.
        """
        self._fill()
        self.is_leased, self._limit = False, _part(self._size, float(replicas))
        self._tokens = min(self._tokens, self._limit)

    def _fill(self) -> None:
        """Add the tokens of the races that have begun. Under a lease, the report adds them."""
        added = self._share * self.requests
        self.requests = 0
        self._added += added
        if not self.is_leased:
            self._tokens = min(self._limit, self._tokens + added)


def _size(max_extra_load: float) -> float:
    """Return the size of the bucket in tokens: at least 1, or 0 if no extra load is allowed."""
    return max(1.0, max_extra_load * BUCKET_REQUESTS) if max_extra_load > 0 else 0.0


def _part(size: float, parts: float) -> float:
    """Return the part of the bucket that one of several replicas has: at least 1, or 0."""
    return max(1.0, size / parts) if size else 0.0


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
