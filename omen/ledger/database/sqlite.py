"""SQLite: one file, no server. Several processes may write to it, one after the other.

In WAL mode a reader does not wait for a writer. With `synchronous = NORMAL` the file stays intact
if a process is killed; after a power failure the last transactions may be lost.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from omen.ledger.database._rows import COLUMNS, REQUEST_COLUMNS
from omen.ledger.database._sql import Database

_BUSY_PAUSE = 0.02
_INSERT = (
    f"INSERT INTO attempts ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "
    "ON CONFLICT (id) DO NOTHING"
)
_INSERT_REQUEST = (
    f"INSERT INTO requests ({', '.join(REQUEST_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(REQUEST_COLUMNS))}) ON CONFLICT (id) DO NOTHING"
)


class _SumUsd:
    """An exact sum of decimals, which SQLite lacks. Text that is not a decimal counts as 0."""

    def __init__(self) -> None:
        self._total = Decimal(0)

    def step(self, value: str | None) -> None:
        if value is not None:
            with suppress(InvalidOperation):
                self._total += Decimal(value)

    def finalize(self) -> str:
        return f"{self._total:f}"


class SqliteDatabase(Database):
    """The database in one file. It waits up to `busy_seconds` for another writer.

    With `read_only` the file must exist, and every change fails.
    """

    dialect = "sqlite"
    sum_usd = "SUM_USD({})"
    costs = "costs"

    def __init__(
        self, path: Path | str, busy_seconds: float = 5.0, *, read_only: bool = False
    ) -> None:
        # Only one thread at a time uses it, but not always the same one.
        self._connection = sqlite3.connect(
            f"{Path(path).absolute().as_uri()}?mode=ro" if read_only else path,
            timeout=busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            uri=read_only,
        )
        # An aggregate needs only `step` and `finalize`; the type stubs require more.
        self._connection.create_aggregate("SUM_USD", 1, _SumUsd)  # type: ignore[arg-type]
        try:
            if not read_only:
                self._set_wal_mode(busy_seconds)
        except BaseException:
            self._connection.close()
            raise

    def _set_wal_mode(self, busy_seconds: float) -> None:
        """Switch the file to WAL mode.

        If several processes open a new file, one of them makes the change. It needs exclusive
        access, and SQLite does not wait for that despite its timeout ("database is locked"). So
        this method repeats the statement.
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
        """Run the block as one transaction, in which no other process writes."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            # After an interrupted statement SQLite has already rolled back.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def has_table(self, name: str) -> bool:
        """Return whether the schema has the table."""
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return bool(self.rows(sql, (name,)))

    def lock_schema(self) -> None:
        """Do nothing: a transaction locks the whole file."""

    def lock_unfilled_day(self) -> str | None:
        """Return the newest day. The transaction already locks the whole file."""
        ((day,),) = self.rows("SELECT MAX(day) FROM unfilled_days")
        return None if day is None else str(day)

    def sign(self, replica: str) -> None:
        """Store the replica of this transaction's rows in the table that the trigger reads."""
        self.rows("UPDATE writing SET replica = ? WHERE replica <> ?", (replica, replica))

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run one statement for each row."""
        self._connection.executemany(_INSERT, rows)

    def insert_requests(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run one statement for each row."""
        self._connection.executemany(_INSERT_REQUEST, rows)

    def interrupt(self) -> None:
        """Make the running statement fail."""
        with suppress(sqlite3.ProgrammingError):  # it is already closed
            self._connection.interrupt()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
