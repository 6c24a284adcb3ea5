"""The report of `bench.compare`: medians, spreads, and what changed beyond the spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

from bench._compare.cases import Case
from bench._compare.rounds import Series

_WIDTH = 12


@dataclass(frozen=True, slots=True)
class Figure:
    """A median with its spread: the half of the values in the middle."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:8.1f} ({self.low:.0f}-{self.high:.0f})"

    @property
    def spread(self) -> float:
        """The width of the spread."""
        return self.high - self.low


def figure(values: Sequence[float]) -> Figure:
    """Return the figure of at least one value."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    return Figure(median(values), low, high)


def verdict(before: Figure, after: Figure) -> str:
    """Return what changed, in percent; "same" if the medians differ by less than the spreads do.

    The larger spread of the two decides, because noise of the machine meets both.
    """
    change = after.median - before.median
    if abs(change) <= max(before.spread, after.spread):
        return "same"
    return f"{change / before.median:+.1%}"


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of both trees and, where it has a value, of the skeleton."""

    name: str
    unit: str
    before: Figure
    after: Figure
    skeleton: Figure | None

    @property
    def line(self) -> str:
        of_skeleton = ""
        if self.skeleton is not None:
            times = self.after.median / self.skeleton.median
            of_skeleton = f"{self.skeleton!s:>24} {times:6.2f}x"
        changed = verdict(self.before, self.after)
        return (
            f"{self.name:{_WIDTH}}{self.unit:>12}{self.before!s:>24}{self.after!s:>24}"
            f"{changed:>9}{of_skeleton}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """All rows. `series`: the tree before, the tree after, the skeleton."""

    options: dict[str, Any]
    machine: dict[str, object]
    cases: Sequence[Case]
    series: tuple[Series, Series, Series]

    @property
    def complaint(self) -> str:
        """Why the numbers are not valid; empty if they are."""
        wrong = sum(one.wrong for one in self.series)
        return f"{wrong} answers were wrong" if wrong else ""

    @property
    def rows(self) -> list[Row]:
        """Every measure, those of the cases first."""
        rows = [row for case in self.cases for row in self._rows_of(case)]
        before, after, _ = self.series
        for name, unit in (("start_seconds", "s x 100"), ("idle_mb", "MB")):
            factor = 100 if unit != "MB" else 1
            pair = [[value * factor for value in getattr(one, name)] for one in (before, after)]
            rows.append(Row(name, unit, figure(pair[0]), figure(pair[1]), None))
        return rows

    def _rows_of(self, case: Case) -> list[Row]:
        def row(name: str, unit: str, measure: str) -> Row:
            figures = [
                figure([_value(block, measure, case) for block in blocks])
                if (blocks := one.blocks.get(case.name))
                else None
                for one in self.series
            ]
            before, after, skeleton = figures
            assert before is not None  # both trees answer every case
            assert after is not None
            return Row(name, unit, before, after, skeleton)

        rows = [row(case.name, f"us/{case.unit}", "cpu")]
        if case.per > 1:
            rows.append(row("  first", "us, p50", "first_p50"))
            rows += [row("  transit", f"us, p{p}", f"way_p{p}") for p in (50, 99)]
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        trees = {one.tree.name: asdict(one)["blocks"] for one in self.series}
        rows = [asdict(row) for row in self.rows]
        return {"options": self.options, "machine": self.machine, "rows": rows, "blocks": trees}

    def to_text(self) -> str:
        """Return the table."""
        before, after, _ = self.series
        head = (
            f"{'':{_WIDTH}}{'':>12}{before.tree.name:>24}{after.tree.name:>24}{'changed':>9}"
            f"{'skeleton':>24}  times"
        )
        load = " ".join(f"{value:.1f}" for value in self.machine["load_average"])  # type: ignore[attr-defined]
        note = f"processor time of the gateway; median (middle half); load average {load}"
        return "\n".join([note, head, *(row.line for row in self.rows)])


def _value(block: Any, measure: str, case: Case) -> float:
    if measure == "cpu":
        return float(block.cpu_us_per_request) / case.per
    return float(getattr(block.heard, measure))
