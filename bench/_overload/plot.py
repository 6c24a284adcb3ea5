"""Draws goodput and times against the offered load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Write a picture, in the format that the file's name ends in."""
    steps = [step for step in report["steps"] if step["step"].startswith("x")]
    offered = [step["offered"] for step in steps]
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(offered, [step["goodput"] for step in steps], "o-", label="answered")
    left.plot(
        offered,
        [step["offered"] * step["refused_share"] for step in steps],
        "s--",
        label="refused",
    )
    left.axhline(report["peak"], color="grey", lw=0.8, label="peak")
    left.set(xlabel="offered requests a second", ylabel="requests a second", yscale="log")
    right.plot(offered, [step["p99_ms"] for step in steps], "o-", label="p99 of answers")
    right.plot(offered, [step["p50_ms"] for step in steps], "o--", label="p50 of answers")
    health = [step["operations"]["/health"]["max_ms"] for step in steps]
    right.plot(offered, health, "^-", label="/health, slowest")
    right.axhline(report["p99_bound_ms"], color="grey", lw=0.8, label="bound of the p99")
    right.set(xlabel="offered requests a second", ylabel="ms", ylim=(0, None))
    for axes in (left, right):
        axes.set_xscale("log")
        axes.grid(visible=True, alpha=0.25)
        axes.legend(loc="best", fontsize=8)
    figure.savefig(path, dpi=110)
