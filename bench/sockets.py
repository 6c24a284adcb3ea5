"""`python -m bench.sockets`: what idle websockets cost, and what busy ones cost.

Three processes: the simulated upstreams, the gateway, and this one, the client. First it opens many
sockets and leaves them idle, and measures the gateway's memory before and after, and its processor
time. Then some sockets are busy, each with one race after the other, while the idle ones stay.
Finally one socket has many races at once. One of them, whose whole answer is there at once, is
never read. Everything runs through `omen.client`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

import omen.client
from bench._fleet import known_fleet
from bench._machine import describe_machine, resident_kib
from bench._main import make_parser, run_and_report, told_settings
from bench._options import Count, add_seed
from bench._processes import open_gateway_process, open_simulators
from bench._shares import Share, Spent
from bench._unread import Unread, measure_unread
from omen.client import Client, ClientError
from omen.sim import DEMO_MODEL

PROFILE = "first_token=0.08:0.5,gap=0.0075:0.3,tokens=20"
_MOST_SOCKETS = 5000
_MOST_SECONDS = 600
_AT_ONCE = 50
"""Sockets that are opened at the same time."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `seconds` is how long each of the three parts is measured."""

    idle: int = 1000
    busy: int = 100
    at_once: int = 200
    seconds: int = 10
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. Memory is the gateway's resident set, in KiB."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    kib_before: int
    kib_idle: int
    kib_busy: int
    idle: Share
    busy: Share
    races: int
    failures: int
    unread: Unread

    @property
    def complaint(self) -> str:
        """The number of failures in words; empty if there are none."""
        return f"{self.failures} races failed" if self.failures else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"benchmark": "sockets", **asdict(self)}

    def to_text(self) -> str:
        """Return the report as text."""
        idle, busy = self.settings["idle"], self.settings["busy"]
        each = (self.kib_idle - self.kib_before) / idle
        more = (self.kib_busy - self.kib_idle) / busy
        rate = self.races / self.settings["seconds"]
        return "\n".join(
            [
                "What websockets cost the gateway",
                told_settings(self.settings),
                "",
                f"{idle} idle sockets: {each:.1f} KiB each, {self.idle.cores_busy:.3f} cores",
                f"{busy} busy ones beside them: {more:.1f} KiB each, {rate:.0f} races/s, "
                f"{self.busy.cores_busy:.2f} cores, {self.busy.cpu_us_per_request:.0f} µs a race",
                f"races: {self.races}, failures: {self.failures}",
                str(self.unread),
            ]
        )


async def measure(options: Options) -> Report:
    """Run the benchmark. **Raises.** `BenchError` when it cannot run."""
    fleet = known_fleet(PROFILE, options.seed)
    crowd = Crowd()
    with TemporaryDirectory(prefix="omen-bench-") as folder:
        async with (
            open_simulators(options.seed, PROFILE, Path(folder)) as simulators,
            open_gateway_process(fleet, simulators.addresses, Path(folder)) as gateway,
            trio.open_nursery() as nursery,
        ):
            url, processes = gateway.addresses["gateway"].url, {"gateway": gateway.pid}
            # Run the same number of races before, so that the memory that they leave is not
            # counted.
            await crowd.race(url, options.busy, seconds=1)
            before = resident_kib(gateway.pid)
            await crowd.stay(nursery, url, options.idle)
            idle, busy = Spent(), Spent()
            with idle.block(processes):
                await trio.sleep(options.seconds)
            kib_idle = resident_kib(gateway.pid)
            crowd.done = crowd.failed = 0
            with busy.block(processes):
                await crowd.race(url, options.busy, options.seconds)
            kib_busy = resident_kib(gateway.pid)
            nursery.cancel_scope.cancel()
        unread = await measure_unread(options.at_once, options.seconds, options.seed, Path(folder))
    return Report(
        asdict(options),
        describe_machine(),
        before,
        kib_idle,
        kib_busy,
        idle.shares(1)["gateway"],
        busy.shares(crowd.done)["gateway"],
        crowd.done,
        crowd.failed,
        unread,
    )


class Crowd:
    """Clients, each with its own socket."""

    def __init__(self) -> None:
        self.done = 0
        self.failed = 0

    async def stay(self, nursery: trio.Nursery, url: str, count: int) -> None:
        """Open this many sockets, which stay until the nursery is cancelled."""
        for start in range(0, count, _AT_ONCE):
            async with trio.open_nursery() as opening:
                for _ in range(min(_AT_ONCE, count - start)):
                    opening.start_soon(nursery.start, partial(stay_idle, url))

    async def race(self, url: str, count: int, seconds: float) -> None:
        """Run one race after the other on each of this many sockets."""
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                for number in range(count):
                    nursery.start_soon(self._ask_again, url, number)

    async def _ask_again(self, url: str, number: int) -> None:
        async with omen.client.connect(url) as gateway:
            asked = 0
            while True:
                await self._ask(gateway, f"socket {number}, race {asked}")
                asked += 1

    async def _ask(self, gateway: Client, question: str) -> None:
        try:
            async with gateway.race(question, model=DEMO_MODEL, k=3) as stream:
                await stream.read_text()
        except ClientError:
            self.failed += 1
        else:
            self.done += 1


async def stay_idle(url: str, *, task_status: trio.TaskStatus[None]) -> None:
    """Open a socket and send nothing, until cancelled; ready when it is open."""
    async with omen.client.connect(url):
        task_status.started()
        await trio.sleep_forever()


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when a race failed, and 2 when nothing could run."""
    parser = make_parser("sockets", __doc__)
    _add_options(parser)
    args = parser.parse_args(argv)
    options = Options(**{field.name: getattr(args, field.name) for field in fields(Options)})
    return run_and_report("sockets", partial(measure, options), args.json)


def _add_options(parser: argparse.ArgumentParser) -> None:
    usual = Options()
    for name, most, told in (
        ("idle", _MOST_SOCKETS, "sockets that do nothing"),
        ("busy", _MOST_SOCKETS, "sockets that race"),
        ("at-once", _MOST_SOCKETS, "races on one socket, one of them not read"),
        ("seconds", _MOST_SECONDS, "of each part"),
    ):
        default = getattr(usual, name.replace("-", "_"))
        told_default = f"{told} (default {default})"
        parser.add_argument(f"--{name}", type=Count(most), default=default, help=told_default)
    add_seed(parser, usual.seed)


if __name__ == "__main__":
    sys.exit(main())
