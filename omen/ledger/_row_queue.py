"""The rows that are not written yet, in memory, each with the replica whose spending it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile

import trio

from omen.ledger.requests import LedgerRow

BATCH_ROWS = 512
MOST_WAITING = 100_000
"""Rows in memory. If there are more, neither the database nor the disk keeps up."""


class RowQueue:
    """A queue that wakes its reader when it has rows, and again when it has a batch."""

    def __init__(self) -> None:
        self._rows: deque[tuple[LedgerRow, str]] = deque()
        self._has_rows = trio.Event()
        self._has_batch = trio.Event()

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, entries: Sequence[LedgerRow], replica: str) -> bool:
        """Append the rows of a replica. Return False, without a change, if there is no room."""
        if len(self._rows) + len(entries) > MOST_WAITING:
            return False
        self._rows.extend((entry, replica) for entry in entries)
        if self._rows:
            self._has_rows.set()
        if len(self._rows) >= BATCH_ROWS:
            self._has_batch.set()
        return True

    def rearm(self) -> None:
        """Wait for rows that come from now on. A row that comes during a write sets the event."""
        self._has_rows, self._has_batch = trio.Event(), trio.Event()

    async def wait(self, until: float, gather: float) -> None:
        """Wait for a full batch, for the rows of `gather` seconds, or until a time."""
        with trio.move_on_at(until):
            await self._has_rows.wait()
        # Rows gather for a moment, so that few rows do not cost one transaction each.
        with trio.move_on_after(gather):
            await self._has_batch.wait()

    def batch(self) -> tuple[list[LedgerRow], str]:
        """Return the first rows, as far as they are of one replica, and that replica."""
        replica = self._rows[0][1]
        of_replica = takewhile(lambda row: row[1] == replica, self._rows)
        return [entry for entry, _ in islice(of_replica, BATCH_ROWS)], replica

    def drop(self, count: int) -> None:
        """Remove the first rows."""
        for _ in range(count):
            self._rows.popleft()
