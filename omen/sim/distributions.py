"""How long things take and how long answers are, as distributions.

Each `sample(u)` maps u in [0, 1) to a value and draws nothing by itself, so that the same u means
the same luck whatever the distribution is. That is what lets two simulated providers be slow
together (see `omen.sim.draw`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

_STANDARD_NORMAL = NormalDist()
_LEAST_UNIFORM = 2.0**-53
"""`random()` may return 0, at which the normal distribution has no quantile."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same number of seconds."""

    seconds: float

    def __post_init__(self) -> None:
        _require(self.seconds >= 0, "a fixed delay must not be negative", self.seconds)

    def sample(self, u: float) -> float:
        """The value for the uniform number `u`."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class LogNormal:
    """The logarithm is normal: half the values lie below `median`, `sigma` is the spread."""

    median: float
    sigma: float

    def __post_init__(self) -> None:
        _require(self.median > 0, "a lognormal median must be above 0", self.median)
        _require(self.sigma >= 0, "a lognormal sigma must not be negative", self.sigma)

    def sample(self, u: float) -> float:
        """The value for the uniform number `u`: the quantile at u."""
        return self.median * math.exp(self.sigma * _STANDARD_NORMAL.inv_cdf(max(u, _LEAST_UNIFORM)))


@dataclass(frozen=True, slots=True)
class StallTail:
    """Mostly `base`; with `probability` a stall of `offset` plus an exponential of mean `mean`.

    No value exceeds `cap`. The shape is what public measurements of hosted models show: a
    lognormal body, and about one answer in a hundred that comes minutes later if at all.
    """

    base: LogNormal
    probability: float
    offset: float
    mean: float
    cap: float

    def __post_init__(self) -> None:
        _require(0 <= self.probability <= 1, "a probability lies in 0..1", self.probability)
        _require(self.offset >= 0, "a stall offset must not be negative", self.offset)
        _require(self.mean >= 0, "a stall mean must not be negative", self.mean)
        _require(self.cap > 0, "a stall cap must be above 0", self.cap)

    def sample(self, u: float) -> float:
        """The value for the uniform number `u`; the unluckiest u are the stalls."""
        usual = 1.0 - self.probability
        if u < usual:
            return min(self.base.sample(u / usual), self.cap)
        luck = (u - usual) / self.probability
        return min(self.offset - self.mean * math.log1p(-luck), self.cap)


@dataclass(frozen=True, slots=True)
class Between:
    """A whole number from `low` to `high`, both included, each as likely as the other."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _require(self.low >= 1, "an answer has at least 1 token", self.low)
        _require(self.high >= self.low, f"the upper end must not be below {self.low}", self.high)

    def sample(self, u: float) -> int:
        """The value for the uniform number `u`."""
        return self.low + int(u * (self.high - self.low + 1))


Delay = Fixed | LogNormal | StallTail


def _require(condition: bool, rule: str, found: float) -> None:
    if not condition:
        raise ValueError(f"{rule}, found {found}")
