"""The report of `bench.hedge`: its tables, and whether the theory and the extra load held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isinf
from typing import Any

from bench._hedge.rows import QUANTILES, Row

KNOB_SLACK = 1.1
"""The extra load may exceed its setting by a tenth, over any ten minutes."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The theoretical values of a row of the first table."""

    policy: str
    what: str
    theory: float
    within: float = 0.10


AIMS = (
    Aim("race2", "p50", 0.94),
    Aim("race2", "p99", 3.3),
    Aim("hedge@5%", "p99", 5.8),
    Aim("hedge@5%", "p99.9", 8.0),
    Aim("hedge@5%", "extra", 0.049),
)


@dataclass(frozen=True, slots=True)
class Report:
    """All measurements."""

    settings: dict[str, Any]
    tables: Mapping[str, Sequence[Row]]

    @property
    def rows(self) -> list[Row]:
        """Every row, of all tables."""
        return [row for rows in self.tables.values() for row in rows]

    @property
    def missed(self) -> list[str]:
        """The missed aims, and the rows whose extra load was too high."""
        steady = {row.policy: row for row in self.rows if row.scene == "steady"}
        words = []
        for aim in AIMS:
            row = steady.get(aim.policy)
            if row is not None:
                got = row.extra if aim.what == "extra" else row.quantiles[aim.what]
                if abs(got / aim.theory - 1) > aim.within:
                    words.append(f"{aim.policy} {aim.what}: {got:.3f}, theory {aim.theory}")
        for row in self.rows:
            if not row.estimator and knob(row) and row.worst_extra > knob(row) * KNOB_SLACK:
                words.append(f"{row.policy}, {row.scene}: {row.worst_extra:.2%} in ten minutes")
        return words

    @property
    def complaint(self) -> str:
        """What was missed. In virtual time this is never noise of the machine."""
        return "; ".join(self.missed)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        tables = {name: [asdict(row) for row in rows] for name, rows in self.tables.items()}
        return {"settings": self.settings, "tables": tables, "missed": self.missed}

    def to_text(self) -> str:
        """Return the report as text."""
        lines = []
        for name, rows in self.tables.items():
            lines += ["", f"## {name}", "", *_table(rows)]
        met = "every aim is met, and the knob held" if not self.missed else "MISSED: "
        return "\n".join([*lines, "", met + "; ".join(self.missed)])


def knob(row: Row) -> float:
    """Return the extra load that a policy is allowed; 0 if it has no such setting."""
    share = row.policy.partition("@")[2].partition("/")[0]
    return float(share[:-1]) / 100 if share.endswith("%") else 0.0


def _table(rows: Sequence[Row]) -> list[str]:
    scale, unit = (1000, "ms") if rows[0].quantiles["p50"] < 0.1 else (1, "s")
    head = ["scene", "policy", *(f"{name} {unit}" for name in QUANTILES)]
    head += ["no answer", "extra starts", "worst 10 min", "denied"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in rows:
        times = [_time(row.quantiles[name] * scale) for name in QUANTILES]
        worst = f"{row.worst_extra:.2%}" if row.worst_extra else ""
        cells = [row.scene, row.title, *times, f"{row.failed:.2%}", f"{row.extra:.2%}", worst]
        lines.append(f"| {' | '.join([*cells, str(row.denied or '')])} |")
    return lines


def _time(value: float) -> str:
    return "never" if isinf(value) else f"{value:.2f}"
