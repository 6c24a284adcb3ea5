"""One step of the load: what was offered, what came of it, and how `/health` answered meanwhile."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from bench._client import Client, Exchange
from bench._errors import BenchError
from bench._machine import CpuTimes, cpu_times
from bench._processes import Address, Server

_PROBE_SECONDS = 0.25
"""Between two requests for the same route."""
PATIENCE = 8.0
"""How long the client waits for the last answers of a step, in seconds."""
OPERATIONS = ("/health", "/ready", "/metrics")


def percentile(times: Sequence[float], share: float) -> float:
    """Return a percentile in milliseconds; 0 without times."""
    ordered = sorted(times)
    if not ordered:
        return 0.0
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Step:
    """A step, offered at `rate` requests a second."""

    name: str
    rate: float
    result: Mapping[str, Any]
    cpu: CpuTimes
    operations: Mapping[str, list[float]] = field(default_factory=dict)
    """The times of the operations routes in seconds."""
    failures: int = 0
    """Operations requests that were not answered with 200 (`/ready`: or 503)."""

    @property
    def answered(self) -> Sequence[float]:
        """The times of the good answers."""
        times: Sequence[float] = self.result["times"].get("200", ())
        return times

    @property
    def goodput(self) -> float:
        """Good answers a second, while the load was offered."""
        seconds = self.result["seconds"]
        return float(sum(at <= seconds for at in self.result["answered_at"]) / seconds)

    @property
    def refused(self) -> int:
        """The refused requests."""
        statuses = ("429", "503", "529")
        return sum(len(self.result["times"].get(status, ())) for status in statuses)

    @property
    def lost(self) -> int:
        """The requests without an answer, or with another one."""
        return int(self.result["offered"]) - self.refused - len(self.answered)

    def refusal_us(self, cost: float) -> float | None:
        """Return the processor time of a refusal in µs, if an answer takes `cost` seconds of it."""
        if self.refused < 100:
            return None
        return 1e6 * (self.cpu.running - cost * len(self.answered)) / self.refused

    def row(self) -> dict[str, Any]:
        """Return the figures of the report."""
        refused = [t for s in ("429", "503", "529") for t in self.result["times"].get(s, ())]
        return {
            "step": self.name,
            "offered": round(self.result["offered"] / self.result["seconds"], 1),
            "goodput": round(self.goodput, 1),
            "p50_ms": round(percentile(self.answered, 0.5), 1),
            "p99_ms": round(percentile(self.answered, 0.99), 1),
            "refused_share": round(self.refused / max(1, self.result["offered"]), 4),
            "refused_p99_ms": round(percentile(refused, 0.99), 1),
            "lost": self.lost,
            "cpu_seconds": round(self.cpu.running, 3),
            "wanted_seconds": round(self.cpu.waiting, 3),
            "client_late_ms": round(1000 * self.result["late"], 1),
            "operations_failed": self.failures,
            "operations": {
                path: {
                    "p50_ms": round(1000 * statistics.median(times), 1) if times else None,
                    "p99_ms": round(percentile(times, 0.99), 1),
                    "max_ms": round(1000 * max(times, default=0.0), 1),
                }
                for path, times in self.operations.items()
            },
        }


async def offer(gateway: Server, name: str, rate: float, seconds: float, seed: int) -> Step:
    """Offer a load, and ask for the operations routes meanwhile.

    **Raises.** `BenchError` when the client cannot run.
    """
    address = gateway.addresses["gateway"]
    times: dict[str, list[float]] = {path: [] for path in OPERATIONS}
    failures = [0]
    before = cpu_times(gateway.pid)
    async with trio.open_nursery() as nursery:
        for path in OPERATIONS:
            nursery.start_soon(_probe, address, path, times[path], failures)
        result = await _run_client(address, rate, seconds, seed)
        nursery.cancel_scope.cancel()
    return Step(name, rate, result, cpu_times(gateway.pid) - before, times, failures[0])


async def _run_client(
    address: Address, rate: float, seconds: float, seed: int
) -> Mapping[str, Any]:
    values = (address.host, address.port, rate, seconds, PATIENCE, seed)
    command = [sys.executable, "-m", "bench._overload.client", *map(str, values)]
    with trio.move_on_after(seconds + 3 * PATIENCE):
        done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.DEVNULL)
        result: Mapping[str, Any] = json.loads(done.stdout)
        return result
    raise BenchError("the client did not end in time")


async def _probe(address: Address, path: str, times: list[float], failures: list[int]) -> None:
    """Ask for a route four times a second, each time on a new connection."""
    due = trio.current_time()
    async with trio.open_nursery() as nursery:
        while True:
            await trio.sleep_until(due)
            nursery.start_soon(_ask, address, path, due, times, failures)
            due += _PROBE_SECONDS


async def _ask(
    address: Address, path: str, due: float, times: list[float], failures: list[int]
) -> None:
    client = Client(address.host, address.port, path, timeout=PATIENCE, method="GET")
    exchange: Exchange = await client.ask()
    client.close()
    times.append(trio.current_time() - due)
    if exchange.failure or exchange.status not in (200, 503):
        failures[0] += 1
