"""Histograms and names for metrics, bounded: no caller and no upstream can add without end."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from omen.telemetry._escaping import escaped

OTHER = "other"
MOST_MODELS = 20
"""Models with a label of their own, of all providers together."""
MOST_COMBINATIONS = 300
"""Combinations of labels of one histogram."""
_LONGEST_NAME = 100

Labels = tuple[str, ...]


class Histogram:
    """Counts of values in buckets, for each combination of labels.

    Once there are `most` combinations, values of further ones count in one where every label is
    `other`.
    """

    def __init__(self, bounds: Sequence[float], most: int = MOST_COMBINATIONS) -> None:
        self.bounds = tuple(bounds)
        self._most = most
        self._counts: dict[Labels, list[int]] = {}
        self._totals: dict[Labels, float] = {}

    def observe(self, labels: Labels, value: float) -> None:
        """Count one value."""
        labels = self._bounded(labels)
        self._counts[labels][bisect_left(self.bounds, value)] += 1
        self._totals[labels] += value

    def merge(self, labels: Labels, counts: Sequence[int], total: float) -> None:
        """Add values that were counted elsewhere, in the same buckets."""
        labels = self._bounded(labels)
        mine = self._counts[labels]
        for place, count in enumerate(counts):
            mine[place] += count
        self._totals[labels] += total

    def __iter__(self) -> Iterator[tuple[Labels, list[tuple[str, float]], float]]:
        """Yield labels, the cumulative counts by upper bound, and the sum of the values."""
        bounds = [*(f"{bound:g}" for bound in self.bounds), "+Inf"]
        for labels, counts in self._counts.items():
            cumulative = map(float, accumulate(counts))
            yield labels, list(zip(bounds, cumulative, strict=True)), self._totals[labels]

    def _bounded(self, labels: Labels) -> Labels:
        if labels in self._counts:
            return labels
        if len(self._counts) >= self._most:
            labels = (OTHER,) * len(labels)
        self._counts.setdefault(labels, [0] * (len(self.bounds) + 1))
        self._totals.setdefault(labels, 0.0)
        return labels


class ModelNames:
    """The label of a model: its name, or `other`.

    A caller may name any model where a provider does not list its own. So only models that a
    provider lists get their names, and of these the first `MOST_MODELS` that are used.
    """

    def __init__(self, is_listed: Callable[[str, str], bool], most: int = MOST_MODELS) -> None:
        self._is_listed = is_listed
        self._most = most
        self._names: dict[tuple[str, str], str] = {}

    def label(self, provider: str, model: str) -> str:
        """Return the label of a model at a provider."""
        name = self._names.get((provider, model))
        if name is not None:
            return name
        if len(self._names) >= self._most or not self._is_listed(provider, model):
            return OTHER
        name = self._names[provider, model] = escaped(model[:_LONGEST_NAME])
        return name
