"""Hands rows to the database: one task, in batches, and through the disk when it is away.

A request never waits for the books. Rows are put on a list in memory; one task takes what has
gathered there every 0.2 s, or 512 of them, and writes it in a thread. While the database is away
rows go to the spool, and back from there first when it is there again; each counts once, as its id
is its own. What neither has room for is lost, and counted. A process that is killed loses what was
not yet written: at most the last 0.2 s, and the batch under way.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

import trio

from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.ledger._spool import Spool
from omen.ledger.database import Database, DatabaseAwayError, DatabaseWorker
from omen.ledger.entries import Entry, entry_of

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.2
BATCH_ROWS = 512
MOST_WAITING = 100_000
"""Rows in memory. Beyond that neither database nor disk keeps up."""
RETRY_SECONDS = 1.0
LAST_FLUSH_SECONDS = 10.0


class Ledger:
    """An observer that keeps rows until they are written. Its `run` belongs into a nursery."""

    def __init__(self, worker: DatabaseWorker, spool: Spool) -> None:
        self._worker = worker
        self._spool = spool
        self._rows: deque[Entry] = deque()
        self._some = trio.Event()
        self._many = trio.Event()
        self._retry_at = 0.0
        self._recovering = True
        """Whether the spool has to be emptied first; at the start nobody knows what is in it."""
        self.away_since: float | None = None
        """On trio's clock; None while the database answers."""
        self.written = 0
        self.spooled = 0
        """Rows that had to go to the disk first."""
        self.lost = 0

    def __repr__(self) -> str:
        how = "away" if self.is_away else "there"
        return f"<Ledger {how}, {self.waiting} rows waiting, {self.lost} lost>"

    @property
    def is_away(self) -> bool:
        """Whether rows go to the disk now."""
        return self.away_since is not None

    @property
    def waiting(self) -> int:
        """Rows in memory."""
        return len(self._rows)

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe a moment."""
        if moment in ("ended", "denied"):
            self.book(entry_of(race, attempt))

    def book(self, entry: Entry) -> None:
        """Take a row."""
        if len(self._rows) >= MOST_WAITING:
            self._lose(1)
            return
        self._rows.append(entry)
        self._some.set()
        if len(self._rows) >= BATCH_ROWS:
            self._many.set()

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await self._wait_for_rows()
                await self._flush()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_FLUSH_SECONDS):
                await self._flush()
                await self._worker.aclose()
            self._spool.close()

    async def _wait_for_rows(self) -> None:
        """Wait for a batch, or for what has come in a while; while away also for the next try."""
        with trio.move_on_at(self._retry_at if self._recovering else trio.current_time() + 3600.0):
            await self._some.wait()
        with trio.move_on_after(FLUSH_SECONDS):
            await self._many.wait()

    async def _flush(self) -> None:
        """Write everything that is there by now."""
        self._some, self._many = trio.Event(), trio.Event()
        if self._recovering and trio.current_time() >= self._retry_at:
            await self._empty_spool()
        while self._rows:
            # A row leaves the list when it is elsewhere: a cancellation may come in between.
            batch = list(islice(self._rows, BATCH_ROWS))
            if self.is_away or not await self._write(batch):
                await self._put_aside(batch)
            for _ in batch:
                self._rows.popleft()

    async def _write(self, batch: Sequence[Entry]) -> bool:
        """Write to the database; False when it is away."""
        try:
            await self._worker.ask(_adding(batch))
        except DatabaseAwayError as error:
            self._retry_at = trio.current_time() + RETRY_SECONDS
            self._recovering = True
            if self.away_since is None:
                self.away_since = trio.current_time()
                logger.warning("the ledger's database is away (%s): rows go to the disk", error)
            return False
        self.written += len(batch)
        return True

    async def _put_aside(self, batch: Sequence[Entry]) -> None:
        try:
            kept = await trio.to_thread.run_sync(self._spool.add, batch)
        except OSError as error:
            logger.error("the ledger's spool cannot be written: %s", error.strerror)  # noqa: TRY400
            kept = 0
        if kept:
            self.spooled += kept
        self._lose(len(batch) - kept)

    async def _empty_spool(self) -> None:
        """Write what is on disk, as long as the database takes it."""
        try:
            while (found := await trio.to_thread.run_sync(self._spool.oldest)) is not None:
                path, entries = found
                if not await self._write(entries):
                    return
                await trio.to_thread.run_sync(self._spool.done, path)
        except OSError as error:
            logger.error("the ledger's spool cannot be read: %s", error.strerror)  # noqa: TRY400
            self._retry_at = trio.current_time() + RETRY_SECONDS
            return
        if self.away_since is not None and not await self._write(()):
            return
        self._recovering = False
        if self.away_since is not None:
            away = trio.current_time() - self.away_since
            logger.warning("the ledger's database is back after %.1f s", away)
            self.away_since = None

    def _lose(self, rows: int) -> None:
        if rows and not self.lost:
            logger.error("the ledger has lost its first rows: database and disk are too slow")
        self.lost += rows


def _adding(batch: Sequence[Entry]) -> Callable[[Database], None]:
    return lambda database: database.add(batch)
