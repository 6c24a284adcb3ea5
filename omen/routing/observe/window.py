"""A window of recent samples: one HdrHistogram of observed times and one of censored times.

The window is a ring of slices. A slice is full when it has enough samples *and* is old enough. So
a busy model is judged by its last minutes and a quiet one by its last hour. Older samples are
dropped.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

from omen.routing.observe.survival import Survival, estimate

SLICES = 12
_FEW = 20
"""Samples of a slice that are kept without a histogram."""
SLICE_SAMPLES = 100
SLICE_SECONDS = 15.0
SLICE_LONGEST_SECONDS = 300.0
STALE_SECONDS = 1.0
"""The age up to which an estimate is reused."""
_LONGEST = 3600.0
_DIGITS = 2
_MICROSECONDS = 1_000_000


def _new() -> HdrHistogram:
    return HdrHistogram(1, int(_LONGEST * _MICROSECONDS), _DIGITS)


_SHAPE = _new()
_EDGES = tuple(
    _SHAPE.get_highest_equivalent_value(_SHAPE.get_value_from_index(index)) / _MICROSECONDS
    for index in range(_SHAPE.counts_len)
)
"""The upper bound, in seconds, of the values that each counter of a histogram counts."""


class _Samples:
    """Samples of one kind, in microseconds.

    A histogram takes 75 kB. Few samples are kept as they are, because callers may name thousands
    of models that nobody has, and each would have one.
    """

    __slots__ = ("_few", "_histogram")

    def __init__(self) -> None:
        self._few: list[int] = []
        self._histogram: HdrHistogram | None = None

    def __len__(self) -> int:
        if self._histogram is None:
            return len(self._few)
        return int(self._histogram.get_total_count())

    def record(self, value: int) -> None:
        """Add a sample."""
        if self._histogram is not None:
            self._histogram.record_value(value)
            return
        self._few.append(value)
        if len(self._few) > _FEW:
            histogram = _new()
            self.add_to(histogram)
            self._histogram, self._few = histogram, []

    def add_to(self, total: HdrHistogram) -> None:
        """Add all samples to a histogram."""
        if self._histogram is not None and len(self):
            total.add(self._histogram)
        for value in self._few:
            total.record_value(value)


@dataclass(slots=True)
class _Slice:
    since: float
    observed: _Samples = field(default_factory=_Samples)
    censored: _Samples = field(default_factory=_Samples)

    def is_full(self, now: float) -> bool:
        samples = len(self.observed) + len(self.censored)
        age = now - self.since
        return (age >= SLICE_SECONDS and samples >= SLICE_SAMPLES) or age >= SLICE_LONGEST_SECONDS


class Window:
    """The recent samples of one candidate. Times are on trio's clock, durations in seconds."""

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque(maxlen=SLICES)
        self._estimate: tuple[float, Survival] | None = None

    def record(self, seconds: float, *, observed: bool, now: float) -> None:
        """Record a sample: the time to the first token, or the age at which it was cut off."""
        self._rotate(now)
        # HdrHistogram silently drops a value that is out of its range, so bring it into range.
        value = max(1, round(min(seconds, _LONGEST) * _MICROSECONDS))
        last = self._slices[-1]
        (last.observed if observed else last.censored).record(value)

    def survival(self, now: float) -> Survival:
        """Return the estimate from all slices. It is computed at most once per second."""
        if self._estimate is None or now - self._estimate[0] >= STALE_SECONDS:
            self._estimate = now, self.sums(now).survival()
        return self._estimate[1]

    def is_expired(self, now: float) -> bool:
        """Return whether no slice is young enough to count."""
        return not self._slices or now - self._slices[-1].since > SLICES * SLICE_LONGEST_SECONDS

    def _rotate(self, now: float) -> None:
        if not self._slices or self._slices[-1].is_full(now):
            self._slices.append(_Slice(now))
        while now - self._slices[0].since > SLICES * SLICE_LONGEST_SECONDS:
            self._slices.popleft()

    def sums(self, now: float, within: float = inf) -> Histograms:
        """Return the sum of all slices, or of those that began at most `within` seconds ago."""
        total = Histograms()
        if self._slices:
            self._rotate(now)
        for part in self._slices:
            if now - part.since <= within:
                part.observed.add_to(total.observed)
                part.censored.add_to(total.censored)
        return total


@dataclass(slots=True)
class Histograms:
    """A histogram of observed times, and one of censored times (lower bounds of the true ones)."""

    observed: HdrHistogram = field(default_factory=_new)
    censored: HdrHistogram = field(default_factory=_new)

    def add(self, other: Histograms) -> None:
        """Add the counts of another pair. HdrHistograms add up without loss."""
        for total, part in ((self.observed, other.observed), (self.censored, other.censored)):
            if part.get_total_count():
                total.add(part)

    def survival(self) -> Survival:
        """Return the Kaplan-Meier estimate from all samples."""
        return estimate(_EDGES, self.observed.counts[:], self.censored.counts[:])

    def write(self) -> list[str]:
        """Return both in HdrHistogram's compressed form, as base64 text: observed, censored."""
        return [part.encode().decode("ascii") for part in (self.observed, self.censored)]


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
    return Histograms(observed, censored)
