"""A window of recent samples: HdrHistograms of what was observed, and of what is longer than seen.

The window is a ring of slices. A slice is full when it has enough samples *and* has lasted for a
while, so that a busy model is judged by its last minutes and a quiet one by its last hour, and
neither by what it was yesterday.
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
SLICE_SAMPLES = 100
SLICE_SECONDS = 15.0
SLICE_LONGEST_SECONDS = 300.0
STALE_SECONDS = 1.0
"""How old an estimate may be that is given again."""
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
"""Up to which time, in seconds, each counter of a histogram counts."""


@dataclass(slots=True)
class _Slice:
    since: float
    observed: HdrHistogram = field(default_factory=_new)
    censored: HdrHistogram = field(default_factory=_new)

    def is_full(self, now: float) -> bool:
        samples = self.observed.get_total_count() + self.censored.get_total_count()
        age = now - self.since
        return (age >= SLICE_SECONDS and samples >= SLICE_SAMPLES) or age >= SLICE_LONGEST_SECONDS


class Window:
    """The recent samples of one candidate. Times are on trio's clock, durations seconds."""

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque(maxlen=SLICES)
        self._known: tuple[float, Survival] | None = None

    def record(self, seconds: float, *, observed: bool, now: float) -> None:
        """Take a sample: how long it took, or how long it had not come for."""
        self._rotate(now)
        last = self._slices[-1]
        histogram = last.observed if observed else last.censored
        # What is out of range is dropped without a word, so bring it into range.
        histogram.record_value(max(1, round(min(seconds, _LONGEST) * _MICROSECONDS)))

    def survival(self, now: float) -> Survival:
        """Estimate; the same answer is given again for a second."""
        if self._known is None or now - self._known[0] >= STALE_SECONDS:
            self._known = now, self.sums(now).survival()
        return self._known[1]

    def _rotate(self, now: float) -> None:
        if not self._slices or self._slices[-1].is_full(now):
            self._slices.append(_Slice(now))
        while now - self._slices[0].since > SLICES * SLICE_LONGEST_SECONDS:
            self._slices.popleft()

    def sums(self, now: float, within: float = inf) -> Histograms:
        """Add all slices up, or those that were begun within so many seconds."""
        total = Histograms()
        if self._slices:
            self._rotate(now)
        for one in self._slices:
            if now - one.since <= within:
                total.add(Histograms(one.observed, one.censored))
        return total


@dataclass(slots=True)
class Histograms:
    """What was observed, and what is only known to be longer."""

    observed: HdrHistogram = field(default_factory=_new)
    censored: HdrHistogram = field(default_factory=_new)

    def add(self, other: Histograms) -> None:
        """Count what the other one has counted, too; nothing is lost by that."""
        for total, part in ((self.observed, other.observed), (self.censored, other.censored)):
            if part.get_total_count():
                total.add(part)

    def survival(self) -> Survival:
        """Estimate from all of it."""
        return estimate(_EDGES, self.observed.counts[:], self.censored.counts[:])

    def write(self) -> list[str]:
        """Write both in HdrHistogram's own compressed form, as base64."""
        return [one.encode().decode("ascii") for one in (self.observed, self.censored)]


def read_histograms(told: Sequence[str]) -> Histograms:
    """Read what another process has written. **Raises.** `ValueError`."""
    try:
        observed, censored = (HdrHistogram.decode(text.encode("ascii")) for text in told)
    except (HdrCookieException, HdrLengthException, zlib.error, AttributeError) as error:
        raise ValueError("not two histograms") from error
    if any(len(one.counts) != _SHAPE.counts_len for one in (observed, censored)):
        raise ValueError("histograms of another shape")
    return Histograms(observed, censored)
