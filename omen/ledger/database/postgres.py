"""PostgreSQL, by psycopg: for several gateways that keep one set of books."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import ceil
from typing import Any

import psycopg

from omen.ledger.database._sql import Database

_LOCK = 0x6F6D656E
"""Of the advisory lock under which the schema is changed."""


class PostgresDatabase(Database):
    """See `omen.ledger.database.Database`. `seconds` bounds the connecting."""

    dialect = "postgres"
    sum_usd = "SUM({})"

    def __init__(self, url: str, seconds: float = 5.0) -> None:
        self._connection = psycopg.connect(
            url, autocommit=True, connect_timeout=max(1, ceil(seconds)), application_name="omen"
        )

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        with self._connection.cursor() as cursor:
            cursor.execute(_marked(sql), values)
            return cursor.fetchall() if cursor.description is not None else []

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement many times; psycopg sends them in a pipeline."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(_marked(sql), values)

    def begin(self, statement: str) -> None:
        """Run one statement in its turn: two that create a table at once are one too many."""
        with self._connection.transaction():
            self.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            self.rows(statement)

    def apply(self, statements: Sequence[str], number: int) -> None:
        """Run a migration, while no other gateway does."""
        with self._connection.transaction():
            self.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            if self.rows("SELECT 1 FROM omen_migrations WHERE number = ?", (number,)):
                return
            for statement in statements:
                self.rows(statement)
            self.rows("INSERT INTO omen_migrations VALUES (?, now()::text)", (number,))

    def interrupt(self) -> None:
        """Break the connection off: a server that hangs answers no cancel request either."""
        with suppress(OSError, psycopg.Error):
            found = socket.socket(fileno=self._connection.fileno())
            try:
                found.shutdown(socket.SHUT_RDWR)
            finally:
                found.detach()  # it is psycopg's to close

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self._connection.close()


def _marked(sql: str) -> Any:
    """Write placeholders as psycopg has them."""
    return sql.replace("?", "%s")
