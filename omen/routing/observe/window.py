"""A window of recent samples, observed and censored.

The window is a ring of slices. A slice is full when it has enough samples *and* is old enough. So
a busy model is judged by its last minutes and a quiet one by its last hour. Older samples are
dropped.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf

from omen.routing.observe.histograms import Histograms
from omen.routing.observe.survival import Survival

SLICES = 12
SLICE_SAMPLES = 100
SLICE_SECONDS = 15.0
SLICE_LONGEST_SECONDS = 300.0
STALE_SECONDS = 1.0
"""The age up to which an estimate is reused."""


@dataclass(slots=True)
class _Slice:
    since: float
    count: int = 0
    samples: Histograms = field(default_factory=Histograms)

    def is_full(self, now: float) -> bool:
        age = now - self.since
        return (age >= SLICE_SECONDS and self.count >= SLICE_SAMPLES) or (
            age >= SLICE_LONGEST_SECONDS
        )


class Window:
    """The recent samples of one candidate. Times are on trio's clock, durations in seconds."""

    __slots__ = ("_estimate", "_slices", "_total", "_written")

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque()
        self._total = Histograms()
        """The sum of all slices, kept up to date because it is asked for often."""
        self._estimate: tuple[float, Survival] | None = None
        self._written: list[str] | None = None
        """The sum as text; None since it has changed."""

    def record(self, seconds: float, *, observed: bool, now: float) -> None:
        """Record a sample: the time to the first token, or the age at which it was cut off."""
        self._rotate(now)
        last = self._slices[-1]
        last.samples.record(seconds, observed=observed)
        last.count += 1
        self._total.record(seconds, observed=observed)
        self._written = None

    def survival(self, now: float) -> Survival:
        """Return the estimate from all slices. It is computed at most once per second."""
        if self._estimate is None or now - self._estimate[0] >= STALE_SECONDS:
            self._estimate = now, self.sums(now).survival()
        return self._estimate[1]

    def is_expired(self, now: float) -> bool:
        """Return whether no slice is young enough to count."""
        return not self._slices or now - self._slices[-1].since > SLICES * SLICE_LONGEST_SECONDS

    def sums(self, now: float, within: float = inf) -> Histograms:
        """Return the sum of all slices, or of those that began at most `within` seconds ago.

        The sum of all is the window's own and changes with it.
        """
        if self._slices:
            self._rotate(now)
        if within == inf:
            return self._total
        total = Histograms()
        for part in self._slices:
            if now - part.since <= within:
                total.add(part.samples)
        return total

    def write(self, now: float) -> list[str]:
        """Return the sum of all slices as text. It is compressed again only if it has changed."""
        total = self.sums(now)
        if self._written is None:
            self._written = total.write()
        return self._written

    def _rotate(self, now: float) -> None:
        if not self._slices or self._slices[-1].is_full(now):
            self._slices.append(_Slice(now))
        while (
            len(self._slices) > SLICES
            or now - self._slices[0].since > SLICES * SLICE_LONGEST_SECONDS
        ):
            self._total.remove(self._slices.popleft().samples)
            self._written = None
