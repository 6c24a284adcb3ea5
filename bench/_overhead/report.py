"""The report of `bench.overhead`: plain values for JSON and tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from bench._main import failed_lines, told_settings
from bench._overhead.kinds import TOKENS
from bench._overhead.layers import LAYERS, Layer
from bench._overhead.tally import Cell
from bench._shares import Share, busy_lines

REFERENCE_US: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "stock parts": {"plain": 2200.0, "paced chunk": 280.0},
        "a lean road": {"plain": 1000.0, "paced chunk": 130.0},
    }
)
"""The values expected before the implementation, on another machine: an order of magnitude."""
_WIDTH = 28


@dataclass(frozen=True, slots=True)
class Row:
    """One kind at one number of connections. The names carry the units."""

    name: str
    title: str
    connections: int
    requests: int
    failures: Mapping[str, int]
    """Failures of all runs."""
    requests_per_second: float
    pieces_per_request: float
    """Pieces of the body: one for each write of the gateway. A busy gateway finds several chunks
    waiting and sends them together, so there are then fewer pieces than chunks."""
    cpu_us_per_request: float
    """Processor time of the gateway."""
    cpu_us_per_chunk: float | None
    """The same, divided by the chunks, where these come one by one."""
    cpu_us_per_further_piece: float | None
    """The cost of a separate piece: the difference to the same chunks at once, divided by the
    pieces after the first."""
    layers_us: Mapping[Layer, float]
    """The cost of a request by layer, from the samples."""
    samples: int
    sampled_cpu_us_per_request: float
    """Processor time of the gateway while it was sampled."""
    serving_alone_us: float
    transport_alone_us: float | None
    shares: Mapping[str, Share]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `settings` and `machine` describe what ran, and where."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row]
    main_thread_share: float
    """The main thread's share of the gateway's processor time. Other threads are not counted."""

    @property
    def failed(self) -> int:
        """The number of requests without the expected answer."""
        return sum(sum(row.failures.values()) for row in self.rows)

    @property
    def complaint(self) -> str:
        """The number of failed requests in words; empty if there are none."""
        return f"{self.failed} requests failed" if self.failed else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        reference = {name: dict(figures) for name, figures in REFERENCE_US.items()}
        return {"benchmark": "overhead", "reference_us": reference, **asdict(self)}

    def to_text(self) -> str:
        """Return the tables and their explanation as text."""
        lines = ["CPU of the gateway, us a request", told_settings(self.settings), "", *_COSTS]
        lines += map(_cost_line, self.rows)
        lines += ["", *_LAYERS, *map(_layer_line, self.rows), ""]
        lines += [f"expected, on another machine: {', '.join(_references())}"]
        lines += [f"the main thread had {self.main_thread_share:.1%} of the gateway's time", ""]
        lines += busy_lines(self.rows, _WIDTH)
        lines += failed_lines(self.rows)
        return "\n".join(lines)


def make_rows(cells: Sequence[Cell]) -> list[Row]:
    """Return the reported numbers of the cells."""
    at_once = {
        cell.connections: cell.gateway.cpu_us("gateway")
        for cell in cells
        if cell.kind.stream and not cell.kind.paced
    }
    return [_make_row(cell, at_once[cell.connections]) for cell in cells]


def _make_row(cell: Cell, at_once_us: float) -> Row:
    run, cpu_us = cell.gateway, cell.gateway.cpu_us("gateway")
    paced = cell.kind.paced
    pieces = run.pieces / max(run.requests, 1)
    samples = cell.layers.total()
    return Row(
        name=f"{cell.kind.name}_{cell.connections}",
        title=f"{cell.kind.title}, {cell.connections}",
        connections=cell.connections,
        requests=run.requests,
        failures=dict(sum((run.failures for run in cell.runs), Counter())),
        requests_per_second=run.spent.rate(run.requests),
        pieces_per_request=pieces,
        cpu_us_per_request=cpu_us,
        cpu_us_per_chunk=cpu_us / TOKENS if paced else None,
        cpu_us_per_further_piece=(cpu_us - at_once_us) / max(pieces - 1, 1) if paced else None,
        layers_us={layer: cpu_us * cell.layers[layer] / max(samples, 1) for layer in LAYERS},
        samples=samples,
        sampled_cpu_us_per_request=cell.sampled.cpu_us("gateway"),
        serving_alone_us=cell.serving.cpu_us("serving"),
        transport_alone_us=cell.transport_us,
        shares=run.shares,
    )


_COSTS = (
    f"{'':{_WIDTH}} {'':>24}   {'the gateway':>24}   {'alone':>20}",
    f"{'kind, connections':{_WIDTH}} {'requests':>8}{'per s':>8}{'pieces':>8}   "
    f"{'request':>8}{'chunk':>8}{'further':>8}   {'serving':>10}{'transport':>10}",
)


def _cost_line(row: Row) -> str:
    return (
        f"{row.title:{_WIDTH}} {row.requests:8}{row.requests_per_second:8.0f}"
        f"{row.pieces_per_request:8.1f}   "
        f"{_us(row.cpu_us_per_request)}{_us(row.cpu_us_per_chunk)}"
        f"{_us(row.cpu_us_per_further_piece)}   "
        f"{_us(row.serving_alone_us, 10)}{_us(row.transport_alone_us, 10)}"
    ).rstrip()


_LAYERS = (
    "whose it is, us a request (share)",
    f"{'kind, connections':{_WIDTH}} " + "".join(f"{layer:>13}" for layer in LAYERS) + "  samples",
)


def _layer_line(row: Row) -> str:
    whole = row.cpu_us_per_request or 1.0
    cells = "".join(f"{us:7.0f} {us / whole:>4.0%} " for us in row.layers_us.values())
    return f"{row.title:{_WIDTH}} {cells}{row.samples:9}"


def _us(value: float | None, width: int = 8) -> str:
    return " " * width if value is None else f"{value:{width}.0f}"


def _references() -> list[str]:
    return [
        f"{name} {figures['plain']:.0f} plain and {figures['paced chunk']:.0f} a paced chunk"
        for name, figures in REFERENCE_US.items()
    ]
