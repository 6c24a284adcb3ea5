"""SQLite: one file, no server. Several processes may write to it, one after the other.

In WAL mode a reader does not wait for a writer, and `synchronous = NORMAL` leaves a sound file
whenever a process is killed; a machine that loses power may lose the last moments.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from omen.ledger.database._rows import COLUMNS
from omen.ledger.database._sql import Database

_BUSY_PAUSE = 0.02
_INSERT = (
    f"INSERT INTO attempts ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "
    "ON CONFLICT (id) DO NOTHING"
)


class _SumUsd:
    """Adds decimals up exactly, as SQLite itself cannot. What is no decimal counts nothing."""

    def __init__(self) -> None:
        self._total = Decimal(0)

    def step(self, value: str | None) -> None:
        if value is not None:
            with suppress(InvalidOperation):
                self._total += Decimal(value)

    def finalize(self) -> str:
        return f"{self._total:f}"


class SqliteDatabase(Database):
    """The database in one file. `busy_seconds` is how long it waits for another writer."""

    dialect = "sqlite"
    sum_usd = "SUM_USD({})"
    costs = "costs"

    def __init__(self, path: Path | str, busy_seconds: float = 5.0) -> None:
        # Two threads never use it at once, but it is not always the same one.
        self._connection = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        # An aggregate is a class with `step` and `finalize`; the stubs ask for more.
        self._connection.create_aggregate("SUM_USD", 1, _SumUsd)  # type: ignore[arg-type]
        try:
            self._write_ahead(busy_seconds)
        except BaseException:
            self._connection.close()
            raise

    def _write_ahead(self, busy_seconds: float) -> None:
        """Have the file in WAL mode.

        Of several processes that open a new file one makes the change. It needs the file for
        itself, and SQLite does not wait for that, whatever its timeout: "database is locked".
        """
        until = time.monotonic() + busy_seconds
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(_BUSY_PAUSE)
            else:
                break
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run what is in the block while no other process writes."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            # An interrupted statement has undone it all by itself.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def has_table(self, name: str) -> bool:
        """Look it up in the schema."""
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return bool(self.rows(sql, (name,)))

    def lock_schema(self) -> None:
        """Nothing is to be done: a transaction has the whole file."""

    def lock_unfilled_day(self) -> str | None:
        """Return the newest day; a transaction has the whole file."""
        ((day,),) = self.rows("SELECT MAX(day) FROM unfilled_days")
        return None if day is None else str(day)

    def sign(self, replica: str) -> None:
        """Write down whose rows the transaction writes, where the trigger reads it."""
        self.rows("UPDATE writing SET replica = ? WHERE replica <> ?", (replica, replica))

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run one statement many times."""
        self._connection.executemany(_INSERT, rows)

    def interrupt(self) -> None:
        """Break off."""
        with suppress(sqlite3.ProgrammingError):  # it is closed by now
            self._connection.interrupt()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
