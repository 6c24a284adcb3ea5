"""`python -m bench.hedge`: what hedging saves, what it costs, and whether `max_extra_load` holds.

Simulated hours of requests, played in virtual time by OMEN's own engine, strategies, estimator and
budget; only the wire and the router are left out. Only the duration of the run depends on the
machine. The same seed gives the same table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench._hedge.profiles import (
    BROWN_OUT,
    COLD,
    DRIFT,
    SHARED_20,
    SHARED_50,
    SIZES,
    SIZES_APART,
    STEADY,
    TAIL_AT_SCALE,
    Scene,
)
from bench._hedge.report import Report
from bench._hedge.rows import Estimator, Row, Task, play
from bench._main import make_parser, write_report

POLICIES = (
    "single", "race2", "race3", "hedge@2s", "hedge@4s", "hedge@6s",
    "hedge@2%", "hedge@5%", "hedge@10%",
)  # fmt: skip
TOGETHER = ("single", "hedge@5%", "hedge3@5%", "hedge@5%/10s", "hedge3@5%/10s")
NAIVE: tuple[Estimator, ...] = ("winners only", "age as sample")


def tasks(seed: int, hours: float) -> dict[str, list[Task]]:
    """Return what is played, by table."""

    def scaled(scene: Scene) -> Scene:
        return scene if hours == 1.0 else scene.scaled(hours)

    steady, drift = scaled(STEADY), scaled(DRIFT)
    together = [scaled(SHARED_20), scaled(SHARED_50)]
    brown_out = scaled(BROWN_OUT)
    knobs = [steady, brown_out, drift, scaled(COLD)]
    return {
        "Two independent providers": [Task(steady, policy, seed=seed) for policy in POLICIES],
        "Shared fate, a third attempt, and a deadline of 10 s": [
            Task(scene, policy, seed=seed) for scene in together for policy in TOGETHER
        ],
        "The knob at 5 %": [
            *(Task(scene, "hedge@5%", seed=seed) for scene in knobs),
            *(Task(scene, "hedge@5%", "no budget", seed) for scene in (steady, brown_out)),
            *(Task(steady, "hedge@5%", estimator, seed) for estimator in NAIVE),
        ],
        "Chosen by the deadline, at 5 %": [
            Task(scene, policy, seed=seed)
            for scene in (steady, brown_out)
            for policy in ("single/5s", "hedge@5%/5s", "auto@5%/5s", "auto3@5%/5s")
        ],
        "Prompts of two sizes": [
            Task(scaled(scene), policy, seed=seed)
            for policy in ("single", "hedge@5%")
            for scene in (SIZES, SIZES_APART)
        ],
        "The Tail at Scale": [
            Task(TAIL_AT_SCALE, policy, seed=seed) for policy in ("single", "hedge@5%")
        ],
    }


def measure(seed: int, hours: float, only: str = "") -> Report:
    """Play every table whose name has `only` in it, on all cores."""
    planned = {name: table for name, table in tasks(seed, hours).items() if only in name}
    unique = list(dict.fromkeys(task for table in planned.values() for task in table))
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        played: dict[Task, Row] = dict(zip(unique, pool.map(play, unique), strict=True))
    tables = {name: [played[task] for task in table] for name, table in planned.items()}
    return Report({"seed": seed, "hours": hours}, tables)


def main(argv: Sequence[str] | None = None) -> int:
    """Play and report; the exit status is 1 when the extra load or an aim was missed."""
    parser = make_parser("hedge", __doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=1.0, help="simulated hours of each scene")
    parser.add_argument("--only", default="", help="play only tables with this in their name")
    args = parser.parse_args(argv)
    return write_report("hedge", measure(args.seed, args.hours, args.only), args.json)


if __name__ == "__main__":
    sys.exit(main())
