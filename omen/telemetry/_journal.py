"""A file of attempts as JSON lines, for `omen replay` and for statistics.

A request never waits for the disk. Rows wait in memory, and one task writes them twice a second, in
a thread. If the disk is too slow for too long, rows are dropped and counted.
"""

from __future__ import annotations

import logging
from collections import deque
from os import SEEK_END
from pathlib import Path

import trio
from pydantic_core import to_json

from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.ledger.entries import entry_of
from omen.ledger.private_files import open_private

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MAX_WAITING = 100_000
"""The number of rows that may wait in memory."""
_LAST_FLUSH_SECONDS = 5.0


class Journal:
    """An observer that keeps rows until they are written. Its `run` must run in a nursery."""

    moments = frozenset({"ended", "denied"})

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: deque[bytes] = deque()
        self.dropped = 0
        """The number of rows that were lost: too many waited, or a write failed."""
        self._reported = 0

    def __repr__(self) -> str:
        rows = f"{len(self._rows)} rows to write, {self.dropped} lost"
        return f"<Journal {self._path.name}, {rows}>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Add a row for an attempt that ended or was denied."""
        if moment not in ("ended", "denied"):
            return
        if len(self._rows) >= MAX_WAITING:
            self.dropped += 1
            return
        self._rows.append(to_json(entry_of(race, attempt).to_json()) + b"\n")

    async def run(self) -> None:
        """Write the rows until cancelled.

        **Cancellation.** The remaining rows are written first, for at most five seconds.
        """
        try:
            while True:
                await trio.sleep(FLUSH_SECONDS)
                # Not abandoned on cancellation: the last flush below appends to the same file, and
                # must come after this write.
                await self._flush(abandon=False)
        finally:
            # Abandoned at the deadline: a disk that hangs must not hold up the end of the process.
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _LAST_FLUSH_SECONDS):
                await self._flush(abandon=True)

    async def _flush(self, *, abandon: bool) -> None:
        if self.dropped > self._reported:
            # Once in a flush and not once in a row: the disk is slow already.
            lost, self._reported = self.dropped - self._reported, self.dropped
            logger.error("%d rows could not be recorded: the disk is too slow", lost)
        if not self._rows:
            return
        rows = list(self._rows)
        self._rows.clear()
        try:
            await trio.to_thread.run_sync(_append, self._path, rows, abandon_on_cancel=abandon)
        except OSError as error:
            self.dropped += len(rows)
            self._reported += len(rows)
            reason = error.strerror
            logger.error("%d rows could not be recorded: %s", len(rows), reason)  # noqa: TRY400


def _append(path: Path, rows: list[bytes]) -> None:
    with open_private(path, "a+b") as file:
        end = file.seek(0, SEEK_END)
        file.seek(max(0, end - 1))
        # The file may end in half a row: a gateway was killed, or the disk was full. The next row
        # begins on a line of its own.
        is_open = end > 0 and file.read(1) != b"\n"
        file.write((b"\n" if is_open else b"") + b"".join(rows))
