"""Metrics of several workers, as of one gateway. Pure.

Counters and histograms add up, also those of workers that have ended. Of a gauge there is only what
living workers have: most add up, and `_RULES` has the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

Family = list[Any]
"""The plain form of a metric: name, type, description, and samples of name, labels and value."""
_CUMULATIVE = frozenset({"counter", "histogram"})
_RULES: Mapping[str, Callable[[float, float], float]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "omen_pressure",
                "omen_loop_lag_seconds",
                "omen_breaker_state",
                "omen_shared_state_away",
                "omen_shared_state_replicas",
                "omen_ledger_away",
                "omen_budget_spent_usd",
                "omen_budget_limit_usd",
                "omen_extra_load_ratio",
                "process_max_fds",
            ),
            max,
        ),
        **dict.fromkeys(("omen_upstream_rate_limit_remaining", "process_start_time_seconds"), min),
    }
)
"""Gauges that do not add up."""


def plain(metrics: Iterable[Metric]) -> list[Family]:
    """Return metrics in their plain form, which JSON has."""
    return [
        [
            metric.name,
            metric.type,
            metric.documentation,
            [[s.name, sorted(s.labels.items()), s.value] for s in metric.samples],
        ]
        for metric in metrics
    ]


def merge(*parts: Sequence[Family]) -> list[Family]:
    """Return the metrics of several processes as one, in the order of their first appearance."""
    merged: dict[str, tuple[str, str, dict[Any, float]]] = {}
    for name, kind, text, samples in (family for part in parts for family in part):
        _, _, sums = merged.setdefault(name, (kind, text, {}))
        rule = _RULES.get(name, _sum)
        for sample, labels, value in samples:
            key = (sample, tuple(map(tuple, labels)))
            sums[key] = rule(sums[key], value) if key in sums else value
    return [
        [name, kind, text, [[sample, list(labels), v] for (sample, labels), v in sums.items()]]
        for name, (kind, text, sums) in merged.items()
    ]


def cumulative(families: Sequence[Family]) -> list[Family]:
    """Return the metrics that outlive their process: counters and histograms."""
    # `process_cpu_seconds_total` is a counter; without those that have ended it would go back.
    return [family for family in families if family[1] in _CUMULATIVE]


def render(families: Sequence[Family]) -> bytes:
    """Return metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    return generate_latest(registry)


class _Given(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; the library calls this."""
        for name, kind, text, samples in self._families:
            metric = Metric(name, text, kind)
            metric.samples = [Sample(s, dict(labels), value) for s, labels, value in samples]
            yield metric


def _sum(one: float, other: float) -> float:
    return one + other
