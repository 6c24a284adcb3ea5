"""Which connections there are, and which of them are doing something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import trio


class Live(Protocol):
    """What is asked of a connection from outside."""

    @property
    def idle(self) -> bool: ...

    @property
    def outlasts_a_drain(self) -> bool: ...

    async def announce_end(self) -> None: ...

    def end_if_idle(self) -> None: ...


class LiveConnections:
    """The connections that have a task, and how many there ever were."""

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
        """How many have a request that runs."""
        return len(self._busy)

    @contextmanager
    def admitted(self, connection: Live) -> Iterator[None]:
        """Count this connection while its task is in the block."""
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
        """Note whether a request runs on this connection."""
        if idle:
            self._busy.discard(connection)
        else:
            self._busy.add(connection)
        self._changes.unpark_all()

    async def wait(self, count: int) -> None:
        """Wait until there are this many."""
        while len(self._live) != count:
            await self._changes.park()

    async def wait_until_none_is_busy(self) -> None:
        while self._busy:
            await self._changes.park()
