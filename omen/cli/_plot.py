"""Draws how policies compare: which share of the requests still waits after how long."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from matplotlib.figure import Figure

from omen.replay import Comparison

_LEAST_SHARE = 1e-4


def draw(compared: Sequence[Comparison], path: Path) -> None:
    """Write a picture, in the format that the file's name ends in."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    for one in compared:
        count = len(one.times)
        points = [(t, 1 - i / count) for i, t in enumerate(one.times) if isfinite(t)]
        label = f"{one.policy.name}, {one.extra:.1%} extra starts"
        axes.step([t for t, _ in points], [share for _, share in points], label=label)
    axes.set(xscale="log", yscale="log", ylim=(_LEAST_SHARE, 1.0))
    axes.set_xlabel("seconds to the first useful token")
    axes.set_ylabel("share of requests that wait for longer")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()
    figure.savefig(path, dpi=150)
