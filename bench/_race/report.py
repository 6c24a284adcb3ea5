"""The report: the results of the tallies, as plain values for JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from bench._main import failed_lines, told_settings
from bench._percentiles import PERCENTILES
from bench._race.tally import Tally
from bench._shares import Share, busy_lines

AIMS_MS: Mapping[str, float] = MappingProxyType({"p50": 3.0, "p99": 15.0})
"""Upper bounds of the excess of a race in milliseconds, at 16 requests at once."""
_BASE = "direct"


@dataclass(frozen=True, slots=True)
class Row:
    """One variant. The names carry the units."""

    name: str
    title: str
    requests: int
    failures: Mapping[str, int]
    excess_ms: Mapping[str, float]
    ideal_winner_share: float
    missed_by_max_ms: float
    """The largest lead of an ideal winner that lost."""
    shares: Mapping[str, Share]
    chunks_per_request: float
    requests_per_second: float
    aims_met: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `settings` and `machine` describe what ran, and where."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row]

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
        return {"benchmark": "race", "aims_ms": dict(AIMS_MS), **asdict(self)}

    def to_text(self) -> str:
        """Return the table and its conclusions as text."""
        title = "First useful token, over the best possible"
        lines = [title, told_settings(self.settings), "", *_HEADING]
        lines += map(_table_line, self.rows)
        lines += ["", *_own_parts(self.rows), "", *_aims(self.rows), "", *busy_lines(self.rows)]
        lines += failed_lines(self.rows)
        return "\n".join(lines)


def make_row(tally: Tally) -> Row:
    """Return the reported numbers of a tally."""
    excess = tally.excess.to_ms()
    aims = AIMS_MS if tally.variant.aimed_at else {}
    return Row(
        name=tally.variant.name,
        title=tally.variant.title,
        requests=tally.requests,
        failures=dict(tally.failures),
        excess_ms=excess,
        ideal_winner_share=tally.ideal / max(tally.answered, 1),
        missed_by_max_ms=tally.missed_by * 1000,
        shares=tally.spent.shares(tally.requests),
        chunks_per_request=tally.chunks / max(tally.answered, 1),
        requests_per_second=tally.spent.rate(tally.requests),
        aims_met={name: excess[name] < aim for name, aim in aims.items()},
    )


_HEADING = (
    f"{'':36}  excess over the best possible, ms   ideal   gateway CPU, us",
    f"{'':36} {'p50':>8}{'p90':>8}{'p99':>8}{'max':>8}  winner   request   chunk",
)


def _table_line(row: Row) -> str:
    """Return one row as text. Without OMEN there is no choice of a winner and no gateway cost."""
    line = f"{row.title:36} " + "".join(f"{row.excess_ms[name]:8.2f}" for name in PERCENTILES)
    if row.name == _BASE:
        return line
    cpu = row.shares["gateway"].cpu_us_per_request
    chunk = cpu / max(row.chunks_per_request, 1)
    return f"{line}{row.ideal_winner_share:8.1%}{cpu:10.0f}{chunk:8.0f}"


def _own_parts(rows: Sequence[Row]) -> list[str]:
    """Compare every variant with the one without OMEN, and a race with a single attempt."""
    by_name = {row.name: row for row in rows}
    base, single = by_name[_BASE], by_name["single"]
    cost = single.shares["gateway"].cpu_us_per_request
    return [
        f"{row.title}: OMEN's own part p50 {row.excess_ms['p50'] - base.excess_ms['p50']:.2f} ms, "
        f"p99 {row.excess_ms['p99'] - base.excess_ms['p99']:.2f} ms, "
        f"CPU {row.shares['gateway'].cpu_us_per_request / (cost or 1):.2f} x one upstream's"
        for row in rows
        if row is not base
    ]


def _aims(rows: Sequence[Row]) -> list[str]:
    return [
        f"{row.title}: aim {name} < {AIMS_MS[name]:g} ms "
        f"{'met' if met else 'NOT met'} ({row.excess_ms[name]:.2f} ms)"
        for row in rows
        for name, met in row.aims_met.items()
    ]
