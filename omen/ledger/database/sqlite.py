"""SQLite: one file, no server. Several processes may write to it, one after the other.

In WAL mode a reader does not wait for a writer, and `synchronous = NORMAL` leaves a sound file
whenever a process is killed; a machine that loses power may lose the last moments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from omen.ledger.database._sql import Database


class _SumUsd:
    """Adds decimals up exactly, as SQLite itself cannot."""

    def __init__(self) -> None:
        self._total = Decimal(0)

    def step(self, value: str | None) -> None:
        if value is not None:
            self._total += Decimal(value)

    def finalize(self) -> str:
        return f"{self._total:f}"


class SqliteDatabase(Database):
    """The database in one file. `busy_seconds` is how long it waits for another writer."""

    dialect = "sqlite"
    sum_usd = "SUM_USD({})"

    def __init__(self, path: Path | str, busy_seconds: float = 5.0) -> None:
        # Two threads never use it at once, but it is not always the same one.
        self._connection = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        # An aggregate is a class with `step` and `finalize`; the stubs ask for more.
        self._connection.create_aggregate("SUM_USD", 1, _SumUsd)  # type: ignore[arg-type]
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        return self._connection.execute(sql, values).fetchall()

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement many times."""
        self._in_transaction(lambda: self._connection.executemany(sql, values))

    def begin(self, statement: str) -> None:
        """Run one statement in its turn."""
        self._in_transaction(lambda: self._connection.execute(statement))

    def apply(self, statements: Sequence[str], number: int) -> None:
        """Run a migration."""

        def run() -> None:
            # Another process may have been faster, while this one waited for its turn.
            sql = "SELECT 1 FROM omen_migrations WHERE number = ?"
            if self.rows(sql, (number,)):
                return
            for statement in statements:
                self._connection.execute(statement)
            self.rows("INSERT INTO omen_migrations VALUES (?, datetime('now'))", (number,))

        self._in_transaction(run)

    def interrupt(self) -> None:
        """Break off."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _in_transaction(self, work: Any) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            work()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
