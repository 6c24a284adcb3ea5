"""The processes beside the gateway: an innocent client, a fast upstream, a load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from bench._errors import BenchError
from bench._processes import Address, _environment
from bench.attack._arena import provider

_START_SECONDS = 30.0
_END_SECONDS = 15.0


@dataclass(slots=True)
class Seen:
    """What an innocent client saw. Times are in seconds."""

    pause: float = 0.0
    """The longest pause of its stream, beyond the gap between two tokens."""
    direct: float = 0.0
    """The same of a stream directly from the upstream: what the machine itself does."""
    health: float = 0.0
    """The slowest answer of `/health`."""
    reads: int = 0

    @property
    def is_still(self) -> bool:
        """Whether the stream stood still for more than 50 ms that are not the machine's."""
        return self.pause > 0.05 + self.direct or not self.reads

    def __str__(self) -> str:
        return f"{self.pause * 1000:.0f} ms (machine {self.direct * 1000:.0f})"


@dataclass(slots=True)
class Watcher:
    """An innocent client that does not watch yet."""

    process: trio.Process
    port: int
    seen: Seen = field(default_factory=Seen)

    @property
    def section(self) -> str:
        """The provider that the gateway's configuration needs for it."""
        return provider("watched", f"http://127.0.0.1:{self.port}/v1", '["drip"]')

    @asynccontextmanager
    async def watching(self, gateway: Address) -> AsyncIterator[Seen]:
        """Watch while in the block. What was seen is there after it."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(f"{gateway.port}\n".encode())
        await trio.sleep(1)  # the stream flows
        yield self.seen
        await trio.sleep(0.3)
        await self.process.stdin.aclose()
        figures = await _line(self.process)
        for name, value in figures.items():
            setattr(self.seen, name, value)


@asynccontextmanager
async def watcher() -> AsyncIterator[Watcher]:
    """Run an innocent client for as long as the block lasts."""
    async with child("_watch") as process:
        yield Watcher(process, (await _line(process))["port"])


@asynccontextmanager
async def backend(delay: float = 0.05, gap: float = 1.0) -> AsyncIterator[str]:
    """Run a fast upstream for as long as the block lasts; yield its URL."""
    async with child("_backend", "--delay", str(delay), "--gap", str(gap)) as process:
        port = (await _line(process))["port"]
        yield f"http://127.0.0.1:{port}/v1"


async def load(address: Address, data: bytes, **options: float) -> dict[str, Any]:
    """Send the same request again and again from a process of its own; return its result."""
    arguments = [f"--{name}={value}" for name, value in options.items()]
    async with child("_blast", str(address.port), *arguments) as process:
        assert process.stdin is not None
        await process.stdin.send_all(data)
        await process.stdin.aclose()
        return await _line(process, 60.0)


@asynccontextmanager
async def child(module: str, *arguments: str) -> AsyncIterator[trio.Process]:
    """Run a module of this package for as long as the block lasts.

    **Cancellation.** The process is killed.
    """
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", f"bench.attack.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
    )
    try:
        yield process
    finally:
        with trio.move_on_after(_END_SECONDS, shield=True):
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    await pipe.aclose()
            process.kill()
            await process.wait()


async def _line(process: trio.Process, seconds: float = _START_SECONDS) -> dict[str, Any]:
    """Read one line of JSON. **Raises.** `BenchError`."""
    assert process.stdout is not None
    data = b""
    with trio.move_on_after(seconds):
        while not data.endswith(b"\n"):
            more = await process.stdout.receive_some()
            if not more:
                break
            data += more
        if data:
            result = json.loads(data)
            assert isinstance(result, dict)
            return result
    raise BenchError("a process beside the gateway ended, or did not answer")
