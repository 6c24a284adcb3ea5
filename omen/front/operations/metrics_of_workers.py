"""The supervisor's part of `/metrics` and `/status`: its workers, and the writer of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from omen.front.operations.merged_metrics import Family, plain
from omen.front.operations.metrics_of_stores import ledger_rows
from omen.front.operations.status import describe_ledger
from omen.gateway import Books


class Workers(Protocol):
    """What is asked of a supervisor."""

    @property
    def serving(self) -> int: ...

    @property
    def restarts(self) -> int: ...

    @property
    def processes(self) -> list[int | None]: ...


class SupervisorFigures:
    """Returns the supervisor's part whenever a worker answers for the whole gateway."""

    def __init__(self, workers: Workers, books: Books) -> None:
        self._workers = workers
        self._books = books
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)

    def __call__(self) -> dict[str, Any]:
        """Return the part, in a form that JSON has."""
        workers = self._workers
        ledger = self._books.ledger
        rows = ledger_rows(ledger, is_away=ledger.is_away)
        families: list[Family] = plain((*of_workers(workers), *rows, *self._process.collect()))
        return {
            "metrics": families,
            "ledger": describe_ledger(self._books),
            "workers": {
                "configured": len(workers.processes),
                "serving": workers.serving,
                "restarts": workers.restarts,
                "processes": workers.processes,
            },
        }


def of_workers(workers: Workers) -> Iterator[Metric]:
    """Yield the metrics of the processes themselves."""
    text = "Worker processes that serve."
    yield GaugeMetricFamily("omen_workers", text, workers.serving)
    text = "Worker processes that ended and were started again."
    yield CounterMetricFamily("omen_worker_restarts", text, workers.restarts)
