"""PostgreSQL, by psycopg: for several gateways that share one ledger."""

from __future__ import annotations

import codecs
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from math import ceil
from typing import Any

import psycopg

from omen.ledger.database._rows import COLUMNS, REQUEST_COLUMNS
from omen.ledger.database._sql import Database

_LOCK = 0x6F6D656E
"""The number of the advisory lock for changes of the schema."""
_CODECS: Mapping[str, str] = {"UTF8": "utf-8", "SQL_ASCII": "utf-8", "KOI8R": "koi8-r"}
"""Python's name of an encoding, where it differs from PostgreSQL's. With SQL_ASCII the server
stores any bytes, and returns them unchanged."""
_CODE_PAGE = re.compile(r"WIN(\d+)")
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("accepted_unix", "started", "first_token", "committed", "ended"), "float8"),
    **dict.fromkeys(("useful", "from_cache"), "bool"),
    **dict.fromkeys(("attempt", "tokens", "prompt_tokens"), "bigint"),
    **dict.fromkeys(("completion_tokens", "cached_tokens"), "bigint"),
    "cost_usd": "numeric",
}
"""The types of the columns that are not text."""
_REQUEST_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("accepted_unix", "ended_unix"), "float8"),
    **dict.fromkeys(("status", "attempts", "winner"), "bigint"),
}
"""The types of the columns of `requests` that are not text."""
_MAKE: Mapping[str, Callable[[Any], Any]] = {"float8": float, "bool": bool, "bigint": int}


def _inserting(table: str, columns: Sequence[str], types: Mapping[str, str]) -> str:
    arrays = ", ".join(f"%s::{types.get(column, 'text')}[]" for column in columns)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM UNNEST({arrays}) "
        "ON CONFLICT (id) DO NOTHING"
    )


_INSERT = _inserting("attempts", COLUMNS, _TYPES)
_INSERT_REQUESTS = _inserting("requests", REQUEST_COLUMNS, _REQUEST_TYPES)


class PostgresDatabase(Database):
    """See `omen.ledger.database.Database`. `seconds` is the timeout of connecting per address."""

    dialect = "postgres"
    sum_usd = "SUM({})"
    costs = (
        "(SELECT id, day, COALESCE(key_id, '') AS key_id, provider, omen_nano(cost_usd) AS nano "
        "FROM attempts WHERE cost_usd IS NOT NULL) AS costs"
    )

    def __init__(self, url: str, seconds: float = 5.0) -> None:
        # Text is sent and received in UTF-8, whatever the server stores. By default psycopg would
        # use the server's encoding, which cannot encode all text, or return bytes (SQL_ASCII).
        self._connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=max(1, ceil(seconds)),
            application_name="omen",
            client_encoding="UTF8",
        )
        encoding = self._connection.info.parameter_status("server_encoding") or "UTF8"
        self.encoding = _codec(encoding)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        with self._connection.cursor() as cursor:
            cursor.execute(_marked(sql), values)
            return cursor.fetchall() if cursor.description is not None else []

    def transaction(self) -> AbstractContextManager[object]:
        """Run the block as one transaction."""
        return self._connection.transaction()

    def has_table(self, name: str) -> bool:
        """Return whether the search path has the table."""
        return self.rows("SELECT to_regclass(?) IS NOT NULL", (name,)) == [(True,)]

    def lock_schema(self) -> None:
        """Take an advisory lock: if two processes create a table at once, one of them fails."""
        self.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))

    def lock_unfilled_day(self) -> str | None:
        """Lock and return the newest day. Wait for another process that has the lock."""
        sql = "SELECT day FROM unfilled_days ORDER BY day DESC LIMIT 1 FOR UPDATE"
        return next((str(day) for (day,) in self.rows(sql)), None)

    def sign(self, replica: str) -> None:
        """Set the variable that the trigger reads, until the transaction ends."""
        self.rows("SELECT set_config('omen.replica', ?, TRUE)", (replica,))

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write all rows in one statement, with an array per column. The trigger runs only once."""
        self._insert(_INSERT, COLUMNS, _TYPES, rows)

    def insert_requests(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write all rows in one statement, with an array per column."""
        self._insert(_INSERT_REQUESTS, REQUEST_COLUMNS, _REQUEST_TYPES, rows)

    def _insert(
        self,
        sql: str,
        columns: Sequence[str],
        types: Mapping[str, str],
        rows: Sequence[tuple[Any, ...]],
    ) -> None:
        if not rows:
            return
        arrays = zip(columns, zip(*rows, strict=True), strict=True)
        with self._connection.cursor() as cursor:
            cursor.execute(sql, [_array(types.get(name, ""), values) for name, values in arrays])

    def interrupt(self) -> None:
        """Shut the socket down. A server that hangs would not answer a cancel request either."""
        with suppress(OSError, psycopg.Error):
            connection = socket.socket(fileno=self._connection.fileno())
            try:
                connection.shutdown(socket.SHUT_RDWR)
            finally:
                connection.detach()  # psycopg owns the descriptor, and closes it

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self._connection.close()


def _array(kind: str, values: Sequence[Any]) -> list[Any]:
    """Return a column's values in one type: psycopg refuses a list of mixed types."""
    make = _MAKE.get(kind, str)
    return [None if value is None else make(value) for value in values]


def _codec(encoding: str) -> str:
    """Return Python's codec for the server's encoding; ASCII if Python has none."""
    try:
        return codecs.lookup(_CODECS.get(encoding) or _CODE_PAGE.sub(r"cp\1", encoding)).name
    except LookupError:
        return "ascii"


def _marked(sql: str) -> Any:
    """Return a statement with psycopg's placeholders."""
    return sql.replace("%", "%%").replace("?", "%s")
