"""PostgreSQL, by psycopg: for several gateways that keep one set of books."""

from __future__ import annotations

import codecs
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from math import ceil
from typing import Any

import psycopg

from omen.ledger.database._rows import COLUMNS
from omen.ledger.database._sql import Database

_LOCK = 0x6F6D656E
"""Of the advisory lock under which the schema is changed."""
_CODECS: Mapping[str, str] = {"UTF8": "utf-8", "SQL_ASCII": "utf-8", "KOI8R": "koi8-r"}
"""What Python calls an encoding, where it does not know PostgreSQL's name for it. In SQL_ASCII the
server takes any bytes, and gives them back as they came."""
_CODE_PAGE = re.compile(r"WIN(\d+)")
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("accepted_unix", "started", "first_token", "committed", "ended"), "float8"),
    **dict.fromkeys(("useful", "from_cache"), "bool"),
    **dict.fromkeys(("attempt", "tokens", "prompt_tokens"), "bigint"),
    **dict.fromkeys(("completion_tokens", "cached_tokens"), "bigint"),
    "cost_usd": "numeric",
}
"""Of columns that are not text."""
_MAKE: Mapping[str, Callable[[Any], Any]] = {"float8": float, "bool": bool, "bigint": int}
_ARRAYS = ", ".join(f"%s::{_TYPES.get(column, 'text')}[]" for column in COLUMNS)
_INSERT = (
    f"INSERT INTO attempts ({', '.join(COLUMNS)}) SELECT * FROM UNNEST({_ARRAYS}) "
    "ON CONFLICT (id) DO NOTHING"
)


class PostgresDatabase(Database):
    """See `omen.ledger.database.Database`. `seconds` bounds connecting to each address."""

    dialect = "postgres"
    sum_usd = "SUM({})"
    costs = (
        "(SELECT id, day, COALESCE(key_id, '') AS key_id, provider, omen_nano(cost_usd) AS nano "
        "FROM attempts WHERE cost_usd IS NOT NULL) AS costs"
    )

    def __init__(self, url: str, seconds: float = 5.0) -> None:
        # Text comes and goes in UTF-8 whatever the server keeps: psycopg would otherwise speak the
        # server's own encoding, in which some text cannot be written, or give bytes (SQL_ASCII).
        self._connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=max(1, ceil(seconds)),
            application_name="omen",
            client_encoding="UTF8",
        )
        told = self._connection.info.parameter_status("server_encoding") or "UTF8"
        self.encoding = _codec(told)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        with self._connection.cursor() as cursor:
            cursor.execute(_marked(sql), values)
            return cursor.fetchall() if cursor.description is not None else []

    def transaction(self) -> AbstractContextManager[object]:
        """Run what is in the block as one transaction."""
        return self._connection.transaction()

    def has_table(self, name: str) -> bool:
        """Look it up where an unqualified name is looked for."""
        return self.rows("SELECT to_regclass(?) IS NOT NULL", (name,)) == [(True,)]

    def lock_schema(self) -> None:
        """Take an advisory lock: two that create a table at once are one too many."""
        self.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))

    def lock_unfilled_day(self) -> str | None:
        """Lock the newest day, after whoever has it."""
        sql = "SELECT day FROM unfilled_days ORDER BY day DESC LIMIT 1 FOR UPDATE"
        return next((str(day) for (day,) in self.rows(sql)), None)

    def sign(self, replica: str) -> None:
        """Set what the trigger reads, until the transaction ends."""
        self.rows("SELECT set_config('omen.replica', ?, TRUE)", (replica,))

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write all in one statement, and so count them in one: by column, as arrays."""
        if not rows:
            return
        columns = zip(COLUMNS, zip(*rows, strict=True), strict=True)
        with self._connection.cursor() as cursor:
            cursor.execute(_INSERT, [_array(column, values) for column, values in columns])

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


def _array(column: str, values: Sequence[Any]) -> list[Any]:
    """Return a column's values, all of one type: psycopg refuses a list of several."""
    make = _MAKE.get(_TYPES.get(column, ""), str)
    return [None if value is None else make(value) for value in values]


def _codec(encoding: str) -> str:
    """Return Python's codec for what the server keeps text in; ASCII where it has none."""
    try:
        return codecs.lookup(_CODECS.get(encoding) or _CODE_PAGE.sub(r"cp\1", encoding)).name
    except LookupError:
        return "ascii"


def _marked(sql: str) -> Any:
    """Write placeholders as psycopg has them."""
    return sql.replace("%", "%%").replace("?", "%s")
