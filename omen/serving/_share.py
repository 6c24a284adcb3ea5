"""The numbers of connections of all processes that accept from one socket.

A waiting connection wakes every process, and the fastest one would get all of a burst. So each
process writes its number of connections into memory that all of them share, and leaves new
connections for a moment to a process that has fewer. Nothing waits for long: a process that does
not accept in time gets nothing (docs/decisions, 2026-12-01, has the figures).

Each number is eight aligned bytes and has one writer, so no lock is needed.
"""

from __future__ import annotations

import mmap

MOST_PROCESSES = 256
TABLE_BYTES = 8 * MOST_PROCESSES
_ABSENT = -1
SLACK, SLACK_SHARE = 2, 16
"""A process may be ahead of another one by two connections, and a sixteenth of the other's."""


class ConnectionShare:
    """The view of one process on the table. `descriptor` is of a file of `TABLE_BYTES` bytes."""

    def __init__(self, descriptor: int, own: int) -> None:
        self._memory = mmap.mmap(descriptor, TABLE_BYTES)
        self._numbers = memoryview(self._memory).cast("q")
        self._own = own
        self._count = 0
        self._is_open = False

    def __repr__(self) -> str:
        return f"<ConnectionShare {self._count} here, {self.others} elsewhere>"

    @property
    def others(self) -> tuple[int, ...]:
        """The numbers of the other processes that accept connections."""
        return tuple(
            number
            for index, number in enumerate(self._numbers)
            if number != _ABSENT and index != self._own
        )

    @property
    def room(self) -> int:
        """How many connections this process may take before another one should. At least 0."""
        least = min(self.others, default=None)
        if least is None:
            return MOST_PROCESSES
        return max(0, least + SLACK + least // SLACK_SHARE - self._count)

    def begin(self) -> None:
        """Take part: from now on, other processes leave connections to this one."""
        self._is_open = True
        self._write(self._count)

    def end(self) -> None:
        """Take part no more: this process accepts no connection."""
        self._is_open = False
        self._write(_ABSENT)

    def enter(self) -> None:
        """Count a connection that was accepted."""
        self._count += 1
        self._update()

    def leave(self) -> None:
        """Count a connection that has ended."""
        self._count -= 1
        self._update()

    def close(self) -> None:
        """Release the memory."""
        self._numbers.release()
        self._memory.close()

    def _update(self) -> None:
        if self._is_open:
            self._write(self._count)

    def _write(self, number: int) -> None:
        self._numbers[self._own] = number


def clear(descriptor: int, index: int) -> None:
    """Mark a process as absent, for example because it has died."""
    with mmap.mmap(descriptor, TABLE_BYTES) as memory, memoryview(memory).cast("q") as numbers:
        numbers[index] = _ABSENT
