"""The report: what the tallies come to, as plain values for JSON and as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from bench._tally import Tally

AIMS_MS: Mapping[str, float] = MappingProxyType({"p50": 3.0, "p99": 15.0})
"""Of the excess of a race, at 16 requests at once: below this, in milliseconds."""
_PERCENTILES = MappingProxyType({"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0})


@dataclass(frozen=True, slots=True)
class Row:
    """One variant. The names carry the units; the gateway's shares are 0 where it is not there."""

    name: str
    title: str
    requests: int
    failures: Mapping[str, int]
    excess_ms: Mapping[str, float]
    ideal_winner_share: float
    missed_by_max_ms: float
    cpu_us_per_request: Mapping[str, float]
    gateway_cpu_us_per_chunk: float
    cores_busy: Mapping[str, float]
    requests_per_second: float
    aims_met: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `settings` and `machine` say what was run, and where."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row]

    @property
    def failed(self) -> int:
        """Requests that were not answered as they should have been."""
        return sum(sum(row.failures.values()) for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"benchmark": "race", "aims_ms": dict(AIMS_MS), **asdict(self)}

    def to_text(self) -> str:
        """Write the table and what follows from it."""
        told = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        lines = ["First useful token, over the best possible", told, "", *_HEADING]
        lines += map(_table_line, self.rows)
        lines += ["", *_own_parts(self.rows), *_aims(self.rows), *_busy(self.rows)]
        lines += [
            f"FAILED {row.title}: {count} x {reason}"
            for row in self.rows
            for reason, count in row.failures.items()
        ]
        return "\n".join(lines)


def make_row(tally: Tally) -> Row:
    """Turn what was added up into the numbers that are reported."""
    excess = {
        name: tally.excess.get_value_at_percentile(at) / 1000 for name, at in _PERCENTILES.items()
    }
    requests, seconds = max(tally.requests, 1), tally.seconds or 1.0
    aimed_at = tally.variant.aimed_at
    return Row(
        name=tally.variant.name,
        title=tally.variant.title,
        requests=tally.requests,
        failures=dict(tally.failures),
        excess_ms=excess,
        ideal_winner_share=tally.ideal / max(tally.answered, 1),
        missed_by_max_ms=tally.missed_by * 1000,
        cpu_us_per_request={name: s / requests * 1e6 for name, s in tally.cpu.items()},
        gateway_cpu_us_per_chunk=tally.cpu["gateway"] / max(tally.chunks, 1) * 1e6,
        cores_busy={name: s / seconds for name, s in tally.cpu.items()},
        requests_per_second=tally.requests / seconds,
        aims_met={n: excess[n] < aim for n, aim in AIMS_MS.items()} if aimed_at else {},
    )


_HEADING = (
    f"{'':36} {'excess over the best possible, ms':^31} {'ideal':>6}  {'gateway CPU, us':>17}",
    f"{'':36} {'p50':>7} {'p90':>7} {'p99':>7} {'max':>7} {'winner':>6} {'request':>9} {'chunk':>8}",
)


def _table_line(row: Row) -> str:
    excess = " ".join(f"{row.excess_ms[name]:7.2f}" for name in _PERCENTILES)
    line = f"{row.title:36} {excess}"
    if row.aims_met:
        line += f" {row.ideal_winner_share:6.1%}"
    if row.gateway_cpu_us_per_chunk:
        gateway = row.cpu_us_per_request["gateway"]
        gap = "" if row.aims_met else " " * 7
        line += f"{gap} {gateway:9.0f} {row.gateway_cpu_us_per_chunk:8.0f}"
    return line


def _own_parts(rows: Sequence[Row]) -> list[str]:
    """Set every variant beside the first one, which does without OMEN."""
    base = rows[0].excess_ms
    return [
        f"own part of {row.title}: "
        f"p50 {row.excess_ms['p50'] - base['p50']:+.2f} ms, "
        f"p99 {row.excess_ms['p99'] - base['p99']:+.2f} ms"
        for row in rows[1:]
    ]


def _aims(rows: Sequence[Row]) -> list[str]:
    return [
        f"aim for {row.title}: {name} below {AIMS_MS[name]:g} ms: "
        f"{'met' if met else 'NOT met'} ({row.excess_ms[name]:.2f})"
        for row in rows
        for name, met in row.aims_met.items()
    ]


def _busy(rows: Sequence[Row]) -> list[str]:
    """Say how busy the machine was: near its limit, the numbers are about the machine."""
    return [
        f"busy in {row.title}: {row.requests_per_second:.0f} requests/s; cores: "
        + ", ".join(f"{name} {share:.2f}" for name, share in row.cores_busy.items())
        for row in rows
    ]
