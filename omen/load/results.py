"""What one arm's callers saw. Memory does not grow with the number of requests.

**Units.** Seconds in; histograms hold microseconds, to three digits, up to one hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

from omen.load.options import Metric, Objective

_LONGEST_US = 3_600_000_000
_DIGITS = 3
FELL_BEHIND = 0.010
"""A run fell behind its schedule if more than one request in a hundred started this much late."""


@dataclass(slots=True)
class Sample:
    """One request, on trio's clock. Latencies count from `intended`, not from `started`."""

    intended: float
    started: float
    first: float = 0.0
    last: float = 0.0
    gaps: list[float] = field(default_factory=list)
    ended: float = 0.0
    tokens: int = 0
    error: str = ""

    def value(self, metric: Metric) -> float:
        """Return one latency. `gap` is the mean distance of its useful events after the first."""
        if metric == "ttft":
            return self.first - self.intended
        if metric == "e2e":
            return self.ended - self.intended
        return sum(self.gaps) / len(self.gaps) if self.gaps else 0.0


class Results:
    """The results of one arm."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = objectives
        self.histograms = {name: _histogram() for name in ("ttft", "gap", "e2e", "lag")}
        self.errors: Counter[str] = Counter()
        self.requests = self.tokens = self.good = 0
        self.seconds = 0.0
        self.within = [0] * len(objectives)

    def add(self, sample: Sample) -> None:
        """Count a request that has ended. A failed one has a lag, but no latency."""
        self.requests += 1
        self._record("lag", sample.started - sample.intended)
        if sample.error:
            self.errors[sample.error] += 1
            return
        self.tokens += sample.tokens
        self._record("ttft", sample.value("ttft"))
        self._record("e2e", sample.value("e2e"))
        for gap in sample.gaps:
            self._record("gap", gap)
        kept = [sample.value(goal.metric) <= goal.limit for goal in self.objectives]
        self.within = [count + met for count, met in zip(self.within, kept, strict=True)]
        self.good += all(kept)

    def met(self) -> list[bool]:
        """Return for every objective whether it is met. Without a request none is."""
        pairs = zip(self.objectives, self.within, strict=True)
        return [self.requests > 0 and n >= goal.share * self.requests for goal, n in pairs]

    def quantile(self, name: str, percent: float) -> float:
        """Return seconds; 0 without a value."""
        return float(self.histograms[name].get_value_at_percentile(percent)) / 1e6

    @property
    def fell_behind(self) -> bool:
        """Whether this harness, not the endpoint, was too slow for its schedule."""
        return self.quantile("lag", 99) > FELL_BEHIND

    def _record(self, name: str, seconds: float) -> None:
        value = min(max(round(seconds * 1e6), 0), _LONGEST_US)
        self.histograms[name].record_value(value)


def _histogram() -> HdrHistogram:
    return HdrHistogram(1, _LONGEST_US, _DIGITS)
