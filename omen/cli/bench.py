"""`omen bench`: measure a chat endpoint under load."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import trio

import omen
from omen.cli._bench_options import add_options
from omen.cli._table import print_table
from omen.load.options import Arm, Target, parse_arm, parse_objective, parse_target
from omen.load.prompts import bodies, read_prompts, synthetic
from omen.load.report import arm_report
from omen.load.results import FELL_BEHIND, Results
from omen.load.run import ArmLane, Load
from omen.load.run import run as put_under_load
from omen.load.schedule import Extent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the load. The status is 1 if an objective was missed, and 2 for a mistake."""
    try:
        target = parse_target(args.url)
        arms = _arms(args.arm, target)
        lanes = _lanes(args, target, arms)
        if args.json is not None:
            args.json.open("a").close()  # a report that cannot be written is known before the run
    except (OSError, ValueError) as error:
        print(f"omen bench: {error}", file=sys.stderr)
        return 2
    results = {arm.name: lane.results for arm, lane in zip(arms, lanes, strict=True)}
    cpu, clock = time.process_time(), time.monotonic()
    trio.run(put_under_load, lanes, _load(args))
    share = (time.process_time() - cpu) / (time.monotonic() - clock)
    _print(results, share)
    if args.json is not None:
        args.json.write_text(json.dumps(_document(args, results, share), indent=2) + "\n")
    return 0 if all(all(arm.met()) for arm in results.values()) else 1


def _arms(texts: Sequence[str], target: Target) -> list[Arm]:
    if len(set(texts)) < len(texts):
        raise ValueError("--arm: every arm may be there once")
    return [parse_arm(text, target) for text in texts] or [Arm("plain", target)]


def _load(args: argparse.Namespace) -> Load:
    requests = None if args.duration else args.requests or 200
    return Load(
        Extent(requests, args.duration),
        args.rate,
        args.arrivals,
        args.shape,
        args.concurrency,
        args.most_in_flight,
        args.timeout,
        args.rounds,
        args.warmup,
        args.seed,
    )


def _lanes(args: argparse.Namespace, target: Target, arms: Sequence[Arm]) -> list[ArmLane]:
    random = Random(args.seed)
    prompts = read_prompts(args.prompts) if args.prompts else synthetic(args.prompt_tokens, random)
    objectives = [parse_objective(text) for text in args.slo]
    own, others = _key(args.key_env), _key(args.arm_key_env)
    return [
        ArmLane(
            arm,
            # The key of one host must not reach another one.
            own if arm.target == target else others,
            bodies(prompts, args.model, args.max_tokens, arm.hints),
            Results(objectives),
            _load(args),
        )
        for arm in arms
    ]


def _key(variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "")
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError(f"the environment variable {variable} has no key")
    return key


def _print(results: dict[str, Results], share: float) -> None:
    head = ["arm", "requests", "failed", "req/s", "tokens/s", "goodput/s"]
    head += ["ttft p50", "ttft p99", "gap p50", "gap p99", "e2e p50", "e2e p99"]
    rows = []
    for name, arm in results.items():
        seconds = arm.seconds or 1.0
        rates = [arm.requests / seconds, arm.tokens / seconds, arm.good / seconds]
        times = [arm.quantile(m, q) * 1000 for m in ("ttft", "gap", "e2e") for q in (50, 99)]
        counts = [str(arm.requests), str(arm.errors.total())]
        rows.append([name, *counts, *(f"{x:.1f}" for x in rates), *(f"{x:.1f}" for x in times)])
    print_table(head, rows, right=range(1, len(head)))
    print("Times in ms, from the intended start.", f"The harness used {share:.0%} of one core.")
    for name, arm in results.items():
        _print_remarks(name, arm)


def _print_remarks(name: str, arm: Results) -> None:
    for kind, count in arm.errors.most_common():
        print(f"{name}: {count} x {kind}")
    for goal, met in zip(arm.objectives, arm.met(), strict=True):
        print(f"{name}: {goal.name} {'met' if met else 'MISSED'}")
    if arm.fell_behind:
        print(
            f"{name}: the harness fell behind its schedule: more than 1 % of requests started over "
            f"{FELL_BEHIND * 1000:.0f} ms late (p99 {arm.quantile('lag', 99) * 1000:.1f} ms). "
            "These latencies are the harness's as much as the endpoint's; lower --rate.",
            file=sys.stderr,
        )


def _document(
    args: argparse.Namespace, results: dict[str, Results], share: float
) -> dict[str, object]:
    # All options can be written: a key is never one of them, only the name of its variable.
    options = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != "run"}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "omen": omen.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "options": options,
        "own_cpu_share": share,
        "arms": {name: arm_report(arm) for name, arm in results.items()},
    }


def _commit() -> str | None:
    """Return the commit of OMEN's own work tree; None for an installed wheel."""
    folder = Path(omen.__file__).parent.parent
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
