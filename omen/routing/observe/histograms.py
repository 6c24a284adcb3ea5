"""Observed and censored times in the buckets of an HdrHistogram, kept sparsely.

An HdrHistogram of an hour in microseconds has thousands of counters (75 kB), of which the samples
of one candidate fill a hundred. So only the filled ones are kept, by the index that they have in an
HdrHistogram. The sums, the quantiles and the exported form are an HdrHistogram's.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

from omen.routing.observe.survival import Survival, estimate

_LONGEST = 3600.0
_DIGITS = 2
_MICROSECONDS = 1_000_000
_SUB_BUCKET_BITS = 8
"""The bits of a value that a bucket's index keeps: as many as two decimal digits need."""


def _new() -> HdrHistogram:
    return HdrHistogram(1, int(_LONGEST * _MICROSECONDS), _DIGITS)


_SHAPE = _new()
EDGES = tuple(
    _SHAPE.get_highest_equivalent_value(_SHAPE.get_value_from_index(index)) / _MICROSECONDS
    for index in range(_SHAPE.counts_len)
)
"""The upper bound, in seconds, of the values that each counter of a histogram counts."""

Counts = dict[int, float]
"""The filled counters by index. A count is a whole number, unless it was weighted."""


def bucket_of(seconds: float) -> int:
    """Return the index of the counter of a time. A time out of range is brought into range."""
    value = max(1, round(min(seconds, _LONGEST) * _MICROSECONDS))
    shift = max(value.bit_length() - _SUB_BUCKET_BITS, 0)
    return (shift << (_SUB_BUCKET_BITS - 1)) + (value >> shift)


@dataclass(slots=True)
class Histograms:
    """Counts of observed times, and of censored times (lower bounds of the true ones)."""

    observed: Counts = field(default_factory=dict)
    censored: Counts = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The number of samples of both kinds."""
        return sum(self.observed.values()) + sum(self.censored.values())

    def record(self, seconds: float, *, observed: bool) -> None:
        """Add a sample."""
        counts, index = self.observed if observed else self.censored, bucket_of(seconds)
        counts[index] = counts.get(index, 0) + 1

    def add(self, other: Histograms, weight: float = 1) -> None:
        """Add the counts of another pair, times a weight. Without a weight nothing is lost."""
        for total, part in ((self.observed, other.observed), (self.censored, other.censored)):
            if not total and weight == 1:
                total.update(part)  # several times as fast, and the usual case
                continue
            for index, count in part.items():
                total[index] = total.get(index, 0) + count * weight

    def remove(self, part: Histograms) -> None:
        """Take back the counts of another pair, all of which were recorded here as well."""
        for total, counts in ((self.observed, part.observed), (self.censored, part.censored)):
            for index, count in counts.items():
                total[index] -= count
                if not total[index]:
                    del total[index]

    def survival(self) -> Survival:
        """Return the Kaplan-Meier estimate from all samples."""
        indices = sorted(self.observed.keys() | self.censored.keys())
        return estimate(
            [EDGES[index] for index in indices],
            [self.observed.get(index, 0) for index in indices],
            [self.censored.get(index, 0) for index in indices],
        )

    def write(self) -> list[str]:
        """Return both in HdrHistogram's compressed form, as base64 text: observed, censored."""
        return [_dense(part).encode().decode("ascii") for part in (self.observed, self.censored)]


def read_histograms(texts: Sequence[str]) -> Histograms:
    """Return the histograms that another process wrote with `write`.

    **Raises.** `ValueError` if the texts are not two histograms, or have other bounds or another
    precision.
    """
    try:
        observed, censored = (HdrHistogram.decode(text.encode("ascii")) for text in texts)
    except (HdrCookieException, HdrLengthException, zlib.error, AttributeError) as error:
        raise ValueError("not two histograms") from error
    if any(len(part.counts) != _SHAPE.counts_len for part in (observed, censored)):
        raise ValueError("histograms of another shape")
    return Histograms(_sparse(observed), _sparse(censored))


def _dense(counts: Counts) -> HdrHistogram:
    histogram = _new()
    for index, count in counts.items():
        histogram.record_value(histogram.get_value_from_index(index), count)
    return histogram


def _sparse(histogram: HdrHistogram) -> Counts:
    return {index: count for index, count in enumerate(histogram.counts[:]) if count}
