"""Draws what was used: a bar a group, what of its cost bought answers and what was the premium."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from omen.ledger.database import Usage

_MOST_BARS = 30


def draw(by: str, found: Sequence[Usage], path: Path) -> None:
    """Write a picture, in the format that the file's name ends in."""
    shown = sorted(found, key=lambda one: one.group or "") if by == "day" else found
    shown = shown[:_MOST_BARS]
    figure = Figure(figsize=(9, 1.5 + 0.4 * max(4, len(shown))), layout="constrained")
    axes = figure.subplots()
    names = [one.group or "-" for one in shown]
    answers = [float(one.cost_usd - one.premium_usd) for one in shown]
    axes.barh(names, answers, label="answers")
    premium = [float(one.premium_usd) for one in shown]
    axes.barh(names, premium, left=answers, label="premium: attempts that did not win")
    axes.invert_yaxis()
    axes.set_xlabel("US dollars")
    axes.set_ylabel(by)
    axes.grid(visible=True, axis="x", alpha=0.25)
    axes.legend()
    figure.savefig(path, dpi=150)
