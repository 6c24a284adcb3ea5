"""Hands rows to the database: one task, in batches, and through the disk when it is away.

A request never waits for the books. Rows are put on a list in memory; one task takes what has
gathered there every 0.2 s, or 512 of them, and writes it in a thread. While the database is away
rows go to the spool, and back from there first when it is there again; each counts once, as its id
is its own. What neither has room for is lost, and counted. A process that is killed loses what was
not yet written: at most the last 0.2 s, and the batch under way.

A batch that the database refuses for its content is halved until the row at fault is alone. That
one is put aside in a file, and counted; the others are written.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby, islice
from math import inf

import trio

from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.ledger._spool import Spool
from omen.ledger.database import Database, DatabaseAwayError, DatabaseRefusedError, DatabaseWorker
from omen.ledger.entries import Entry, entry_of

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.2
BATCH_ROWS = 512
MOST_WAITING = 100_000
"""Rows in memory. Beyond that neither database nor disk keeps up."""
RETRY_SECONDS = 1.0
"""Between two looks whether the database is back."""
SPOOL_RETRY_SECONDS = 30.0
"""Between two looks at a spool that cannot be read, while the database is there."""
COMPLAIN_SECONDS = 60.0
"""Between two log lines about rows that the database refuses: callers may send many."""
LAST_FLUSH_SECONDS = 10.0


class Ledger:
    """An observer that keeps rows until they are written. Its `run` belongs into a nursery.

    `replica` names whose spending the rows are in the database's totals.
    """

    def __init__(self, worker: DatabaseWorker, spool: Spool, replica: str = "") -> None:
        self._worker = worker
        self._spool = spool
        self._replica = replica
        self._rows: deque[Entry] = deque()
        self._some = trio.Event()
        self._many = trio.Event()
        self._turn = trio.Lock()
        self._retry_at = -inf
        """When database and spool are looked at again; inf: neither needs it."""
        self._spool_fails = False
        self._complained_at = -inf
        self.is_behind = True
        """Whether the spool may have rows of an earlier process; at the start nobody knows."""
        self.away_since: float | None = None
        """On trio's clock; None while the database answers."""
        self.written = 0
        self.spooled = 0
        """Rows that had to go to the disk first."""
        self.recovered = 0
        """Rows that came back from the disk, those of earlier processes included."""
        self.refused = 0
        """Rows that the database would not have, and that were put aside."""
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

    async def catch_up(self) -> None:
        """Write what earlier processes left on disk, if that can be done now."""
        async with self._turn:
            if self.is_behind:
                await self._recover()

    async def _wait_for_rows(self) -> None:
        """Wait for a batch, or for what has come in a while, or for the next look."""
        with trio.move_on_at(self._retry_at):
            await self._some.wait()
        with trio.move_on_after(FLUSH_SECONDS):
            await self._many.wait()

    async def _flush(self) -> None:
        """Write everything that is there by now."""
        async with self._turn:
            self._some, self._many = trio.Event(), trio.Event()
            if trio.current_time() >= self._retry_at:
                await self._recover()
            while self._rows:
                # A row leaves the list when it is elsewhere: a cancellation may come in between.
                batch = list(islice(self._rows, BATCH_ROWS))
                # Without a spool a row is lost that the database does not take: it is asked each
                # time, whether it was away or not.
                asks = not self.is_away or self._spool_fails
                done = await self._write(batch, self._replica) if asks else 0
                if done < len(batch):
                    await self._put_aside(batch[done:])
                for _ in batch:
                    self._rows.popleft()

    async def _write(self, batch: Sequence[Entry], replica: str) -> int:
        """Write rows; return how many are done with, all or, with the database away, the first."""
        try:
            await self._worker.ask(_adding(batch, replica))
        except DatabaseRefusedError as error:
            return await self._write_halves(batch, replica, error)
        except DatabaseAwayError as error:
            self._leave(error)
            return 0
        self.written += len(batch)
        if batch and self._spool_fails:
            self._return()
        return len(batch)

    async def _write_halves(
        self, batch: Sequence[Entry], replica: str, error: DatabaseRefusedError
    ) -> int:
        if len(batch) < 2:
            for entry in batch:
                await self._refuse(entry, error)
            return len(batch)
        middle = len(batch) // 2
        done = await self._write(batch[:middle], replica)
        if done == middle:
            done += await self._write(batch[middle:], replica)
        return done

    async def _refuse(self, entry: Entry, error: DatabaseRefusedError) -> None:
        self.refused += 1
        now = trio.current_time()
        if now - self._complained_at >= COMPLAIN_SECONDS:
            self._complained_at = now
            words = "the ledger's database refuses a row (%s) of race %s: put aside; %d so far"
            logger.error(words, error, entry.race_id, self.refused)
        try:
            kept = await trio.to_thread.run_sync(self._spool.put_aside, entry, self._replica)
        except OSError as failure:
            self._complain_of_spool(failure)
            kept = False
        self._lose(0 if kept else 1)

    async def _put_aside(self, batch: Sequence[Entry]) -> None:
        try:
            kept = await trio.to_thread.run_sync(self._spool.add, batch, self._replica)
            self._spool_fails = False
        except OSError as error:
            self._complain_of_spool(error)
            kept = 0
        self.spooled += kept
        self._lose(len(batch) - kept)

    async def _recover(self) -> None:
        """Empty the spool, and find out whether the database is back.

        A spool that cannot be read must not keep the database away: its rows are late, and those
        that come would be lost.
        """
        self._retry_at = inf
        try:
            if not await self._empty_spool():
                return
            self._spool_fails = False
        except OSError as error:
            self._complain_of_spool(error)
            self._retry_at = trio.current_time() + SPOOL_RETRY_SECONDS
        if self.is_away:
            if not await self._is_back():
                return
            self._return()
        self.is_behind = False

    async def _is_back(self) -> bool:
        try:
            await self._worker.ask(_adding((), ""))
        except DatabaseAwayError as error:
            self._leave(error)
            return False
        return True

    async def _empty_spool(self) -> bool:
        """Write what is on disk, as long as the database takes it; False when it is away.

        **Raises.** `OSError`.
        """
        while (found := await trio.to_thread.run_sync(self._spool.oldest)) is not None:
            path, rows = found
            for replica, group in groupby(rows, key=lambda row: row[1]):
                entries = [entry for entry, _ in group]
                if await self._write(entries, replica) < len(entries):
                    return False
            await trio.to_thread.run_sync(self._spool.done, path)
            self.recovered += len(rows)
        return True

    def _leave(self, error: DatabaseAwayError) -> None:
        self._retry_at = trio.current_time() + RETRY_SECONDS
        if self.away_since is None:
            self.away_since = trio.current_time()
            logger.warning("the ledger's database is away (%s): rows go to the disk", error)

    def _return(self) -> None:
        if self.away_since is not None:
            away = trio.current_time() - self.away_since
            logger.warning("the ledger's database is back after %.1f s", away)
            self.away_since = None

    def _complain_of_spool(self, error: OSError) -> None:
        if not self._spool_fails:
            logger.error("the ledger's spool cannot be used: %s", error.strerror)
        self._spool_fails = True

    def _lose(self, rows: int) -> None:
        if rows and not self.lost:
            logger.error("the ledger has lost its first rows: database and disk are too slow")
        self.lost += rows


def _adding(batch: Sequence[Entry], replica: str) -> Callable[[Database], None]:
    return lambda database: database.add(batch, replica) if replica else database.add(batch)
