"""One websocket with many races at once, one of which its client never reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trio

import omen.client
from bench._fleet import known_fleet
from bench._machine import resident_kib
from bench._processes import Address, open_gateway_process, open_simulators
from omen.client import Client
from omen.sim import DEMO_MODEL

_GAP = 0.5
READ = f"first_token=0.2,gap={_GAP},tokens=100000"
UNREAD = "first_token=0.05,gap=0,tokens=100000"
"""As much as possible, at once: about 30 MB of chunks, if they were stored."""
_READ_FROM = ["sim-openai", "sim-anthropic"]
_UNREAD_FROM = "sim-ollama"


@dataclass(frozen=True, slots=True)
class Unread:
    """The measured values. Memory is the gateway's resident set, in KiB."""

    races: int
    seconds: float
    kib_begun: int
    """When all races had their first text."""
    kib_ended: int
    """The measured number of seconds later."""
    chunks_expected: int
    """Expected chunks of one race that is read, without any delay."""
    chunks_fewest: int
    """Chunks of the slowest race that is read."""

    def __str__(self) -> str:
        more = self.kib_ended - self.kib_begun
        return (
            f"{self.races} races on one socket, one of them never read: {more:+d} KiB in "
            f"{self.seconds:g} s; the slowest of the others had {self.chunks_fewest} chunks of "
            f"{self.chunks_expected}"
        )


async def measure_unread(races: int, seconds: float, seed: int, folder: Path) -> Unread:
    """Run this many races on one socket for this long. **Raises.** `BenchError`, `ClientError`."""
    async with (
        open_simulators(seed, READ, folder) as slow,
        open_simulators(seed, UNREAD, folder) as fast,
    ):
        addresses = {**slow.addresses, _UNREAD_FROM: fast.addresses[_UNREAD_FROM]}
        return await _measure(races, seconds, addresses, seed, folder)


async def _measure(
    races: int, seconds: float, addresses: Mapping[str, Address], seed: int, folder: Path
) -> Unread:
    async with open_gateway_process(known_fleet(READ, seed), addresses, folder) as gateway:
        url = gateway.addresses["gateway"].url
        async with omen.client.connect(url) as client, trio.open_nursery() as nursery:
            await nursery.start(never_read, client)
            readers = [_Reader() for _ in range(races - 1)]
            async with trio.open_nursery() as starting:
                for reader in readers:
                    starting.start_soon(nursery.start, reader.keep_reading, client)
            begun, counted = resident_kib(gateway.pid), [reader.chunks for reader in readers]
            await trio.sleep(seconds)
            ended = resident_kib(gateway.pid)
            had = [r.chunks - c for r, c in zip(readers, counted, strict=True)]
            nursery.cancel_scope.cancel()
    return Unread(races, seconds, begun, ended, int(seconds / _GAP), min(had, default=0))


async def never_read(client: Client, *, task_status: trio.TaskStatus[None]) -> None:
    """Start a race and never read it, until cancelled; ready when the request is sent."""
    async with client.race("unread", model=f"{_UNREAD_FROM}/{DEMO_MODEL}", strategy="single"):
        task_status.started()
        await trio.sleep_forever()


class _Reader:
    """Reads one race and counts its chunks."""

    def __init__(self) -> None:
        self.chunks = 0

    async def keep_reading(self, client: Client, *, task_status: trio.TaskStatus[None]) -> None:
        """Read until the end; ready when the first chunk has arrived."""
        hints = {"providers": _READ_FROM}
        async with client.race("read", model=DEMO_MODEL, k=2, omen=hints) as stream:
            async for _ in stream:
                self.chunks += 1
                if self.chunks == 1:
                    task_status.started()
