"""How long it took until what was cut off was gone, by reason.

From the decision (a commit, a client that left, a deadline) to the moment at which the attempt's
upstream socket was closed: for so long a provider went on generating for nobody. What the network
adds until the provider notices is not in it; `bench.cancel` measures that, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import get_args

from hdrh.histogram import HdrHistogram

from omen.core.plan import AttemptRecord, CutReason, Moment, RaceRecord

_LONGEST = 60.0
_DIGITS = 2
_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Times:
    """A distribution of durations. **Units.** Seconds."""

    count: int
    total: float
    longest: float
    percentiles: Mapping[float, float]
    """By percent; empty when there is nothing."""
    within: Mapping[float, int]
    """How many took no longer than so many seconds."""


class CancelTimes:
    """An observer that keeps a histogram for each reason, from the start of the process on."""

    def __init__(self) -> None:
        self._histograms: dict[CutReason, HdrHistogram] = {}
        self._totals: dict[CutReason, float] = {}

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe a moment."""
        cut, cut_at, ended_at = attempt.cut, attempt.cut_at, attempt.ended_at
        if moment != "ended" or cut is None or cut_at is None or ended_at is None:
            return
        took = max(0.0, ended_at - cut_at)
        self._totals[cut] = self._totals.get(cut, 0.0) + took
        histogram = self._histograms.get(cut)
        if histogram is None:
            longest = int(_LONGEST * _MICROSECONDS)
            histogram = self._histograms[cut] = HdrHistogram(1, longest, _DIGITS)
        # What is out of range is dropped without a word, so bring it into range.
        histogram.record_value(round(min(took, _LONGEST) * _MICROSECONDS) or 1)

    def by_reason(
        self, percentiles: Sequence[float] = (), bounds: Sequence[float] = ()
    ) -> dict[CutReason, Times]:
        """Say how it went, for every reason there is."""
        return {reason: self._sum_up(reason, percentiles, bounds) for reason in get_args(CutReason)}

    def _sum_up(
        self, reason: CutReason, percentiles: Sequence[float], bounds: Sequence[float]
    ) -> Times:
        histogram = self._histograms.get(reason)
        if histogram is None:
            return Times(0, 0.0, 0.0, {}, dict.fromkeys(bounds, 0))
        return Times(
            count=histogram.get_total_count(),
            total=self._totals[reason],
            longest=histogram.get_max_value() / _MICROSECONDS,
            percentiles={
                percent: histogram.get_value_at_percentile(percent) / _MICROSECONDS
                for percent in percentiles
            },
            within=_within(histogram, bounds),
        )


def _within(histogram: HdrHistogram, bounds: Sequence[float]) -> dict[float, int]:
    """Count the values up to each bound; the bounds come in ascending order."""
    counts = [0] * (len(bounds) + 1)
    for step in histogram.get_recorded_iterator():
        # A value stands for all that are the same in two digits: take the least of them, so
        # that one that is just at a bound is counted there.
        value = histogram.get_lowest_equivalent_value(step.value_iterated_to) / _MICROSECONDS
        counts[bisect_left(bounds, value)] += step.count_added_in_this_iter_step
    return dict(zip(bounds, accumulate(counts), strict=False))
