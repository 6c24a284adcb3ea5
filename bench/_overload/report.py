"""The report of `bench.overload`, as text, as plain values and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench._overload.steps import OPERATIONS, Step, percentile

ENOUGH = 0.95
"""The share of the peak that the goodput must keep."""
MOST_MS = 50.0
"""The most that an operations route may take, and what the p99 may have beyond twice unloaded."""
REFUSAL_US = 100.0


@dataclass(frozen=True)
class Report:
    """The steps: the first is the unloaded one, the last the one after the load."""

    steps: Sequence[Step]
    options: Mapping[str, Any]
    machine: Mapping[str, object]

    @property
    def complaint(self) -> str:
        """A reason why the numbers are not valid."""
        return "" if self.steps[0].answered else "no request was answered"

    @property
    def peak(self) -> float:
        """The best goodput."""
        return max(step.goodput for step in self.steps)

    @property
    def bound_ms(self) -> float:
        """What the p99 of an answered request may be."""
        return 2 * percentile(self.steps[0].answered, 0.99) + MOST_MS

    @property
    def answer_cost(self) -> float:
        """The processor time of an answer in seconds, where nothing was refused."""
        calm = next(step for step in self.steps if step.name == "x0.5")
        return calm.cpu.running / max(1, len(calm.answered))

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        rows = []
        for step in self.steps:
            cost = step.refusal_us(self.answer_cost)
            told = {"refusal_us": None if cost is None else round(cost, 1)}
            rows.append({**step.row(), "of_peak": round(step.goodput / self.peak, 3), **told})
        return {
            "options": dict(self.options),
            "machine": dict(self.machine),
            "peak": round(self.peak, 1),
            "p99_bound_ms": round(self.bound_ms, 1),
            "answer_us": round(1e6 * self.answer_cost),
            "steps": rows,
            "met": self._met(),
        }

    def _met(self) -> dict[str, bool]:
        steps = {step.name: step for step in self.steps}
        loaded = [steps[name] for name in ("x2", "x10")]
        operations = [max(times) for step in self.steps for times in step.operations.values()]
        costs = [step.refusal_us(self.answer_cost) or 0.0 for step in loaded]
        return {
            **{f"goodput {s.name}": s.goodput >= ENOUGH * self.peak for s in loaded},
            **{f"p99 {s.name}": percentile(s.answered, 0.99) <= self.bound_ms for s in loaded},
            "refusal": max(costs) <= REFUSAL_US,
            "operations": 1000 * max(operations) <= MOST_MS,
            "back to normal": steps["1 s after"].refused == 0,
        }

    def to_text(self) -> str:
        """Return the report as text."""
        lines = [
            f"bench.overload: {self.machine['at']}, {self.machine['cores']} cores,"
            f" load {self.machine['load_average']}",
            f"peak {self.peak:.0f}/s; an answer takes {1e6 * self.answer_cost:.0f} µs;"
            f" p99 may be {self.bound_ms:.0f} ms",
            "",
            f"{'step':>10} {'offered':>8} {'goodput':>8} {'of peak':>7} {'p50':>6} {'p99':>6}"
            f" {'refused':>7} {'µs each':>7} {'lost':>5} {'cpu':>5} {'wanted':>6}"
            + "".join(f" {path + ' p50/max':>19}" for path in OPERATIONS),
        ]
        for row in self.to_json()["steps"]:
            times = [row["operations"][path] for path in OPERATIONS]
            operations = "".join(f" {t['p50_ms'] or 0:>9.1f}/{t['max_ms']:<9.1f}" for t in times)
            cost = "" if row["refusal_us"] is None else f"{row['refusal_us']:.0f}"
            lines.append(
                f"{row['step']:>10} {row['offered']:>8.0f} {row['goodput']:>8.0f}"
                f" {row['of_peak']:>7.0%} {row['p50_ms']:>6.0f} {row['p99_ms']:>6.0f}"
                f" {row['refused_share']:>7.1%} {cost:>7} {row['lost']:>5}"
                f" {row['cpu_seconds']:>5.1f} {row['wanted_seconds']:>6.2f}{operations}"
            )
        met = self._met()
        lines += [
            "",
            *(f"{'met' if is_met else 'NOT met'}: {name}" for name, is_met in met.items()),
        ]
        return "\n".join(lines)

    def draw(self, path: Path) -> None:
        """Write a picture, in the format that the file's name ends in."""
        from bench._overload.plot import draw  # matplotlib is optional

        draw(self.to_json(), path)
