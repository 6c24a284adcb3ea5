"""The open connections, and which of them run a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import trio


class Live(Protocol):
    """The part of a connection that the server uses."""

    @property
    def idle(self) -> bool: ...

    @property
    def outlasts_a_drain(self) -> bool: ...

    async def announce_end(self) -> None: ...

    def end_if_idle(self) -> None: ...


class LiveConnections:
    """The connections that have a task, with counts of all that were accepted and refused."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self._live: set[Live] = set()
        self._busy: set[Live] = set()
        self._changes = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Live]:
        return iter(self._live)

    @property
    def busy(self) -> int:
        """The number of connections that run a request."""
        return len(self._busy)

    @contextmanager
    def admitted(self, connection: Live) -> Iterator[None]:
        """Keep this connection in the set while its task is in the block."""
        self.accepted += 1
        self._live.add(connection)
        self._changes.unpark_all()
        try:
            yield
        finally:
            self._live.remove(connection)
            self._busy.discard(connection)
            self._changes.unpark_all()

    def note(self, connection: Live, *, idle: bool) -> None:
        """Record whether a request runs on this connection."""
        if idle:
            self._busy.discard(connection)
        else:
            self._busy.add(connection)
        self._changes.unpark_all()

    async def wait(self, count: int) -> None:
        """Wait until exactly this many connections are open."""
        while len(self._live) != count:
            await self._changes.park()

    async def wait_until_none_is_busy(self) -> None:
        """Wait until no connection runs a request."""
        while self._busy:
            await self._changes.park()
