"""What a running server tells about itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from omen.serving._connection import Connection


class LiveConnections:
    """The connections that have a task, and how many there ever were."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self._live: set[Connection] = set()
        self._changes = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._live)

    @contextmanager
    def admitted(self, connection: Connection) -> Iterator[None]:
        """Count this connection while its task is in the block."""
        self.accepted += 1
        self._live.add(connection)
        self._changes.unpark_all()
        try:
            yield
        finally:
            self._live.remove(connection)
            self._changes.unpark_all()

    async def wait(self, count: int) -> None:
        while len(self._live) != count:
            await self._changes.park()


class ServerHandle:
    """What `serve` hands back once it accepts connections."""

    def __init__(self, addresses: tuple[tuple[str, int], ...], live: LiveConnections) -> None:
        self.addresses = addresses
        """Host and port of every listener, as the system says; empty for listeners that have
        none."""
        self._live = live

    def __repr__(self) -> str:
        where = ", ".join(f"{host}:{port}" for host, port in self.addresses) or "no address"
        idle = sum(connection.idle for connection in self._live)
        return (
            f"<ServerHandle {where}; {self.connections} connections, {idle} of them idle;"
            f" {self.accepted} accepted, {self.refused} refused>"
        )

    @property
    def connections(self) -> int:
        """How many connections are live: each has its socket, its tasks and their handlers."""
        return len(self._live)

    @property
    def accepted(self) -> int:
        """How many connections were ever served."""
        return self._live.accepted

    @property
    def refused(self) -> int:
        """How many connections were turned away because there were too many."""
        return self._live.refused

    async def wait_connections(self, count: int) -> None:
        """Wait until this many connections are live."""
        await self._live.wait(count)
