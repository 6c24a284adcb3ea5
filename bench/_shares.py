"""The share of the machine that each process had during a measurement, and its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import trio

from bench._machine import CpuTimes, cpu_times_of


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one process while one variant ran."""

    cpu_us_per_request: float
    cores_busy: float
    """1 means one core all of the time."""
    cores_wanting: float
    """How much more the process would have used, if other processes had not had the cores."""


class Measured(Protocol):
    """A row of a report that has shares."""

    @property
    def title(self) -> str: ...

    @property
    def shares(self) -> Mapping[str, Share]: ...

    @property
    def requests_per_second(self) -> float: ...


class Spent:
    """Adds up what the blocks of a variant used. `seconds` is their total duration."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu: dict[str, CpuTimes] = {}

    @contextmanager
    def block(self, processes: Mapping[str, int]) -> Iterator[None]:
        """Measure what the block uses, by the clocks of these processes, unless it fails."""
        before, began = cpu_times_of(processes), trio.current_time()
        yield
        seconds = trio.current_time() - began
        after = cpu_times_of(processes)
        self.add(seconds, {name: after[name] - before[name] for name in processes})

    def add(self, seconds: float, cpu: Mapping[str, CpuTimes]) -> None:
        """Add what one block used."""
        self.seconds += seconds
        for name, times in cpu.items():
            self.cpu[name] = self.cpu.get(name, CpuTimes(0.0, 0.0)) + times

    def shares(self, requests: int) -> dict[str, Share]:
        """Return each process's share, divided by the number of requests."""
        requests, seconds = max(requests, 1), self.seconds or 1.0
        return {
            name: Share(t.running / requests * 1e6, t.running / seconds, t.waiting / seconds)
            for name, t in self.cpu.items()
        }

    def rate(self, requests: int) -> float:
        """Return the requests per second, for this number of requests."""
        return requests / (self.seconds or 1.0)


def busy_lines(rows: Iterable[Measured], width: int = 36) -> list[str]:
    """Return lines that say how busy the machine was: near its limit, it dominates the times."""
    return [
        "cores busy + wanted while others had them",
        *(
            f"{row.title:{width}} "
            + ", ".join(
                f"{name} {share.cores_busy:.2f} + {share.cores_wanting:.2f}"
                for name, share in row.shares.items()
            )
            + f" at {row.requests_per_second:.0f} requests/s"
            for row in rows
        ),
    ]
