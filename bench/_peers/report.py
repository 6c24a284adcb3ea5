"""The report of `bench.peers`: plain values, a page, and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench._main import told_settings
from bench._peers.cells import CHUNKS, GAP_US, KINDS, Cell
from bench._peers.tools import Loaded

_HEAD = (
    "gateway",
    "version",
    "plain, 1 and 64 connections, µs",
    f"{CHUNKS} chunks at once, µs",
    "100 paced streams: pace kept, µs a chunk",
    "added at 1 connection, p50 and p99, ms",
    "paced: added first token p50, way of a chunk p50 and p99, ms",
    "start, s",
    "idle, MiB",
)
_IDEAL_MS = (CHUNKS - 1) * GAP_US / 1000


@dataclass(slots=True)
class Row:
    """One gateway."""

    name: str
    version: str
    start_seconds: float = 0.0
    idle_mib: float = 0.0
    cells: dict[str, Cell] = field(default_factory=lambda: {kind.name: Cell() for kind in KINDS})

    def columns(self, direct: Mapping[str, Sequence[Loaded]]) -> list[str]:
        """Return the cells of the table; `direct` is the upstream itself, by kind."""
        plain, many = self.cells["plain_1"], self.cells["plain_64"]
        paced, at_once = self.cells["paced"], self.cells["at_once"]
        added = [plain.middle("duration", at) - _middle(direct["plain_1"], at) for at in (0, 1)]
        first = paced.middle("first") - median(run.first[0] for run in direct["paced"])
        way = [paced.middle("way", at) for at in (0, 1)]
        pace = _IDEAL_MS / max(paced.middle("duration"), _IDEAL_MS)
        way_there = f"{first:.1f}; {way[0]:.2f}, {way[1]:.1f}"
        return [
            self.name,
            self.version,
            f"{_spread(plain)}; {_spread(many)}",
            _spread(at_once),
            f"{pace:.0%}, {paced.cpu / CHUNKS:.0f}" if paced.works else paced.trouble,
            f"{added[0]:.2f}, {added[1]:.2f}",
            way_there if paced.works else paced.trouble,
            f"{self.start_seconds:.1f}",
            f"{self.idle_mib:.0f}",
        ]


def _middle(runs: Sequence[Loaded], place: int) -> float:
    return median(run.duration[place] for run in runs)


def _spread(cell: Cell) -> str:
    if not cell.works:
        return cell.trouble
    least, most = cell.spread
    return f"{cell.cpu:,.0f} ({least:,.0f} to {most:,.0f})"


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `machine` has the kernel, the processor and the commit, too."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row]
    direct: Mapping[str, Sequence[Loaded]]
    left_out: Mapping[str, str]
    """Gateways that could not be installed or started, with the reason."""

    @property
    def complaint(self) -> str:
        """Requests of OMEN that failed. Others may fail: their cells of the table say so."""
        own = [row for row in self.rows if row.name == "OMEN"]
        failed = {row.name: sum(c.failures for c in row.cells.values()) for row in own}
        return "; ".join(
            f"{name}: {count} requests failed" for name, count in failed.items() if count
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "settings": dict(self.settings),
            "machine": dict(self.machine),
            "rows": [asdict(row) for row in self.rows],
            "direct": {name: [asdict(run) for run in runs] for name, runs in self.direct.items()},
            "left_out": dict(self.left_out),
        }

    def to_text(self) -> str:
        """Return the table, and what ran where."""
        lines = [
            f"| {' | '.join(_HEAD)} |",
            f"|{' --- |' * len(_HEAD)}",
            *(f"| {' | '.join(row.columns(self.direct))} |" for row in self.rows),
            "",
            f"{told_settings(self.settings)}; "
            + ", ".join(f"{name} {value}" for name, value in self.machine.items()),
            *(f"left out: {name}: {reason}" for name, reason in self.left_out.items()),
        ]
        return "\n".join(lines) + "\n"
