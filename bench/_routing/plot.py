"""Draws scores and choices over time: one column for each trouble."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bench._routing.play import Played


def draw(played: Sequence[Played], path: Path) -> None:
    """Write a picture, in the format that the file's name ends in."""
    figure = Figure(figsize=(3.4 * len(played), 5), layout="constrained")
    axes = figure.subplots(2, len(played), sharey="row", squeeze=False)
    for column, one in enumerate(played):
        above, below = axes[0][column], axes[1][column]
        minutes = [(look.at - one.began) / 60 for look in one.looks]
        for name in one.looks[0].scores:
            above.plot(minutes, [look.scores[name] for look in one.looks], label=name)
        below.plot(minutes, [100 * look.share for look in one.looks], color="black", lw=0.8)
        for each in (above, below):
            each.axvspan(0, (one.ended - one.began) / 60, color="tab:red", alpha=0.12)
            each.grid(visible=True, alpha=0.25)
        above.set(title=f"first is {one.trouble}", ylim=(0, 100))
        below.set(xlabel="minutes", ylim=(-3, 103))
    axes[0][0].set_ylabel("score")
    axes[0][0].legend(loc="lower right")
    axes[1][0].set_ylabel("% of routed requests to first")
    figure.savefig(path, dpi=110)
