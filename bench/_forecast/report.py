"""The report of `bench.forecast`: its table, and what of the aims was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench._forecast.rows import KNOB, Row
from bench._forecast.scene import MIXED, ONE_SIZE
from bench._main import told_settings

RESCUED_WITHIN = 0.35
MOST_USELESS = 0.05
PINBALL = 0.5
"""The most that the loss may be, as a share of one histogram's."""
KNOB_SLACK = 1.1
NO_WORSE = 1.05
"""The factor up to which a time is no worse: quantiles of half an hour differ by that much."""

HEAD = (
    "scene", "rule", "stalled short prompts", "hedged after ms, p50, p95", "answered after ms",
    "useless hedges", "of all hedges", "extra starts", "worst 10 min", "pinball ms", "with stalls",
    "late, short, long", "p50, p99, p99.9 s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """All measurements."""

    settings: dict[str, Any]
    rows: Sequence[Row]

    @property
    def complaint(self) -> str:
        """What was missed. In virtual time this is never noise of the machine."""
        return "; ".join(self._missed())

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        rows = [asdict(row) for row in self.rows]
        return {"settings": self.settings, "rows": rows, "missed": self.complaint}

    def to_text(self) -> str:
        """Return the table, and the verdict."""
        verdict = f"MISSED: {self.complaint}" if self.complaint else "every aim is met"
        return f"{told_settings(self.settings)}: {verdict}\n\n{self.table}"

    @property
    def table(self) -> str:
        """The table as Markdown."""
        lines = [f"| {' | '.join(HEAD)} |", "| --- " * len(HEAD) + "|"]
        return "\n".join([*lines, *map(_line, self.rows)])

    def _missed(self) -> list[str]:
        rows = {(row.scene, row.rule): row for row in self.rows}
        words: list[str] = []
        for scene, check in ((MIXED, _mixed), (ONE_SIZE, _one_size)):
            ours, one = (rows.get((scene.name, r)) for r in ("by count", "one histogram"))
            if ours is not None and one is not None:
                words += check(ours, one)
        return words


def _mixed(ours: Row, one: Row) -> list[str]:
    checks: list[tuple[str, float, float]] = [
        ("hedged after", ours.rescued[0], RESCUED_WITHIN),
        ("useless hedges", ours.useless, MOST_USELESS),
        ("pinball loss", ours.pinball, PINBALL * one.pinball),
        ("worst ten minutes", ours.worst_extra, KNOB_SLACK * KNOB),
    ]
    return _beyond(ours, checks)


def _one_size(ours: Row, one: Row) -> list[str]:
    checks: list[tuple[str, float, float]] = [
        (name, mine, NO_WORSE * theirs)
        for name, mine, theirs in zip(
            ("p50", "p99", "p99.9"), ours.quantiles, one.quantiles, strict=True
        )
    ]
    checks.append(("pinball loss", ours.pinball, NO_WORSE * one.pinball))
    checks.append(("worst ten minutes", ours.worst_extra, KNOB_SLACK * KNOB))
    return _beyond(ours, checks)


def _beyond(row: Row, checks: Sequence[tuple[str, float, float]]) -> list[str]:
    return [
        f"{row.scene}, {name}: {found:.4g}, allowed {allowed:.4g}"
        for name, found, allowed in checks
        if found > allowed
    ]


def _line(row: Row) -> str:
    hedges = row.useless / row.extra if row.extra else 0.0
    cells = [
        row.scene,
        row.rule,
        str(row.stalled),
        f"{_ms(row.rescued[0])}, {_ms(row.rescued[1])}",
        _ms(row.answered),
        f"{row.useless:.2%}",
        f"{hedges:.0%}",
        f"{row.extra:.2%}",
        f"{row.worst_extra:.2%}",
        f"{row.pinball * 1000:.1f}",
        f"{row.pinball_of_all * 1000:.0f}",
        f"{row.late[0]:.1%}, {row.late[1]:.1%}",
        ", ".join(f"{seconds:.2f}" for seconds in row.quantiles),
    ]
    return f"| {' | '.join(cells)} |"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
