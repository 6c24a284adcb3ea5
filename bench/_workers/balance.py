"""Which worker gets a connection, and how long that takes, with four ways of sharing a port."""

from __future__ import annotations

import array
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, quantiles

import trio

from bench._workers.acceptor import HANDED
from omen.serving import TABLE_BYTES

WAYS = ("reuseport", "shared", HANDED, "counted")
"""One socket for each worker (`SO_REUSEPORT`); one for all; one in the parent, which hands over
what it accepts; one for all, whose workers see each other's numbers of connections."""
_ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Balance:
    """Rounds of one way. A share is that of the worker with the most connections."""

    way: str
    arrival: str
    workers: int
    connections: int
    shares: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """Seconds from `connect` to the first byte."""

    def row(self) -> str:
        """Return a line of the table."""
        cuts = quantiles(self.delays, n=100)
        return (
            f"{self.way:<12} {self.arrival:<9} {self.workers:>3} {100 / self.workers:>7.0f} %"
            f" {100 * mean(self.shares):>8.1f} % {100 * max(self.shares):>6.1f} %"
            f" {1000 * cuts[49]:>8.2f} {1000 * cuts[98]:>8.2f}"
        )


HEAD = "way          arrival   workers even      mean    worst     p50 ms   p99 ms"


async def measure_balance(
    way: str, workers: int, connections: int, rounds: int, pause: float
) -> Balance:
    """Open connections, `pause` seconds apart, hold all of them, and see who has how many."""
    arrival = "at once" if not pause else f"{pause * 1000:g} ms"
    balance = Balance(way, arrival, workers, connections)
    for _ in range(rounds):
        async with _acceptors(way, workers) as port:
            owners = await _open_all(port, connections, pause, balance.delays)
        balance.shares.append(max(owners.values()) / connections)
    return balance


async def _open_all(port: int, connections: int, pause: float, delays: list[float]) -> Counter[int]:
    owners = Counter[int]()
    done = trio.Event()

    async def hold() -> None:
        began = trio.current_time()
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            first = await stream.receive_some(1)
            delays.append(trio.current_time() - began)
            owners[first[0]] += 1
            if owners.total() == connections:
                done.set()
            while not done.is_set():
                await stream.receive_some(4096)

    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(hold)
            if pause:
                await trio.sleep(pause)
    return owners


@asynccontextmanager
async def _acceptors(way: str, workers: int) -> AsyncIterator[int]:
    """Start acceptors. Yield their port."""
    with ExitStack() as stack:
        table = stack.enter_context(tempfile.TemporaryFile())
        table.write(array.array("q", [-1] * (TABLE_BYTES // 8)).tobytes())
        table.flush()
        listener, given = _sockets(stack, way, workers)
        ours, theirs = _pairs(stack, workers) if way == HANDED else ((), given)
        processes = [
            stack.enter_context(_start(way, n, here, table.fileno()))
            for n, here in enumerate(theirs)
        ]
        for process in processes:
            assert process.stdout is not None
            await trio.to_thread.run_sync(process.stdout.readline)  # "ready"
        async with trio.open_nursery() as nursery:
            if way == HANDED:
                nursery.start_soon(_hand_over, listener, ours)
            yield listener.getsockname()[1]
            nursery.cancel_scope.cancel()
        for process in processes:
            process.kill()


def _sockets(
    stack: ExitStack, way: str, workers: int
) -> tuple[socket.socket, Sequence[socket.socket]]:
    """Return a listener, and the one that each worker gets."""
    first = stack.enter_context(socket.socket())
    if way == "reuseport":
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    first.bind(("127.0.0.1", 0))
    first.listen(2048)
    first.setblocking(False)
    if way == "reuseport":
        more = [stack.enter_context(socket.socket()) for _ in range(workers - 1)]
        for here in more:
            here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            here.bind(first.getsockname())
            here.listen(2048)
            here.setblocking(False)
        return first, [first, *more]
    return first, [first] * workers


def _pairs(
    stack: ExitStack, workers: int
) -> tuple[Sequence[socket.socket], Sequence[socket.socket]]:
    pairs = [socket.socketpair() for _ in range(workers)]
    for here in (end for pair in pairs for end in pair):
        stack.enter_context(here)
    return [ours for ours, _ in pairs], [theirs for _, theirs in pairs]


def _start(way: str, number: int, here: socket.socket, table: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench._workers.acceptor", way, str(number)]
    return subprocess.Popen(
        [*command, str(here.fileno()), str(table)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(here.fileno(), table),
        cwd=_ROOT,
    )


async def _hand_over(listener: socket.socket, workers: Sequence[socket.socket]) -> None:
    counts = [0] * len(workers)
    accepting = trio.socket.from_stdlib_socket(listener.dup())
    with accepting:
        while True:
            accepted, _ = await accepting.accept()
            least = counts.index(min(counts))
            socket.send_fds(workers[least], [b"x"], [accepted.fileno()])
            counts[least] += 1
            accepted.close()
