"""The time from the decision to cancel an attempt to the close of its socket, by reason.

The decision is a commit of another attempt, a client that left, a deadline, or a shutdown. During
this time the provider generates tokens that no client gets. The time that the network adds until
the provider notices is not included; `bench.cancel` measures that as well.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, get_args

from hdrh.histogram import HdrHistogram

from omen.core.records import AttemptRecord, CutReason, Moment, RaceRecord

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
    """The durations by percent; empty without samples."""
    within: Mapping[float, int]
    """For each bound, the number of samples that are not longer."""


class CancelTimes:
    """An observer that keeps a histogram for each reason, since the start of the process."""

    moments = frozenset({"ended"})

    def __init__(self) -> None:
        self._histograms: dict[CutReason, HdrHistogram] = {}
        self._totals: dict[CutReason, float] = {}

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Record the time of an attempt that was cut off, when it ends."""
        cut, cut_at, ended_at = attempt.cut, attempt.cut_at, attempt.ended_at
        if moment != "ended" or cut is None or cut_at is None or ended_at is None:
            return
        took = max(0.0, ended_at - cut_at)
        self._totals[cut] = self._totals.get(cut, 0.0) + took
        # HdrHistogram silently drops a value that is out of its range, so bring it into range.
        self._histogram(cut).record_value(round(min(took, _LONGEST) * _MICROSECONDS) or 1)

    def _histogram(self, reason: CutReason) -> HdrHistogram:
        histogram = self._histograms.get(reason)
        if histogram is None:
            longest = int(_LONGEST * _MICROSECONDS)
            histogram = self._histograms[reason] = HdrHistogram(1, longest, _DIGITS)
        return histogram

    def by_reason(
        self, percentiles: Sequence[float] = (), bounds: Sequence[float] = ()
    ) -> dict[CutReason, Times]:
        """Return the distribution of each reason, also of those without samples.

        `percentiles` are in percent, `bounds` in seconds, ascending.
        """
        return {reason: self._sum_up(reason, percentiles, bounds) for reason in get_args(CutReason)}

    def export(self) -> dict[str, list[Any]]:
        """Return the histograms in a form that JSON has, for another process to add up."""
        return {
            reason: [histogram.encode().decode("ascii"), self._totals[reason]]
            for reason, histogram in self._histograms.items()
        }

    def add(self, export: Mapping[str, Sequence[Any]]) -> None:
        """Add what another process exported: HdrHistograms add up without loss."""
        for reason in get_args(CutReason):
            if reason in export:
                encoded, total = export[reason]
                self._totals[reason] = self._totals.get(reason, 0.0) + total
                self._histogram(reason).add(HdrHistogram.decode(encoded))

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
    """Return the number of values up to each bound. The bounds must ascend."""
    counts = [0] * (len(bounds) + 1)
    for step in histogram.get_recorded_iterator():
        # A recorded value stands for all values that are equal in two digits. Use the smallest of
        # them, so that a value exactly at a bound counts for that bound.
        value = histogram.get_lowest_equivalent_value(step.value_iterated_to) / _MICROSECONDS
        counts[bisect_left(bounds, value)] += step.count_added_in_this_iter_step
    return dict(zip(bounds, accumulate(counts), strict=False))
