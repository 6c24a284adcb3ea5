"""`python -m bench.forecast`: what it helps to forecast each request's own first token.

Short prompts, long prompts and prompt caches, played in virtual time by OMEN's own engine,
strategies, estimator and hedge budget (`omen.replay`). Only the duration of the run depends on the
machine. `--page FILE` writes the table into a page, between two marks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench._forecast.report import Report
from bench._forecast.rows import Task, play
from bench._forecast.rules import Rule
from bench._forecast.scene import MIXED, NEW_SIZE, ONE_SIZE, QUIET
from bench._main import make_parser, write_report
from bench._options import add_seed

START, END = "<!-- written by bench.forecast -->\n", "\n<!-- end -->\n"
RULES: tuple[Rule, ...] = ("one histogram", "by count", "from 20 on", "empirical Bayes")


def tasks(seed: int, hours: float) -> list[Task]:
    """Return what is played: every rule where they differ, and two of them elsewhere."""
    scenes = [(MIXED, RULES), (QUIET, RULES), (NEW_SIZE, RULES), (ONE_SIZE, RULES[:2])]
    return [Task(scene.scaled(hours), rule, seed) for scene, rules in scenes for rule in rules]


def measure(seed: int, hours: float) -> Report:
    """Play everything, on all cores."""
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(play, tasks(seed, hours)))
    return Report({"seed": seed, "hours": hours}, rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Play and report; the exit status is 1 when an aim was missed."""
    parser = make_parser("forecast", __doc__)
    add_seed(parser, 1)
    parser.add_argument("--hours", type=float, default=0.5, help="simulated hours of each scene")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table into this page")
    args = parser.parse_args(argv)
    report = measure(args.seed, args.hours)
    if args.page is not None:
        write_page(args.page, report)
    return write_report("forecast", report, args.json)


def write_page(page: Path, report: Report) -> None:
    """Replace what is between the marks of a page by the table."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    page.write_text(before + START + report.table + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
