"""The open connections: which of them run a request, and which are closed to make room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import trio

from omen.serving._idle_queue import IdleQueue, Rank
from omen.serving._wire import Wire

MOST_LOOKED_AT = 16
"""Connections that are examined for one to close. Looking costs a system call each."""
YOUNGEST = 0.1
"""Seconds that a connection has at least. In a burst of clients the first ones have not sent their
requests yet when the last ones arrive; these get a 503, and not the first ones a closed socket."""


class Live(Protocol):
    """The part of a connection that the server uses."""

    @property
    def idle(self) -> bool: ...

    @property
    def outlasts_a_drain(self) -> bool: ...

    async def announce_end(self) -> None: ...

    @property
    def wire(self) -> Wire: ...

    def end_if_idle(self) -> None: ...

    def evict(self) -> None: ...


@dataclass(slots=True, eq=False)
class _Address:
    """The connections of one address. Connections that are being closed do not count."""

    count: int = 0
    idle: IdleQueue[Live] = field(default_factory=IdleQueue)


@dataclass(slots=True, eq=False)
class _Entry:
    address: str | None
    has_asked: bool = False
    """Whether it has sent a complete request."""
    is_leaving: bool = False
    """Whether it was evicted. It has no place any more, although its task still runs."""


class LiveConnections:
    """The connections that have a task, with counts of all that were accepted and refused."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self.evicted = 0
        """Connections without a request that were closed to make room for others."""
        self.short_of_descriptors = 0
        """How often the machine had no descriptor (or no memory) for a connection."""
        self._live: dict[Live, _Entry] = {}
        self._leaving = 0
        self._busy: set[Live] = set()
        self._idle: IdleQueue[Live] = IdleQueue()
        # An address without connections has no entry, so clients cannot make this table grow.
        self._addresses: dict[str, _Address] = {}
        self._changes = trio.lowlevel.ParkingLot()
        self._ends = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Live]:
        return iter(self._live)

    @property
    def busy(self) -> int:
        """The number of connections that run a request."""
        return len(self._busy)

    @property
    def placed(self) -> int:
        """The number of connections without those that are being closed to make room."""
        return len(self._live) - self._leaving

    def count_of(self, address: str) -> int:
        """Return how many places the connections of an address have."""
        entry = self._addresses.get(address)
        return 0 if entry is None else entry.count

    @contextmanager
    def admitted(self, connection: Live, address: str | None = None) -> Iterator[None]:
        """Keep this connection in the set while its task is in the block.

        `address` is the key by which its client's connections are counted; None: not counted.
        """
        self.accepted += 1
        entry = self._live[connection] = _Entry(address)
        if address is not None:
            self._addresses.setdefault(address, _Address()).count += 1
        self._queue(connection, entry, Rank.STRANGER)
        self._changes.unpark_all()
        try:
            yield
        finally:
            del self._live[connection]
            self._busy.discard(connection)
            self._leave(connection, entry)
            self._leaving -= 1
            self._changes.unpark_all()
            self._ends.unpark_all()

    def note(self, connection: Live, *, idle: bool) -> None:
        """Record whether a request runs on this connection."""
        entry = self._live.get(connection)
        if idle:
            self._busy.discard(connection)
        else:
            self._busy.add(connection)
            self._unqueue(connection, entry)
        if entry is not None:
            entry.has_asked = entry.has_asked or not idle
            if idle:
                rank = Rank.KEPT if entry.has_asked else Rank.STRANGER
                self._queue(connection, entry, rank)
        self._changes.unpark_all()

    def note_answered(self, connection: Live) -> None:
        """Record that our last byte on this connection is sent: only its client's EOF lacks."""
        entry = self._live.get(connection)
        if entry is not None:
            self._queue(connection, entry, Rank.ANSWERED if entry.has_asked else Rank.STRANGER)

    def note_ending(self, connection: Live) -> None:
        """Record that this connection sends its last bytes: it must not be evicted meanwhile."""
        self.note(connection, idle=True)
        self._unqueue(connection, self._live.get(connection))

    def evict(self, address: str | None = None) -> bool:
        """Close the connection that needs its place least (of an address, if given).

        Return False if there is none: each runs a request, or may be about to. The place is free
        at once, and the socket closes in a moment.
        """
        if address is None:
            queue = self._idle
        elif address in self._addresses:
            queue = self._addresses[address].idle
        else:
            return False
        latest = trio.current_time() - YOUNGEST
        for connection, since in islice(queue, MOST_LOOKED_AT):
            if since <= latest and not connection.wire.has_arrivals:
                self.evicted += 1
                self._leave(connection, self._live[connection])
                connection.evict()
                return True
        return False

    async def wait(self, count: int) -> None:
        """Wait until exactly this many connections are open."""
        while len(self._live) != count:
            await self._changes.park()

    async def wait_for_an_end(self) -> None:
        """Wait until a connection has ended."""
        await self._ends.park()

    async def wait_until_none_is_busy(self) -> None:
        """Wait until no connection runs a request."""
        while self._busy:
            await self._changes.park()

    def _queue(self, connection: Live, entry: _Entry, rank: Rank) -> None:
        if entry.is_leaving:
            return
        now = trio.current_time()
        self._idle.add(connection, rank, now)
        if entry.address is not None:
            self._addresses[entry.address].idle.add(connection, rank, now)

    def _unqueue(self, connection: Live, entry: _Entry | None) -> None:
        self._idle.discard(connection)
        if entry is not None and entry.address is not None and not entry.is_leaving:
            self._addresses[entry.address].idle.discard(connection)

    def _leave(self, connection: Live, entry: _Entry) -> None:
        """Give a place back. It is called once or twice for each connection."""
        if entry.is_leaving:
            return
        self._unqueue(connection, entry)
        entry.is_leaving = True
        self._leaving += 1
        if entry.address is not None:
            of_address = self._addresses[entry.address]
            of_address.count -= 1
            if not of_address.count:
                del self._addresses[entry.address]
