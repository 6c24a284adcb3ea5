"""Blocks of load. The arms take turns, and a block ends when its last answer has ended."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import trio

from omen.load.client import Client
from omen.load.options import Arm
from omen.load.results import Results, Sample
from omen.load.schedule import Arrivals, Extent, offsets


class Asker(Protocol):
    """Whoever sends one request; `Client`, and the fakes of tests."""

    async def ask(self, body: bytes, sample: Sample) -> None:
        """Send it and fill the sample. Failures are in the sample."""

    def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is done to an arm. Without a `rate` the loop is closed: `concurrency` callers."""

    extent: Extent
    rate: float | None = None
    arrivals: Arrivals = "poisson"
    shape: float = 0.5
    concurrency: int = 1
    most_in_flight: int = 2000
    timeout: float = 60.0
    rounds: int = 5
    warmup: int = 10
    seed: int = 1


class Lane(ABC):
    """One arm under load: its bodies, its idle connections, its results."""

    def __init__(self, bodies: Iterator[bytes], results: Results, load: Load) -> None:
        self._bodies = bodies
        self._load = load
        self._idle: list[Asker] = []
        self._in_flight = 0
        self.results = results

    @abstractmethod
    def make(self) -> Asker:
        """Make a further connection."""

    async def warm_up(self) -> None:
        """Send the first requests, one after the other, without counting them."""
        for _ in range(self._load.warmup):
            await self._ask(trio.current_time(), counted=False)

    async def block(self, extent: Extent, random: Random) -> None:
        """Run one block to its end."""
        began = trio.current_time()
        if self._load.rate is None:
            await self._closed(extent)
        else:
            await self._open(self._load.rate, extent, random)
        self.results.seconds += trio.current_time() - began

    def close(self) -> None:
        """Close the connections. None is in use outside `block` and `warm_up`."""
        for client in self._idle:
            client.close()

    async def _open(self, rate: float, extent: Extent, random: Random) -> None:
        load, began = self._load, trio.current_time()
        async with trio.open_nursery() as nursery:
            for offset in offsets(load.arrivals, rate, extent, random, load.shape):
                # A schedule that is late does not wait, but lets the other tasks run.
                await trio.sleep_until(began + offset)
                if self._in_flight < load.most_in_flight:
                    self._in_flight += 1
                    nursery.start_soon(self._ask_counted, began + offset)
                else:
                    # Not sent, but not forgotten: otherwise only its luckier neighbours count.
                    now = trio.current_time()
                    self.results.add(Sample(began + offset, now, error="not_sent"))

    async def _ask_counted(self, intended: float) -> None:
        try:
            await self._ask(intended)
        finally:
            self._in_flight -= 1

    async def _closed(self, extent: Extent) -> None:
        left = iter(range(extent.requests)) if extent.requests is not None else None
        end = trio.current_time() + (extent.seconds or 0.0)

        async def call() -> None:
            while next(left, None) is not None if left else trio.current_time() < end:
                await self._ask(trio.current_time())

        async with trio.open_nursery() as nursery:
            for _ in range(self._load.concurrency):
                nursery.start_soon(call)

    async def _ask(self, intended: float, *, counted: bool = True) -> None:
        client = self._idle.pop() if self._idle else self.make()
        sample = Sample(intended, trio.current_time())
        try:
            with trio.move_on_after(self._load.timeout) as scope:
                await client.ask(next(self._bodies), sample)
        finally:
            self._idle.append(client)
        if scope.cancelled_caught:
            sample.error = "timeout"
        if counted:
            self.results.add(sample)


class ArmLane(Lane):
    """A lane whose connections are real."""

    def __init__(
        self, arm: Arm, key: str, bodies: Iterator[bytes], results: Results, load: Load
    ) -> None:
        super().__init__(bodies, results, load)
        self._arm, self._key = arm, key
        self._tls = ssl.create_default_context() if arm.target.tls else None

    def make(self) -> Asker:
        """Make a further connection; it is opened by its first request."""
        return Client(self._arm.target, self._key, self._tls)


async def run(lanes: Sequence[Lane], load: Load) -> None:
    """Warm all arms up, then run their blocks in turn."""
    random = Random(load.seed)
    try:
        for lane in lanes:
            await lane.warm_up()
        for extent in load.extent.split(load.rounds if len(lanes) > 1 else 1):
            for lane in lanes:
                await lane.block(extent, random)
    finally:
        for lane in lanes:
            lane.close()
