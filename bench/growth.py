"""`python -m bench.growth`: does a request cost more when a gateway has much to remember?

For each thing that grows there are two gateways: one that has little of it, and one that has much.
Both serve at the same time and answer in turns, so that other work of the machine meets both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import trio

from bench._growth.gateways import open_grown
from bench._growth.rounds import Cost, Row, take_turns
from bench._growth.sizes import Scene, other_models, scenes
from bench._machine import describe_machine
from bench._main import failed_lines, make_parser, run_and_report, told_settings
from bench._options import add_counts, add_seed
from bench._overhead.kinds import SPEAKER, Pace
from bench._processes import Address, open_simulators


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen."""

    rounds: int = 5
    requests: int = 1_000
    connections: int = 8
    shrink: int = 1
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row]

    @property
    def complaint(self) -> str:
        """The number of failed requests in words; empty if there are none."""
        failed = sum(sum(row.failures.values()) for row in self.rows)
        return f"{failed} requests failed" if failed else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        rows = [
            {
                "title": row.title,
                "ratios": list(row.ratios),
                "allowed": row.allowed,
                "met": row.met,
                "failures": dict(row.failures),
                "small": _plain(row.small),
                "large": _plain(row.large),
            }
            for row in self.rows
        ]
        return {"settings": dict(self.settings), "machine": dict(self.machine), "rows": rows}

    def to_text(self) -> str:
        """Return the table, the settings and the failures."""
        lines = [
            f"bench.growth: {told_settings(self.settings)}",
            "",
            "| what grows | little of it | much of it | µs a request | ratio (least to most) | "
            "allowed | start, s | MiB | met |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *map(_line, self.rows),
        ]
        return "\n".join([*lines, *failed_lines(self.rows)]) + "\n"


def _plain(cost: Cost) -> dict[str, Any]:
    return asdict(cost)


def _line(row: Row) -> str:
    name = _grown(row.scene)
    little, much = getattr(row.scene.small, name), getattr(row.scene.large, name)
    ratios = row.ratios
    small, large = row.small, row.large
    return (
        f"| {row.title} | {little:,} | {much:,} | "
        f"{median(small.cpu_us):.0f}, {median(large.cpu_us):.0f} | "
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {row.allowed:.2f} | "
        f"{small.start_seconds:.1f}, {large.start_seconds:.1f} | "
        f"{small.resident_mib:.0f}, {large.resident_mib:.0f} | {'yes' if row.met else 'NO'} |"
    )


def _grown(scene: Scene) -> str:
    """Return the name of the size in which the two gateways differ."""
    sizes = ("models", "keys", "rows", "sessions", "messages")
    return next(n for n in sizes if getattr(scene.small, n) != getattr(scene.large, n))


async def measure(settings: Settings, only: Sequence[str]) -> Report:
    """Run the benchmark. **Raises.** `BenchError` when it cannot run."""
    rows = []
    grown = scenes(settings.shrink)
    pace = Pace("at-once", 0.0)
    with TemporaryDirectory(prefix="omen-bench-") as name:
        folder = Path(name)
        models = other_models(max(scene.large.models for scene in grown))
        async with open_simulators(settings.seed, pace.profile, folder, models) as server:
            upstream = server.addresses[SPEAKER.name]
            for number, scene in enumerate(grown):
                if not only or any(word in scene.title for word in only):
                    rows.append(await _run(scene, settings, upstream, folder / str(number)))
    return Report(asdict(settings), describe_machine(), rows)


async def _run(scene: Scene, settings: Settings, upstream: Address, folder: Path) -> Row:
    row = Row(scene)
    await trio.Path(folder).mkdir()
    async with AsyncExitStack() as stack:
        small = await stack.enter_async_context(open_grown(scene.small, upstream, folder / "small"))
        large = await stack.enter_async_context(open_grown(scene.large, upstream, folder / "large"))
        await take_turns(
            row,
            small,
            large,
            rounds=settings.rounds,
            requests=settings.requests,
            connections=settings.connections,
        )
    return row


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when a request failed, and 2 when nothing could run."""
    parser = make_parser("growth", __doc__)
    usual = Settings()
    counts = {
        "rounds": (100, "rounds of each scene"),
        "requests": (100_000, "requests of a round, for each gateway"),
        "connections": (256, "connections to each gateway"),
        "shrink": (100_000, "divisor of the large sizes, for a quick look"),
    }
    add_counts(parser, usual, counts)
    parser.add_argument("--only", action="append", default=[], help="scenes with this in the title")
    add_seed(parser, usual.seed)
    args = parser.parse_args(argv)
    return run_and_report("growth", partial(measure, _settings(args), args.only), args.json)


def _settings(args: argparse.Namespace) -> Settings:
    return Settings(**{name: getattr(args, name) for name in Settings.__dataclass_fields__})


if __name__ == "__main__":
    sys.exit(main())
