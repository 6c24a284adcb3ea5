"""Compares policies over the same recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil, inf

from omen.replay._intervals import Interval, Measured, intervals_of
from omen.replay._policy import Policy
from omen.replay._recorded import Recording
from omen.replay._run import Play, replay

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


def nearest_rank(ascending: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile, which is always one of the values; `share` is 0 to 1."""
    # 0.07 * 100 is 7.000000000000001 in floating point, which `ceil` alone would round up to 8.
    rank = ceil(round(share * len(ascending), 9))
    return ascending[max(rank, 1) - 1]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of one policy over the recorded requests.

    **Units.** Times are seconds to the first useful token.
    """

    policy: Policy
    times: Sequence[float]
    """The time of every request, ascending; `inf` for a request without a useful token."""
    extra: float
    """The ratio of extra starts to requests."""
    extra_usd: Decimal
    """The cost of every start after the first one of its request, in US dollars, at the average
    cost of its candidate."""
    denied: int
    """The number of denied starts."""
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """95 % intervals, of quantiles by their names, of `extra` and of `usd`. One that is missing had
    too few requests."""

    def quantile(self, share: float) -> float:
        """Return the time by which this share of the requests has a useful token."""
        return nearest_rank(self.times, share)


def compare(recording: Recording, policy: Policy) -> Comparison:
    """Return the result of a policy over a recording. Do not call it inside a trio run."""
    outcomes = replay(Play(policy), recording.requests()).outcomes
    dollars = [recording.extra_usd(item.candidates[1:]) for item in outcomes]
    times = [inf if item.seconds is None else item.seconds for item in outcomes]
    measured = [
        Measured(item.at, seconds, len(item.extra_at), float(usd))
        for item, seconds, usd in zip(outcomes, times, dollars, strict=True)
    ]
    return Comparison(
        policy=policy,
        times=sorted(times),
        extra=sum(one.extra for one in measured) / max(len(measured), 1),
        extra_usd=sum(dollars, Decimal(0)),
        denied=sum(item.denied for item in outcomes),
        intervals=intervals_of(measured, QUANTILES, recording.seed),
    )
