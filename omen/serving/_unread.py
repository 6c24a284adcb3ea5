"""The bytes that were received and that no handler has read yet: per connection, and in total.

The bytes that wait on one connection have their own limit. Thousands of connections together would
still be too much, so they share a pool. While the pool is exhausted, a connection on which more
than `LITTLE` waits is not read, until its own handlers have read or the pool has room. A connection
whose handlers read is not affected, however many connections have handlers that do not.

**Units.** Bytes.
"""

from __future__ import annotations

from math import inf

import trio

LITTLE = 64 * 1024
"""Bytes that may wait on a connection while the pool is exhausted, plus one read of the socket."""


class UnreadPool:
    """The count that all connections share."""

    def __init__(self, limit: float = inf) -> None:
        self.total = 0
        self.waiting: set[trio.lowlevel.ParkingLot] = set()
        """The parking lots of the connections that must not be read now."""
        self._limit = limit

    @property
    def exhausted(self) -> bool:
        """Whether more bytes wait than the limit allows."""
        return self.total > self._limit

    def count(self, amount: int) -> None:
        """Add bytes that arrived; a negative amount was read."""
        was_exhausted = self.exhausted
        self.total += amount
        if was_exhausted and not self.exhausted:
            for lot in self.waiting:
                lot.unpark_all()


class Unread:
    """The bytes that wait on one connection."""

    def __init__(self, pool: UnreadPool) -> None:
        self.total = 0
        self._pool = pool
        self._changes = trio.lowlevel.ParkingLot()

    @property
    def crowded(self) -> bool:
        """Whether this connection must not be read now."""
        return self.total > LITTLE and self._pool.exhausted

    def count(self, amount: int) -> None:
        """Add bytes that arrived; a negative amount was read."""
        self.total += amount
        self._pool.count(amount)
        if amount < 0 and self._changes:
            self._changes.unpark_all()

    async def room(self) -> None:
        """Wait until this connection may be read."""
        while self.crowded:
            self._pool.waiting.add(self._changes)
            try:
                await self._changes.park()
            finally:
                self._pool.waiting.discard(self._changes)
