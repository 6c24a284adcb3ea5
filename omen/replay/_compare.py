"""What policies come to, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, inf

from omen.replay._policy import Policy
from omen.replay._recorded import Recording
from omen.replay._run import Play, replay

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


def nearest_rank(ascending: Sequence[float], share: float) -> float:
    """Return the last of the values that belong to this share, so always one of them."""
    # Of 100 values 0.07 are 7.000000000000001 in binary fractions, and that would be the eighth.
    rank = ceil(round(share * len(ascending), 9))
    return ascending[max(rank, 1) - 1]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One policy over the recorded requests. Times are seconds to the first useful token."""

    policy: Policy
    times: Sequence[float]
    """Of every request, ascending; `inf` where it came to nothing."""
    extra: float
    """Extra starts to requests."""
    extra_usd: Decimal
    denied: int

    def quantile(self, share: float) -> float:
        """Return by when this share has come."""
        return nearest_rank(self.times, share)


def compare(recording: Recording, policy: Policy) -> Comparison:
    """Replay what was recorded against a policy; must not be called from within trio."""
    outcomes = replay(Play(policy), recording.requests()).outcomes
    return Comparison(
        policy=policy,
        times=sorted(inf if one.seconds is None else one.seconds for one in outcomes),
        extra=sum(len(one.extra_at) for one in outcomes) / max(len(outcomes), 1),
        extra_usd=sum((recording.extra_usd(one.candidates[1:]) for one in outcomes), Decimal(0)),
        denied=sum(one.denied for one in outcomes),
    )
