"""What each process had of the machine while something was measured, and how to tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import trio

from bench._machine import CpuTimes, cpu_times_of


@dataclass(frozen=True, slots=True)
class Share:
    """What one process had of the machine while one variant was asked."""

    cpu_us_per_request: float
    cores_busy: float
    """1 is a core all of the time."""
    cores_wanting: float
    """As much more it would have had, had others not been on the cores."""


class Measured(Protocol):
    """A row of a report that has shares."""

    @property
    def title(self) -> str: ...

    @property
    def shares(self) -> Mapping[str, Share]: ...

    @property
    def requests_per_second(self) -> float: ...


class Spent:
    """Adds up, over the blocks of a variant, what they took. `seconds` is how long they took."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu: dict[str, CpuTimes] = {}

    @contextmanager
    def block(self, processes: Mapping[str, int]) -> Iterator[None]:
        """Measure what the block takes, by the clocks of these processes, unless it fails."""
        before, began = cpu_times_of(processes), trio.current_time()
        yield
        seconds = trio.current_time() - began
        after = cpu_times_of(processes)
        self.add(seconds, {name: after[name] - before[name] for name in processes})

    def add(self, seconds: float, cpu: Mapping[str, CpuTimes]) -> None:
        """Count what a block took."""
        self.seconds += seconds
        for name, times in cpu.items():
            self.cpu[name] = self.cpu.get(name, CpuTimes(0.0, 0.0)) + times

    def shares(self, requests: int) -> dict[str, Share]:
        """Share it out among `requests`."""
        requests, seconds = max(requests, 1), self.seconds or 1.0
        return {
            name: Share(t.running / requests * 1e6, t.running / seconds, t.waiting / seconds)
            for name, t in self.cpu.items()
        }

    def rate(self, requests: int) -> float:
        """Say how many of so many requests there were in a second."""
        return requests / (self.seconds or 1.0)


def busy_lines(rows: Iterable[Measured], width: int = 36) -> list[str]:
    """Say how busy the machine was: near its limit, the times are about the machine."""
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
