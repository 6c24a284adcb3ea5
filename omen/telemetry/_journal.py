"""The attempts' rows, appended to a file as JSON lines: for `omen replay`, and for whoever counts.

A request never waits for the disk: rows are handed to one task, which writes what has gathered
twice a second, in a thread. If the disk is slower than that for long, rows are dropped and counted.
"""

from __future__ import annotations

import logging
from collections import deque
from os import SEEK_END
from pathlib import Path

import trio
from pydantic_core import to_json

from omen.entries import entry_of
from omen.plan import AttemptRecord, Moment, RaceRecord

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MOST_WAITING = 100_000
_LAST_FLUSH_SECONDS = 5.0


class Journal:
    """An observer that keeps rows until they are written. Its `run` belongs into a nursery."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: deque[bytes] = deque()
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<Journal {self._path.name}, {len(self._rows)} rows to write>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe a moment."""
        if moment not in ("ended", "denied"):
            return
        if len(self._rows) >= MOST_WAITING:
            self.dropped += 1
            return
        self._rows.append(to_json(entry_of(race, attempt).to_json()) + b"\n")

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await trio.sleep(FLUSH_SECONDS)
                # A write that has begun is waited for: what is left is to come behind it.
                await self._flush(abandon=False)
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _LAST_FLUSH_SECONDS):
                await self._flush(abandon=True)

    async def _flush(self, *, abandon: bool) -> None:
        if not self._rows:
            return
        rows = list(self._rows)
        self._rows.clear()
        try:
            await trio.to_thread.run_sync(_append, self._path, rows, abandon_on_cancel=abandon)
        except OSError as error:
            self.dropped += len(rows)
            words = error.strerror
            logger.error("%d rows could not be recorded: %s", len(rows), words)  # noqa: TRY400


def _append(path: Path, rows: list[bytes]) -> None:
    with path.open("a+b") as file:
        end = file.seek(0, SEEK_END)
        file.seek(max(0, end - 1))
        # Half a row may be there: a gateway was killed, or the disk was full. It ends here.
        is_open = end > 0 and file.read(1) != b"\n"
        file.write((b"\n" if is_open else b"") + b"".join(rows))
