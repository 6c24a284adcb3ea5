"""The report of `bench.cancel`: plain values for JSON and a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from bench._cancel.metrics import OwnAccount
from bench._cancel.tally import Tally
from bench._main import failed_lines, told_settings
from bench._percentiles import PERCENTILES
from bench._shares import Share, busy_lines

AIMS_MS: Mapping[str, float] = MappingProxyType({"p99": 5.0})
"""Upper bounds of the delay in milliseconds, on an idle machine."""
_BASE = "direct"
_WIDTH = 46


@dataclass(frozen=True, slots=True)
class Row:
    """One variant at one concurrency. The names carry the units."""

    name: str
    title: str
    concurrency: int
    requests: int
    closed: int
    """Streams whose close was timed: without failures, all that had to be closed."""
    delay_ms: Mapping[str, float]
    """From the cause until the upstream sees the close."""
    aside: Mapping[str, int]
    """Streams that were not timed, by category."""
    failures: Mapping[str, int]
    shares: Mapping[str, Share]
    requests_per_second: float
    aims_met: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `settings` and `machine` describe what ran, and where."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row]
    still_open: Mapping[str, int]
    """Streams that each upstream still had open at the end."""
    own_account: OwnAccount

    @property
    def failed(self) -> int:
        """The number of failed requests and of streams that were not closed."""
        failures = sum(sum(row.failures.values()) for row in self.rows)
        return failures + sum(self.still_open.values())

    @property
    def complaint(self) -> str:
        """The number of failures in words; empty if there are none."""
        return f"{self.failed} requests failed or streams were not closed" if self.failed else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"benchmark": "cancel", "aims_ms": dict(AIMS_MS), **asdict(self)}

    def to_text(self) -> str:
        """Return the table and its conclusions as text."""
        title = "From the cause to the upstream's seeing the close"
        lines = [title, told_settings(self.settings), "", *_HEADING]
        lines += map(_table_line, self.rows)
        lines += ["", *_own_parts(self.rows), "", *_aims(self.rows)]
        lines += ["", *self._accounts(), "", *busy_lines(self.rows, _WIDTH)]
        lines += failed_lines(self.rows)
        return "\n".join(lines)

    def _accounts(self) -> list[str]:
        """Return lines that account for all streams."""
        left = ", ".join(f"{name} {count}" for name, count in self.still_open.items())
        return [
            f"closed and timed: {sum(row.closed for row in self.rows)} streams; not timed: "
            f"{sum(sum(row.aside.values()) for row in self.rows)}; failures: {self.failed}",
            *(
                f"not timed, {row.title}: {count} x {what}"
                for row in self.rows
                for what, count in row.aside.items()
            ),
            f"open in the end: {left}",
            self.own_account.to_text(),
        ]


def make_row(tally: Tally) -> Row:
    """Return the reported numbers of a tally.

    An aim is met only if there are streams that were closed.
    """
    delay = tally.delays.to_ms()
    aims = AIMS_MS if tally.way.aimed_at else {}
    return Row(
        name=tally.way.name,
        title=f"{tally.way.title}, {tally.concurrency} at once",
        concurrency=tally.concurrency,
        requests=tally.requests,
        closed=len(tally.delays),
        delay_ms=delay,
        aside=dict(tally.aside),
        failures=dict(tally.failures),
        shares=tally.spent.shares(tally.requests),
        requests_per_second=tally.spent.rate(tally.requests),
        aims_met={name: len(tally.delays) > 0 and delay[name] < aim for name, aim in aims.items()},
    )


_HEADING = (
    f"{'':{_WIDTH}} {'requests':>8}{'closed':>8}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8}  ms",
)


def _table_line(row: Row) -> str:
    delays = "".join(f"{row.delay_ms[name]:8.2f}" for name in PERCENTILES)
    return f"{row.title:{_WIDTH}} {row.requests:8}{row.closed:8}{delays}"


def _own_parts(rows: Sequence[Row]) -> list[str]:
    """Compare every variant with the one without OMEN, at the same concurrency."""
    base = {row.concurrency: row.delay_ms for row in rows if row.name == _BASE}
    return [
        f"{row.title}: OMEN's own part "
        + ", ".join(
            f"{name} {row.delay_ms[name] - base[row.concurrency][name]:.2f} ms"
            for name in ("p50", "p99")
        )
        for row in rows
        if row.name != _BASE and row.concurrency in base
    ]


def _aims(rows: Sequence[Row]) -> list[str]:
    return [
        f"{row.title}: aim {name} < {AIMS_MS[name]:g} ms "
        f"{'met' if met else 'NOT met'} ({row.delay_ms[name]:.2f} ms)"
        for row in rows
        for name, met in row.aims_met.items()
    ]
