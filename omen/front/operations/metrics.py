"""`GET /metrics`: figures for Prometheus, read from the parts at the moment of the scrape.

Nothing is counted twice: whoever owns a number is asked for it.

**Source.** prometheus.io/docs/instrumenting/writing_clientlibs and exposition_formats, read
2026-11-26.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from omen.admission import Controller
from omen.front.operations import metrics_of_stores as stores
from omen.front.operations.merged_metrics import Family, merge, plain, render
from omen.front.operations.metrics_of_admission import admission
from omen.front.operations.metrics_of_traffic import traffic
from omen.front.operations.peers import Gathered
from omen.gateway import Gateway
from omen.telemetry import EXTRA_ROLES, CancelTimes

__all__ = ["CONTENT_TYPE", "Connections", "Metrics"]

CANCEL_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Connections(Protocol):
    """What is asked of a server about its connections."""

    accepted: int
    refused: int
    evicted: int
    short_of_descriptors: int

    def __len__(self) -> int: ...


class Metrics(Collector):
    """Everything there is to scrape."""

    def __init__(
        self, gateway: Gateway, connections: Connections, controller: Controller | None = None
    ) -> None:
        self._gateway = gateway
        self._controller = controller
        self._connections = connections
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._nameless = CollectorRegistry(auto_describe=False)
        self._nameless.register(_Nameless(self))
        for registry in (self._registry, self._nameless):
            ProcessCollector(registry=registry)

    def render(self, *, named: bool = True) -> bytes:
        """Return them in Prometheus's text format.

        Without `named` those are left out whose labels name providers or models.
        """
        return generate_latest(self._registry if named else self._nameless)

    def plain(self) -> list[Family]:
        """Return them in a form that adds up with those of other workers."""
        return plain(self._registry.collect())

    def render_all(self, others: Gathered, *, named: bool = True) -> bytes:
        """Return the metrics of all workers in Prometheus's text format."""
        own = plain((self._registry if named else self._nameless).collect())
        names = {family[0] for family in own}
        parts = [
            part["metrics"] for part in (*others.answers, others.ended, others.supervisor) if part
        ]
        merged = merge(own, *parts)
        recent = [self._gateway.hedges.recent, *(part["recent"] for part in others.answers)]
        requests = sum(part[0] for part in recent)
        for family in merged:
            if family[0] == "omen_extra_load_ratio":
                ratio = sum(part[1] for part in recent) / requests if requests else 0.0
                family[3] = [["omen_extra_load_ratio", [], ratio]]
        return render([family for family in merged if named or family[0] in names])

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; the library calls this."""
        yield from self.nameless()
        yield from traffic(self._gateway)

    def nameless(self) -> Iterator[Metric]:
        """Yield every metric whose labels name no provider and no model."""
        yield from self._attempts()
        yield from self._connection_counts()
        yield from self._bytes_in_flight()
        yield _cancel_seconds(self._gateway.cancel_times)
        yield from self._hedges()
        yield from admission(self._controller, self._gateway)
        yield from stores.slots(self._gateway)
        yield from stores.requests(self._gateway)
        yield from stores.budget(self._gateway)
        yield from stores.shared_state(self._gateway)
        yield from stores.ledger(self._gateway)
        yield from self._audit()

    def _attempts(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "omen_attempts_live",
            "Attempts that may hold an upstream stream.",
            len(self._gateway.attempts.live),
        )
        sockets = self._gateway.upstream_sockets
        if sockets is not None:
            text = "Sockets to upstreams that are in use: as many as attempts, at every moment."
            yield GaugeMetricFamily("omen_upstream_sockets_live", text, sockets.in_use)
            text = "Sockets to upstreams that probes have in use."
            yield GaugeMetricFamily("omen_probe_sockets_live", text, sockets.probing)
            text = "Sockets to upstreams that are kept for a next attempt."
            yield GaugeMetricFamily("omen_upstream_sockets_idle", text, sockets.idle)

    def _connection_counts(self) -> Iterable[Metric]:
        here = self._connections
        yield GaugeMetricFamily("omen_connections_live", "Connections of clients.", len(here))
        yield CounterMetricFamily(
            "omen_connections_accepted", "Connections of clients that were served.", here.accepted
        )
        yield CounterMetricFamily(
            "omen_connections_refused", "Connections turned away as too many.", here.refused
        )
        text = "Connections without a request that were closed to make room for others."
        yield CounterMetricFamily("omen_connections_evicted", text, here.evicted)
        text = "How often no descriptor was free for a client's connection."
        yield CounterMetricFamily("omen_descriptor_shortages", text, here.short_of_descriptors)

    def _bytes_in_flight(self) -> Iterable[Metric]:
        held = self._gateway.in_flight
        text = "Bytes held for requests: bodies, and answers that are not passed on as they come."
        yield GaugeMetricFamily("omen_bytes_in_flight", text, held.used)
        text = "server.max_bytes_in_flight."
        yield GaugeMetricFamily("omen_bytes_in_flight_limit", text, held.limit)
        text = "Times at which a request or an attempt needed more than was left, and failed."
        yield CounterMetricFamily("omen_bytes_in_flight_refused", text, held.refused)

    def _hedges(self) -> Iterable[Metric]:
        hedges = self._gateway.hedges
        text = "Extra starts, which no caller asked for: sent, of these won, and denied."
        metric = CounterMetricFamily("omen_hedges", text, labels=["role", "result"])
        for role in EXTRA_ROLES:
            for result in ("sent", "won", "denied"):
                metric.add_metric([role, result], getattr(hedges, result)[role])
        yield metric
        text = "Extra starts to requests over the last ten minutes; race.max_extra_load bounds it."
        yield GaugeMetricFamily("omen_extra_load_ratio", text, hedges.extra_load)

    def _audit(self) -> Iterable[Metric]:
        audit = self._gateway.audit
        if audit is not None:
            yield CounterMetricFamily(
                "omen_audited_requests", "Requests looked at when they had ended.", audit.checked
            )
            yield CounterMetricFamily(
                "omen_audit_failures", "Requests of which something was left.", audit.failed
            )


class _Nameless(Collector):
    """The metrics that anybody on this machine may see while no caller can be known."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield them; the library calls this."""
        yield from self._metrics.nameless()


def _cancel_seconds(times: CancelTimes) -> Metric:
    metric = HistogramMetricFamily(
        "omen_cancel_seconds",
        "From the decision to cut an attempt off until its socket was closed.",
        labels=["reason"],
    )
    for reason, told in times.by_reason(bounds=CANCEL_BOUNDS).items():
        buckets = [(f"{bound:g}", float(count)) for bound, count in told.within.items()]
        metric.add_metric([reason], [*buckets, ("+Inf", float(told.count))], told.total)
    return metric
