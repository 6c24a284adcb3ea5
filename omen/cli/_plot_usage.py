"""The plot of `omen usage`: one bar per group, split into the cost of answers and the premium."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from omen.ledger.database import Usage

_MOST_BARS = 30


def draw(by: str, groups: Sequence[Usage], path: Path) -> None:
    """Write a picture. The suffix of the file name sets its format."""
    shown = sorted(groups, key=lambda group: group.group or "") if by == "day" else groups
    shown = shown[:_MOST_BARS]
    figure = Figure(figsize=(9, 1.5 + 0.4 * max(4, len(shown))), layout="constrained")
    axes = figure.subplots()
    names = [group.group or "-" for group in shown]
    answers = [float(group.cost_usd - group.premium_usd) for group in shown]
    axes.barh(names, answers, label="answers")
    premium = [float(group.premium_usd) for group in shown]
    axes.barh(names, premium, left=answers, label="premium: attempts that did not win")
    axes.invert_yaxis()
    axes.set_xlabel("US dollars")
    axes.set_ylabel(by)
    axes.grid(visible=True, axis="x", alpha=0.25)
    axes.legend()
    figure.savefig(path, dpi=150)
