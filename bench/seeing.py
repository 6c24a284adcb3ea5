"""`python -m bench.seeing`: what the page, `/metrics` and the request lines cost a busy gateway.

Two gateways take turns under the same closed loop of requests. One writes no request lines, and
nobody looks at it. The other writes a line for each request to a file, is scraped as Prometheus
does it, and has a viewer of its page: the overview every two seconds, and the live feed. The
measure is the processor time of the gateway, so that of the viewer's and scraper's requests counts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

from bench._client import Client
from bench._compare.cases import Case, find_cases
from bench._compare.report import Figure, figure
from bench._compare.tools import Tools, build_tools
from bench._compare.trees import HERE, Tree
from bench._errors import BenchError
from bench._machine import all_threads_seconds, describe_machine
from bench._main import make_parser, run_and_report, told_settings
from bench._options import Count, Seconds
from bench._processes import Address, Server

CASES = "plain-64,stream-16"
OVERVIEW_SECONDS = 2.0
"""The page's own pause between two overviews."""
SCRAPE_SECONDS = 15.0
"""Prometheus' usual interval (its documentation uses it, 2026-12-01)."""
MOST_SHARE = 0.03
_WARM = 0.1
_ADMIN_KEY = "a-key-of-this-benchmark-only"
_SETTINGS = f'\n[auth]\nadmin_key = "{_ADMIN_KEY}"\n[log]\nrequests = '


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `scale` multiplies the requests of a block.

    Many short rounds, because the machine's speed drifts by more within a minute than is measured.
    """

    rounds: int = 12
    scale: float = 1.5


@dataclass(frozen=True, slots=True)
class Report:
    """Processor microseconds of a request, by case: unseen and seen, round by round."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    unseen: Mapping[str, Sequence[float]]
    seen: Mapping[str, Sequence[float]]
    wrong: int

    @property
    def shares(self) -> dict[str, Figure]:
        """What being seen adds to a request, as shares; each round is a pair of neighbours."""
        return {
            name: figure([(b - a) / a for a, b in zip(self.unseen[name], seen, strict=True)])
            for name, seen in self.seen.items()
        }

    @property
    def complaint(self) -> str:
        """Why the numbers are not as wanted."""
        if self.wrong:
            return f"{self.wrong} answers were wrong"
        dear = [name for name, share in self.shares.items() if share.median >= MOST_SHARE]
        return f"{', '.join(dear)}: {MOST_SHARE:.0%} or more" if dear else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"benchmark": "seeing", **asdict(self)}

    def to_text(self) -> str:
        """Return the table."""
        lines = [told_settings(self.settings), told_settings(self.machine), ""]
        lines += ["| case | unseen | seen | more (middle half) |", "| --- | --- | --- | --- |"]
        for name, share in self.shares.items():
            before, after = figure(self.unseen[name]).median, figure(self.seen[name]).median
            middle = f"{share.low:+.1%} to {share.high:+.1%}"
            lines.append(
                f"| {name} | {before:.0f} us | {after:.0f} us | {share.median:+.1%} ({middle}) |"
            )
        return "\n".join(lines)


async def measure(options: Options) -> Report:
    """Run it. **Raises.** `BenchError` when it cannot run."""
    cases = find_cases(CASES)
    costs: dict[bool, dict[str, list[float]]] = {
        is_seen: {case.name: [] for case in cases} for is_seen in (False, True)
    }
    wrong = 0
    with TemporaryDirectory(prefix="omen-bench-") as name:
        folder = Path(name)
        tools = await build_tools(folder)
        async with (
            tools.open_upstream(0.01) as upstream,
            _gateway(upstream, folder / "unseen", lines=False) as unseen,
            _gateway(upstream, folder / "seen", lines=True) as seen,
        ):
            for number in range(options.rounds + 1):
                # The order alternates, so that a drift of the machine meets both alike.
                for is_seen in (False, True) if number % 2 else (True, False):
                    server, key = seen if is_seen else unseen
                    async with _looked_at(server, is_seen):
                        for case in cases:
                            load = _Load(tools, case, options.scale, folder / "request")
                            cost, bad = await load.run(server, key)
                            wrong += bad
                            if number:  # the first round warms both up
                                costs[is_seen][case.name].append(cost)
    return Report(asdict(options), describe_machine(), costs[False], costs[True], wrong)


@dataclass(frozen=True, slots=True)
class _Load:
    tools: Tools
    case: Case
    scale: float
    file: Path

    async def run(self, server: Server, key: str) -> tuple[float, int]:
        """Run a block; return the processor microseconds of a request, and the wrong answers."""
        address, connections = server.addresses["gateway"], self.case.connections
        await trio.Path(self.file).write_bytes(self.case.request(address.host, key))
        count = max(connections, round(self.case.requests * self.scale))
        await self.tools.load(address, connections, max(connections, int(count * _WARM)), self.file)
        before = all_threads_seconds(server.pid)
        heard = await self.tools.load(address, connections, count, self.file)
        used = all_threads_seconds(server.pid) - before
        return used * 1e6 / heard.requests, heard.wrong


@asynccontextmanager
async def _gateway(
    upstream: Address, folder: Path, *, lines: bool
) -> AsyncIterator[tuple[Server, str]]:
    settings = _SETTINGS + str(lines).lower() + "\n"
    async with Tree(folder.name, HERE).open(upstream, folder, settings) as (server, key, _):
        assert key is not None  # only the skeleton has none
        yield server, key


@asynccontextmanager
async def _looked_at(server: Server, is_seen: bool) -> AsyncIterator[None]:
    """Have a viewer of the page and a scraper, if so, while the block runs."""
    async with trio.open_nursery() as nursery:
        if is_seen:
            address = server.addresses["gateway"]
            nursery.start_soon(_poll, address, "/omen/overview", OVERVIEW_SECONDS)
            nursery.start_soon(_poll, address, "/metrics", SCRAPE_SECONDS)
            nursery.start_soon(_client(address, "/omen/races/live?races=8", 3600.0).ask)
        yield
        nursery.cancel_scope.cancel()


async def _poll(address: Address, path: str, pause: float) -> None:
    client = _client(address, path, 60.0)
    try:
        while True:
            exchange = await client.ask()
            if exchange.status != 200:
                raise BenchError(f"{path} answers {exchange.status or exchange.failure}")
            await trio.sleep(pause)
    finally:
        client.close()


def _client(address: Address, path: str, timeout: float) -> Client:
    return Client(address.host, address.port, path, timeout=timeout, method="GET", key=_ADMIN_KEY)


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when looking costs too much."""
    usual = Options()
    parser = make_parser("seeing", __doc__)
    parser.add_argument("--rounds", type=Count(100), default=usual.rounds)
    parser.add_argument("--scale", type=Seconds(100), default=usual.scale)
    args = parser.parse_args(argv)
    options = Options(args.rounds, args.scale)
    return run_and_report("seeing", partial(measure, options), args.json)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
