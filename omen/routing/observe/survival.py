"""An estimate of the time to the first token, from observed and from censored samples. Pure.

An attempt that was cancelled before its first useful token is a *censored* sample: its true time is
only known to be longer than its age. Leaving such samples out, or using the age as the time, makes
slow candidates look fast. Then the estimated tail shrinks, hedges start earlier, more attempts are
cancelled earlier, and in the end every request is hedged. The Kaplan-Meier estimator uses both
kinds. At each observed time the survival drops by the share of the *still waiting* samples that
ended there; a censored sample counts as waiting up to its age.

**Source.** E. L. Kaplan, P. Meier: Nonparametric estimation from incomplete observations, 1958.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Survival:
    """A survival function: the share of answers that take longer than a time, as steps.

    `shares[i]` is the share that takes longer than `times[i]`. Both have one entry for each time
    at which a sample was observed; the times ascend.

    **Units.** Those of the samples.
    """

    times: Sequence[float]
    shares: Sequence[float]
    count: int
    """The number of informative samples: the observed ones, and the censored ones that lasted at
    least as long as the shortest observed one. Without any observed sample, all of them."""

    def quantile(self, share: float) -> float:
        """Return the time by which this share has come; `inf` if too few samples were observed.

        >>> Survival([1.0, 2.0], [0.5, 0.0], 2).quantile(0.5)
        1.0
        """
        beyond = 1.0 - share + 1e-12  # 1 - 0.95 is not 0.05
        index = bisect_left(self.shares, -beyond, key=lambda left: -left)
        return self.times[index] if index < len(self.times) else inf

    def within(self, time: float) -> float:
        """Return the share that has come by a time."""
        index = bisect_right(self.times, time)
        return 1.0 - self.shares[index - 1] if index else 0.0


def estimate(
    times: Sequence[float], observed: Sequence[float], censored: Sequence[float]
) -> Survival:
    """Return the Kaplan-Meier estimate from counts at common, ascending times.

    Counts may be weighted; the number of samples is rounded then. A sample that is censored at a
    time still waits when another sample ends at the same time.
    """
    waiting = sum(observed) + sum(censored)
    count, survival = waiting, 1.0
    steps: list[float] = []
    shares: list[float] = []
    for time, ended, cut_off in zip(times, observed, censored, strict=True):
        if ended:
            if not steps:
                count = waiting  # a sample censored before the first observed time says nothing
            # Weighted counts do not add up exactly: the last of them may exceed what is left.
            survival *= 1.0 - ended / waiting if waiting > ended else 0.0
            steps.append(time)
            shares.append(survival)
        waiting -= ended + cut_off
    return Survival(steps, shares, round(count))
