"""A lean load: many connections, one request at a time on each, open or closed loop.

It parses only as much of an answer as it needs to find its end, because a generator that is slower
than the gateway measures itself. It runs in a process of its own where both would share a core.

**Source of the method.** An open loop sends at its own times, whatever the server does. A latency
counts from the time at which the request was due, so a wait for a free connection counts, too
(coordinated omission).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from bench._processes import Address

MakeRequest = Callable[[int], bytes]


@dataclass(slots=True)
class Load:
    """What to send. With a `rate` (per second) the loop is open, otherwise closed.

    It ends after `count` requests, or after `seconds`.
    """

    address: Address
    make: MakeRequest
    connections: int
    count: int = 10**9
    seconds: float = 60.0
    rate: float = 0.0


@dataclass(slots=True)
class Result:
    """Latencies in seconds by status; 0: no answer. `late`: requests that were never sent."""

    latencies: dict[int, list[float]] = field(default_factory=dict)
    finished: list[float] = field(default_factory=list)
    """When each 200 was complete, in seconds since the start."""
    without_retry_after: int = 0
    late: int = 0


class _Run:
    def __init__(self, load: Load, loop: asyncio.AbstractEventLoop) -> None:
        self.load = load
        self.loop = loop
        self.began = time.perf_counter()
        self.result = Result()
        self.sent = 0
        self.open = 0
        self.due: deque[float] = deque()
        self.free: deque[_Connection] = deque()
        self.over = asyncio.Event()

    @property
    def is_spent(self) -> bool:
        return self.sent >= self.load.count or time.perf_counter() - self.began > self.load.seconds

    async def run(self) -> Result:
        await asyncio.gather(*(self._connect() for _ in range(self.load.connections)))
        self.began = time.perf_counter()
        if self.load.rate:
            await self._pace()
        else:
            while self.free:
                self.next(self.free.popleft())
        with suppress(TimeoutError):  # what has no answer by then is counted below
            await asyncio.wait_for(self.over.wait(), self.load.seconds + 10)
        self.result.late = len(self.due)
        self.result.latencies.setdefault(0, []).extend([self.load.seconds] * self.open)
        return self.result

    async def _pace(self) -> None:
        interval, next_at = 1 / self.load.rate, self.began
        while not self.is_spent:
            now = time.perf_counter()
            while next_at <= now:
                self.due.append(next_at)
                next_at += interval
            while self.due and self.free:
                self.send(self.free.popleft(), self.due.popleft())
            await asyncio.sleep(max(0.0005, next_at - time.perf_counter()))
        self.done()

    def next(self, connection: _Connection) -> None:
        """Give a connection its next request, if there is one."""
        if self.load.rate and self.due:
            self.send(connection, self.due.popleft())
        elif self.load.rate or self.is_spent:
            self.free.append(connection)
            self.done()
        else:
            self.send(connection, time.perf_counter())

    def send(self, connection: _Connection, due: float) -> None:
        connection.ask(self.load.make(self.sent), due)
        self.sent += 1
        self.open += 1

    def done(self) -> None:
        if self.is_spent and not self.open:
            self.over.set()

    def answered(self, status: int, due: float, *, has_retry_after: bool) -> None:
        now = time.perf_counter()
        self.open -= 1
        self.result.latencies.setdefault(status, []).append(now - due)
        if status == 200:
            self.result.finished.append(now - self.began)
        elif not has_retry_after:
            self.result.without_retry_after += 1

    async def _connect(self) -> None:
        try:
            _, connection = await self.loop.create_connection(
                lambda: _Connection(self), self.load.address.host, self.load.address.port
            )
        except OSError:
            return
        self.free.append(connection)

    def reconnect(self) -> None:
        if not self.is_spent:
            self.loop.create_task(self._again())

    async def _again(self) -> None:
        await self._connect()
        if self.free and not self.load.rate:
            self.next(self.free.popleft())


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._data = b""
        self._due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes, due: float) -> None:
        self._due, self._data = due, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0 or self._due is None:
            return
        head = self._data[:end].lower()
        at = head.find(b"content-length: ")
        length = int(head[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._data) < end + 4 + length:
            return
        due, self._due = self._due, None
        self._run.answered(int(head[9:12]), due, has_retry_after=b"\nretry-after:" in head)
        if b"connection: close" in head:
            self._transport.abort()
        else:
            self._run.next(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._due is not None:
            due, self._due = self._due, None
            self._run.answered(0, due, has_retry_after=False)
        if self in self._run.free:
            self._run.free.remove(self)
        self._run.reconnect()
        self._run.done()


def run(load: Load) -> Result:
    """Send a load and return what came of it."""

    async def main() -> Result:
        return await _Run(load, asyncio.get_running_loop()).run()

    return asyncio.run(main())


async def blast(load: Load) -> Result:
    """Send a load from a thread, so that upstreams of this process go on."""
    return await trio.to_thread.run_sync(run, load)


def main() -> int:
    """Send one chat request again and again, as a process; print the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.attack._blast")
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=64)
    args = parser.parse_args()
    data = sys.stdin.buffer.read()
    load = Load(
        Address("127.0.0.1", args.port), lambda number: data,
        connections=args.connections, seconds=args.seconds, rate=args.rate,
    )  # fmt: skip
    result = run(load)
    print(
        json.dumps(
            {
                "latencies": result.latencies,
                "finished": result.finished,
                "without_retry_after": result.without_retry_after,
                "late": result.late,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
