"""docs/benchmarks.md and its plot: written by a run, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

from bench._peers.cells import KINDS
from bench._peers.report import Report

mpl.use("Agg")
from matplotlib import pyplot  # after the choice of a backend without a window

_PAGE = """# Benchmarks: OMEN beside other gateways

This page is written by `python -m bench.peers --page docs/benchmarks.md`, which installs the other
gateways from their registries. All share one core and take turns, in front of the same upstream and
with the same client, which are programs in C on another core. Processor time is that of the
gateway's process, divided by the requests: the median of the runs, with the least and the most.
*Added* is the difference to the upstream itself. OMEN runs with a key, the ledger, metrics, scores
and a log line for each request; the others are configured to do the least that they can.

{table}
![Processor time of a request, by gateway]({plot})

Of a paced stream, *pace kept* is the time that its chunks should take, divided by the time that
they took; the *way of a chunk* is from the upstream's send to the client's read. What of this OMEN
spends where: [`bench.overhead`](../bench/README.md#benchoverhead). What others do better: [the
comparison](comparison.md).
"""


def write_page(page: Path, report: Report) -> None:
    """Write the page, and a plot beside it."""
    plot = page.with_suffix(".svg")
    draw(plot, report)
    page.write_text(_PAGE.format(table=report.to_text(), plot=plot.name), encoding="utf-8")


def draw(file: Path, report: Report) -> None:
    """Draw the processor time of each kind of request, by gateway."""
    kinds = [kind for kind in KINDS if not kind.paced]
    mpl.rcParams["svg.hashsalt"] = "omen"
    figure, axes = pyplot.subplots(1, len(kinds), figsize=(11, 3), sharey=True)
    names = [row.name for row in report.rows]
    for axis, kind in zip(axes, kinds, strict=True):
        cells = [row.cells[kind.name] for row in report.rows]
        values = [cell.cpu if cell.works else 0.0 for cell in cells]
        colours = ["#c2410c" if name == "OMEN" else "#64748b" for name in names]
        axis.barh(names, values, color=colours)
        axis.set_xscale("log")
        axis.set_title(kind.title, fontsize=9)
        axis.set_xlabel("µs of processor time a request", fontsize=8)
        axis.invert_yaxis()
        for place, value in enumerate(values):
            axis.text(
                max(value, 1.0),
                place,
                f" {value:,.0f}" if value else " failed",
                va="center",
                fontsize=7,
            )
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
