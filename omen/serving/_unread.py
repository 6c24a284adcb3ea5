"""How much has been received and not been read by its handlers: of a connection, and of all.

What one connection may have waiting here is bounded by itself. Thousands of them together are not,
so they share a pool. While the pool is used up, a connection with more than a little waiting is not
read any more, until its own handlers have read or the pool has room. A connection whose handlers
read is not concerned, however many others there are whose handlers do not.

**Units.** Bytes.
"""

from __future__ import annotations

from math import inf

import trio

LITTLE = 64 * 1024
"""What may wait on a connection while the pool is used up. One read of the socket comes on top."""


class UnreadPool:
    """What all connections share."""

    def __init__(self, limit: float = inf) -> None:
        self.total = 0
        self.waiting: set[trio.lowlevel.ParkingLot] = set()
        """Where connections wait that may not be read now."""
        self._limit = limit

    @property
    def exhausted(self) -> bool:
        """Whether more waits than should."""
        return self.total > self._limit

    def count(self, amount: int) -> None:
        """Count bytes that came, or a negative amount that was read."""
        was_exhausted = self.exhausted
        self.total += amount
        if was_exhausted and not self.exhausted:
            for lot in self.waiting:
                lot.unpark_all()


class Unread:
    """What waits on one connection."""

    def __init__(self, pool: UnreadPool) -> None:
        self.total = 0
        self._pool = pool
        self._changes = trio.lowlevel.ParkingLot()

    @property
    def crowded(self) -> bool:
        """Whether this connection should not be read now."""
        return self.total > LITTLE and self._pool.exhausted

    def count(self, amount: int) -> None:
        """Count bytes that came, or a negative amount that was read."""
        self.total += amount
        self._pool.count(amount)
        if amount < 0:
            self._changes.unpark_all()

    async def room(self) -> None:
        """Wait until this connection may be read."""
        while self.crowded:
            self._pool.waiting.add(self._changes)
            try:
                await self._changes.park()
            finally:
                self._pool.waiting.discard(self._changes)
