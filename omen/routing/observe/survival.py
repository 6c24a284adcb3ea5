"""How long a first token takes, from samples of which some are only known to be longer. Pure.

An attempt that was cancelled before it was useful has not told how long it would have taken, only
that it was longer than its age. Leaving such samples out, or taking the age for the time, makes
the slow ones look fast: the estimated tail shrinks, so hedges start earlier, so more attempts are
cancelled earlier, and so on until everything is hedged. Kaplan and Meier's estimator takes them
for what they are: at each observed time, the share of those *still waiting* that ended there is
what the survival drops by, and a censored one waits with the others until its age.

**Source.** E. L. Kaplan, P. Meier: Nonparametric estimation from incomplete observations, 1958.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Survival:
    """The share that takes longer than a time, as steps. **Units.** Those of the samples.

    `shares[i]` is the share that takes longer than `times[i]`; both have one entry for each time
    at which something was observed, times ascending.
    """

    times: Sequence[float]
    shares: Sequence[float]
    count: int
    """Samples that tell something: the observed ones, and the censored ones that lasted at least
    as long as the shortest observed one. Where nothing was observed, all."""

    def quantile(self, share: float) -> float:
        """Say by when this share has come; `inf` when so many were never seen to.

        >>> Survival([1.0, 2.0], [0.5, 0.0], 2).quantile(0.5)
        1.0
        """
        beyond = 1.0 - share + 1e-12  # 1 - 0.95 is not 0.05
        index = bisect_left(self.shares, -beyond, key=lambda left: -left)
        return self.times[index] if index < len(self.times) else inf

    def within(self, time: float) -> float:
        """Say which share has come by a time."""
        index = bisect_right(self.times, time)
        return 1.0 - self.shares[index - 1] if index else 0.0


def estimate(times: Sequence[float], observed: Sequence[int], censored: Sequence[int]) -> Survival:
    """Estimate from counts at the same ascending times.

    A sample that is censored at a time is still waiting there when another one ends.
    """
    waiting = sum(observed) + sum(censored)
    count, left = waiting, 1.0
    steps: list[float] = []
    shares: list[float] = []
    for time, ended, lost in zip(times, observed, censored, strict=True):
        if ended:
            if not steps:
                count = waiting  # samples censored before this have told nothing
            left *= 1.0 - ended / waiting
            steps.append(time)
            shares.append(left)
        waiting -= ended + lost
    return Survival(steps, shares, count)
