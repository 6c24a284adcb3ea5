"""`python -m bench.workers`: what several workers are worth on this machine.

First, the balance: 100 connections with long streams are opened at once, and then 5 ms apart, with
four ways of sharing a port. Then, the throughput: the same closed loop of requests runs against one
worker and against two. Clients and upstreams need processor time, too, so on a machine of two cores
the ratio of requests a second says little; the processor time of a request says whether a second
worker costs anything, and the shares of the workers whether both work.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import trio

from bench._client import Client
from bench._errors import BenchError
from bench._fleet import known_fleet
from bench._machine import describe_machine, whole_cpu_seconds
from bench._main import make_parser, run_and_report, told_settings
from bench._options import MOST_AT_ONCE, MOST_REQUESTS, Count
from bench._processes import Server, configuration, open_replica, open_simulators
from bench._workers.balance import HEAD, WAYS, Balance, measure_balance

PROFILE = "first_token=0.005,gap=0,tokens=8"
BODY = (
    b'{"model":"sim-openai/omen-demo","messages":[{"role":"user","content":"hello"}],'
    b'"max_tokens":8,"omen":{"strategy":"single"}}'
)
PAUSES = (0.0, 0.005)
_CONFIG = """
[log]
requests = false
[health]
probe = false
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run."""

    rounds: int = 5
    connections: int = 100
    requests: int = 2000
    concurrency: int = 16
    repeats: int = 3


@dataclass(slots=True)
class Throughput:
    """Runs with one number of workers. Times are seconds."""

    workers: int
    rates: list[float] = field(default_factory=list)
    """Requests a second."""
    costs: list[float] = field(default_factory=list)
    """Processor seconds of a request, over all of its gateway's processes."""
    supervisor: list[float] = field(default_factory=list)
    """The supervisor's part of that."""
    shares: list[float] = field(default_factory=list)
    """The part of the workers' processor time that the busiest one had."""
    failed: int = 0

    def row(self) -> str:
        """Return a line of the table."""
        micro = [f"{1e6 * min(values):9.0f}" for values in (self.costs, self.supervisor)]
        rates = f"{max(self.rates):9.0f}"
        return f"{self.workers:>7} {rates} {' '.join(micro)} {100 * max(self.shares):>11.0f} %"


@dataclass(frozen=True, slots=True)
class Report:
    """The balance of the ways, and the throughput of one and two workers."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    balance: Sequence[Balance]
    throughput: Sequence[Throughput]

    @property
    def complaint(self) -> str:
        """What is wrong; empty if nothing is."""
        return "requests failed" if any(one.failed for one in self.throughput) else ""

    @property
    def ratio(self) -> float:
        """The throughput of two workers over that of one."""
        one, two = self.throughput
        return max(two.rates) / max(one.rates)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, without single delays."""
        plain = asdict(self)
        for one in plain["balance"]:
            del one["delays"]
        return {"benchmark": "workers", **plain}

    def to_text(self) -> str:
        """Return the report as text."""
        return "\n".join(
            [
                told_settings(self.settings),
                told_settings(self.machine),
                "",
                "Connections of the worker that has the most of them",
                HEAD,
                *(balance.row() for balance in self.balance),
                "",
                "Requests, best of the runs (µs of processor time)",
                "workers  per second  a request  supervisor  busiest worker",
                *(run.row() for run in self.throughput),
                f"two workers / one: {self.ratio:.2f} on {self.machine['cores']} cores, which the"
                " client and the upstreams use as well",
            ]
        )


async def measure(options: Options) -> Report:
    """Run it. **Raises.** `BenchError` when it cannot run."""
    balance = [
        await measure_balance(way, 2, options.connections, options.rounds, pause)
        for pause in PAUSES
        for way in WAYS
    ]
    throughput = [Throughput(1), Throughput(2)]
    for _ in range(options.repeats):
        # In turns, so that a busy minute of the machine does not hit one of them only.
        for one in throughput:
            await _run(one, options)
    return Report(asdict(options), describe_machine(), balance, throughput)


async def _run(result: Throughput, options: Options) -> None:
    with TemporaryDirectory(prefix="omen-bench-") as folder:
        path = Path(folder)
        async with open_simulators(1, PROFILE, path) as simulators:
            config = configuration(known_fleet(PROFILE, 1), simulators.addresses) + _CONFIG
            section = f"[server]\nadmission = false\nworkers = {result.workers}\n"
            config = config.replace("[server]\n", section, 1)
            (path / "omen.toml").write_text(config)
            async with open_replica(path, 0) as server:
                await _load(server, options.concurrency * 10, options.concurrency)
                pids = await _workers(server)
                every = list(dict.fromkeys((server.pid, *pids)))
                before = [whole_cpu_seconds(pid) for pid in every]
                began = trio.current_time()
                result.failed += await _load(server, options.requests, options.concurrency)
                took = trio.current_time() - began
                used = [whole_cpu_seconds(p) - b for p, b in zip(every, before, strict=True)]
    by_worker = used[1:] or used
    result.rates.append(options.requests / took)
    result.costs.append(sum(used) / options.requests)
    result.supervisor.append((used[0] if len(used) > 1 else 0.0) / options.requests)
    result.shares.append(max(by_worker) / sum(by_worker))


async def _workers(server: Server) -> list[int]:
    """Return the process ids of the workers; none if the gateway is one process."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{server.addresses['gateway'].url}/status")
    if answer.status_code != 200:
        raise BenchError(f"/status answers {answer.status_code}")
    return list(answer.json().get("workers", {}).get("processes", []))


async def _load(server: Server, requests: int, concurrency: int) -> int:
    """Send requests in a closed loop. Return how many failed."""
    address, left, failed = server.addresses["gateway"], requests, 0

    async def client() -> None:
        nonlocal left, failed
        connection = Client(address.host, address.port, "/v1/chat/completions", timeout=30.0)
        try:
            while left > 0:
                left -= 1
                exchange = await connection.ask(BODY)
                failed += exchange.status != 200 or not exchange.complete
        finally:
            connection.close()

    async with trio.open_nursery() as nursery:
        for _ in range(concurrency):
            nursery.start_soon(client)
    return failed


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    usual = Options()
    parser = make_parser("workers", __doc__)
    parser.add_argument("--rounds", type=Count(100), default=usual.rounds)
    parser.add_argument("--connections", type=Count(1000), default=usual.connections)
    parser.add_argument("--requests", type=Count(MOST_REQUESTS), default=usual.requests)
    parser.add_argument("--concurrency", type=Count(MOST_AT_ONCE), default=usual.concurrency)
    parser.add_argument("--repeats", type=Count(20), default=usual.repeats)
    args = parser.parse_args(argv)
    options = Options(args.rounds, args.connections, args.requests, args.concurrency, args.repeats)

    async def run() -> Report:
        return await measure(options)

    return run_and_report("workers", run, args.json)


if __name__ == "__main__":
    sys.exit(main())
