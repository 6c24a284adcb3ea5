"""Rows of the ledger on their way from a worker to the one writer, in the supervisor.

A worker keeps a `Ledger` with all that it does for rows in need: batches, the spool on disk, the
return. Only the last step differs: a batch goes to the supervisor, and counts as written when the
supervisor has it in memory. From then on, the death of the worker does not concern these rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import trio

from omen.gateway.workers._link import Handler, LinkError, Result
from omen.ledger import Ledger, Spool
from omen.ledger.database import DatabaseAwayError, DatabaseWorker
from omen.ledger.requests import LedgerRow, read_row


class Caller(Protocol):
    """Makes calls to the supervisor. **Raises.** `LinkError`."""

    async def call(self, name: str, value: Any = None, blob: bytes = b"") -> Result: ...


class HandedLedger(Ledger):
    """The ledger of a worker. `seconds` is the timeout of a batch."""

    gather_seconds = 0.05
    """Shorter than where the database is written: until they are handed over, rows die with the
    worker, and a batch costs the supervisor little."""
    is_writer = False

    def __init__(
        self, caller: Caller, worker: DatabaseWorker, spool: Spool, replica: str, seconds: float
    ) -> None:
        super().__init__(worker, spool, replica)
        self._caller = caller
        self._seconds = seconds
        self.writer_is_away = False
        """Whether the supervisor cannot reach the database, as it said last."""

    @property
    def database_is_away(self) -> bool:
        """Whether the supervisor, or the database behind it, is unavailable."""
        return self.is_away or self.writer_is_away

    async def deliver(self, batch: Sequence[LedgerRow], replica: str) -> None:
        """Hand rows to the supervisor. **Raises.** `DatabaseAwayError`."""
        rows = [row.to_json() for row in batch]
        try:
            with trio.fail_after(self._seconds):
                await self._caller.call("rows", [rows, replica])
        except LinkError as error:
            raise DatabaseAwayError(str(error)) from error
        except trio.TooSlowError as error:
            raise DatabaseAwayError("TimeoutError") from error


def rows_handler(ledger: Ledger) -> Handler:
    """Return the handler that gives the rows of workers to the writer.

    It refuses a batch for which there is no room in memory, so that the worker spools it.
    """

    async def rows(value: Any, blob: bytes) -> Result:
        sent, replica = value
        entries = [read_row(row) for row in sent]
        if not ledger.take(entries, replica):
            raise LinkError("too many rows wait for the database")
        return Result()

    return rows
