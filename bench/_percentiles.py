"""Durations, kept in an HdrHistogram and reported as percentiles."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hdrh.histogram import HdrHistogram

PERCENTILES: Mapping[str, float] = MappingProxyType(
    {"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}
)
"""The reported percentiles, by name."""
_LONGEST_US = 60_000_000
_DIGITS = 3


class Durations:
    """A histogram of durations, to the microsecond and to three digits.

    **Units.** Seconds in, milliseconds out. A duration above one minute counts as one minute.
    """

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, _DIGITS)

    def __len__(self) -> int:
        return int(self._histogram.get_total_count())

    def add(self, seconds: float) -> None:
        """Add one duration; it must not be negative."""
        self._histogram.record_value(min(round(seconds * 1_000_000), _LONGEST_US))

    def to_ms(self) -> dict[str, float]:
        """Return every percentile; all are 0 when no duration was added."""
        histogram = self._histogram
        return {
            name: histogram.get_value_at_percentile(at) / 1000 for name, at in PERCENTILES.items()
        }
