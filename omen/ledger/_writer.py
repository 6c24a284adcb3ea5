"""The writer of the ledger: one task that writes rows in batches, or to disk if the database fails.

A request never waits for the ledger. Its rows are appended to a list in memory. One task takes them
every 0.2 s, or as soon as there are 512, and writes them in a thread. While the database is
unavailable, rows go to the spool. When it answers again, the spooled rows are written first. Each
row counts once, because its id is unique. Rows for which neither list nor spool has room are lost,
and counted. While the process has no descriptor for a file, rows stay in memory. A process that is
killed loses its unwritten rows: at most those of the last 0.2 s, and the current batch.

A batch that the database refuses for its content is halved until the faulty row is alone. That row
is put aside in a file, and counted. The others are written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from math import inf

import trio

from omen.core.descriptors import SHORTAGES
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.core.requests import RequestRecord
from omen.ledger._row_queue import RowQueue
from omen.ledger._spool import Spool
from omen.ledger.database import Database, DatabaseAwayError, DatabaseRefusedError, DatabaseWorker
from omen.ledger.entries import entry_of
from omen.ledger.requests import LedgerRow, RequestRows

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.2
RETRY_SECONDS = 1.0
"""Time between two attempts to reach an unavailable database."""
SPOOL_RETRY_SECONDS = 30.0
"""Time between two attempts to read a faulty spool, while the database answers."""
REPORT_SECONDS = 60.0
"""Time between two log lines about refused rows: callers may cause many of them."""
LAST_FLUSH_SECONDS = 10.0
"""Time for the last write at the end of the process."""


class Ledger:
    """An observer that keeps rows until they are written. Its `run` is a task of the gateway.

    The totals count rows as the spending of `replica`, or of the process that handed them over.
    """

    gather_seconds = FLUSH_SECONDS
    """How long rows gather before they are written."""
    is_writer = True
    """Whether delivered rows are in the database; otherwise another process counts them."""

    def __init__(self, worker: DatabaseWorker, spool: Spool, replica: str = "") -> None:
        self._worker = worker
        self._spool = spool
        self._replica = replica
        self._rows = RowQueue()
        self._request_rows = RequestRows()
        self._turn = trio.Lock()
        self._retry_at = -inf
        """When the database and the spool are tried again; inf if neither needs it."""
        self._spool_fails = False
        self._reported_at = -inf
        self.is_behind = True
        """Whether the spool may have rows of an earlier process. True until it was read."""
        self.away_since: float | None = None
        """The start of the outage on trio's clock; None while the database answers."""
        self.written = 0
        self.spooled = 0
        """Rows that were written to the spool."""
        self.recovered = 0
        """Spooled rows that were written to the database, those of earlier processes included."""
        self.refused = 0
        """Rows that the database refused, and that were put aside."""
        self.lost = 0

    def __repr__(self) -> str:
        state = "away" if self.is_away else "there"
        return f"<Ledger {state}, {self.waiting} rows waiting, {self.lost} lost>"

    @property
    def is_away(self) -> bool:
        """Whether the database is unavailable, so that rows go to the spool."""
        return self.away_since is not None

    database_is_away = is_away
    """Whether the database is unavailable, for this process or for the one that writes."""

    @property
    def waiting(self) -> int:
        """The number of rows in memory."""
        return len(self._rows)

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Book the attempt if the moment is its last."""
        if moment in ("ended", "denied"):
            self.book(entry_of(race, attempt))

    def book_request(self, record: RequestRecord) -> None:
        """Book a request that has ended, if it has a row."""
        entry = self._request_rows.row_of(record)
        if entry is not None:
            self.book(entry)

    def book(self, entry: LedgerRow) -> None:
        """Append a row. It never waits: a request's task calls it."""
        if not self.take((entry,), self._replica):
            self._lose(1)

    def take(self, entries: Sequence[LedgerRow], replica: str) -> bool:
        """Append the rows of a replica. Return False, without a change, if there is no room."""
        return self._rows.take(entries, replica)

    async def run(self) -> None:
        """Write rows until cancelled.

        **Cancellation.** Writes the remaining rows first, for at most `LAST_FLUSH_SECONDS`.
        """
        try:
            while True:
                await self._rows.wait(self._retry_at, self.gather_seconds)
                await self._flush()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_FLUSH_SECONDS):
                await self._flush()
                await self._worker.aclose()
            self._spool.close()
            self._lose(self.waiting)

    async def catch_up(self) -> None:
        """Write the rows that earlier processes left in the spool, if the database answers."""
        async with self._turn:
            if self.is_behind:
                await self._recover()

    async def deliver(self, batch: Sequence[LedgerRow], replica: str) -> None:
        """Write rows to the database. A subclass may hand them to another process instead.

        Rows may be delivered twice; their ids keep them from counting twice. An empty batch tests
        whether the database answers.

        **Raises.** `DatabaseRefusedError` for the values of these rows, else `DatabaseAwayError`.
        """
        await self._worker.ask(_adding(batch, replica))

    async def _flush(self) -> None:
        """Write all rows that are in memory now."""
        async with self._turn:
            self._rows.rearm()  # before the first await, so that no row goes unnoticed
            if trio.current_time() >= self._retry_at:
                await self._recover()
            while self._rows:
                # A row stays in the list until it is stored: a cancel may come in between, and
                # the last flush then writes the row again. Its id keeps it from counting twice.
                batch, replica = self._rows.batch()
                # Without a working spool, a row that the database does not store is lost. So the
                # database is tried each time, even if it was unavailable a moment ago.
                tries = not self.is_away or self._spool_fails
                done = await self._write(batch, replica) if tries else 0
                rest = batch[done:]
                kept = await self._put_aside(rest, replica) if rest else 0
                self._rows.drop(len(batch) - kept)
                if kept:
                    break  # until the next retry: there is no descriptor for any file

    async def _write(self, batch: Sequence[LedgerRow], replica: str) -> int:
        """Write rows. Return how many, from the first on, were written or put aside.

        That is all of them, unless the database is unavailable.
        """
        try:
            await self.deliver(batch, replica)
        except DatabaseRefusedError as error:
            return await self._write_halves(batch, replica, error)
        except DatabaseAwayError as error:
            self._mark_away(error)
            return 0
        self.written += len(batch) * self.is_writer
        if batch and self._spool_fails:
            self._mark_back()
        return len(batch)

    async def _write_halves(
        self, batch: Sequence[LedgerRow], replica: str, error: DatabaseRefusedError
    ) -> int:
        if len(batch) < 2:
            for entry in batch:
                await self._refuse(entry, replica, error)
            return len(batch)
        middle = len(batch) // 2
        done = await self._write(batch[:middle], replica)
        if done == middle:
            done += await self._write(batch[middle:], replica)
        return done

    async def _refuse(self, entry: LedgerRow, replica: str, error: DatabaseRefusedError) -> None:
        self.refused += 1
        now = trio.current_time()
        if now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            text = "the ledger's database refuses a row (%s), %s: put aside; %d so far"
            logger.error(text, error, entry.id, self.refused)
        try:
            stored = await trio.to_thread.run_sync(self._spool.put_aside, entry, replica)
        except OSError as failure:
            self._report_spool(failure)
            stored = False
        self._lose(0 if stored else 1)

    async def _put_aside(self, batch: Sequence[LedgerRow], replica: str) -> int:
        """Write rows to the spool. Return how many stay in memory: all, in a shortage of files."""
        try:
            stored = await trio.to_thread.run_sync(self._spool.add, batch, replica)
            self._spool_fails = False
        except OSError as error:
            self._report_spool(error)
            if error.errno in SHORTAGES:
                self._retry_at = trio.current_time() + RETRY_SECONDS
                return len(batch)
            stored = 0
        self.spooled += stored
        self._lose(len(batch) - stored)
        return 0

    async def _recover(self) -> None:
        """Empty the spool, and test whether the database answers again.

        A spool that cannot be read must not delay the return to the database. Its rows are only
        late, but new rows would be lost.
        """
        self._retry_at = inf
        try:
            if not await self._empty_spool():
                return
            self._spool_fails = False
        except OSError as error:
            self._report_spool(error)
            is_short = error.errno in SHORTAGES
            self._retry_at = trio.current_time() + (
                RETRY_SECONDS if is_short else SPOOL_RETRY_SECONDS
            )
        if self.is_away:
            if not await self._is_back():
                return
            self._mark_back()
        self.is_behind = False

    async def _is_back(self) -> bool:
        try:
            await self.deliver((), "")
        except DatabaseAwayError as error:
            self._mark_away(error)
            return False
        return True

    async def _empty_spool(self) -> bool:
        """Write the spooled rows. Return False if the database is unavailable.

        **Raises.** `OSError`.
        """
        while (oldest := await trio.to_thread.run_sync(self._spool.oldest)) is not None:
            path, rows = oldest
            for replica, group in groupby(rows, key=lambda row: row[1]):
                entries = [entry for entry, _ in group]
                if await self._write(entries, replica) < len(entries):
                    return False
            # Only now: if the process ends before this, the next one writes the rows again, and
            # their ids keep them from counting twice.
            await trio.to_thread.run_sync(self._spool.done, path)
            self.recovered += len(rows)
        return True

    def _mark_away(self, error: DatabaseAwayError) -> None:
        self._retry_at = trio.current_time() + RETRY_SECONDS
        if self.away_since is None:
            self.away_since = trio.current_time()
            logger.warning("the ledger's database is unavailable (%s): rows go to the spool", error)

    def _mark_back(self) -> None:
        if self.away_since is not None:
            outage = trio.current_time() - self.away_since
            logger.warning("the ledger's database answers again after %.1f s", outage)
            self.away_since = None

    def _report_spool(self, error: OSError) -> None:
        if not self._spool_fails:
            logger.error("the ledger's spool cannot be used: %s", error.strerror)
        self._spool_fails = True

    def _lose(self, rows: int) -> None:
        if rows and not self.lost:
            logger.error("the ledger has lost its first rows: neither database nor spool took them")
        self.lost += rows


def _adding(batch: Sequence[LedgerRow], replica: str) -> Callable[[Database], None]:
    return lambda database: database.add(batch, replica) if replica else database.add(batch)
