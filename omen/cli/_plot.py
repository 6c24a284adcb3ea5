"""The plot of `omen replay`: the share of requests that still wait, over time, per policy."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from matplotlib.figure import Figure

from omen.replay import Comparison

_LEAST_SHARE = 1e-4


def draw(compared: Sequence[Comparison], path: Path) -> None:
    """Write a picture. The suffix of the file name sets its format."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    for result in compared:
        count = len(result.times)
        points = [(t, 1 - i / count) for i, t in enumerate(result.times) if isfinite(t)]
        label = f"{result.policy.name}, {result.extra:.1%} extra starts"
        axes.step([t for t, _ in points], [share for _, share in points], label=label)
    axes.set(xscale="log", yscale="log", ylim=(_LEAST_SHARE, 1.0))
    axes.set_xlabel("seconds to the first useful token")
    axes.set_ylabel("share of requests that wait for longer")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()
    figure.savefig(path, dpi=150)
