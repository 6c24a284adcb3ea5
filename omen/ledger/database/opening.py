"""From a URL to a database: `sqlite:PATH`, or `postgresql://…`."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

from omen.ledger.database._sql import Database
from omen.ledger.database.sqlite import SqliteDatabase

try:
    import psycopg

    from omen.ledger.database.postgres import PostgresDatabase
except ImportError:  # an extra: whoever keeps books in SQLite does without
    psycopg = None  # type: ignore[assignment]

ERRORS: tuple[type[Exception], ...] = (
    sqlite3.Error,
    OSError,
    *(() if psycopg is None else (psycopg.Error,)),
)
"""What anything can raise here when the database is not there, or does not do what it should."""
_AWAY: tuple[type[Exception], ...] = (
    OSError,
    *(sqlite3.OperationalError, sqlite3.InternalError),
    *(() if psycopg is None else (psycopg.OperationalError, psycopg.InterfaceError)),
    *(() if psycopg is None else (psycopg.InternalError, psycopg.ProgrammingError)),
)
"""What says something of the database, and not of the values it was given: not there, full, read
only, damaged, without a table or a right. It may be otherwise in a while."""
_OF_VALUES = () if psycopg is None else (psycopg.errors.ProgramLimitExceeded,)
"""Of these, what does say something of values: one is too large for an index."""

_POSTGRES = ("postgresql://", "postgres://")


def is_refusal(error: Exception) -> bool:
    """Say whether an error is about the values that were written or read, not about the database.

    The same question would meet it again, whatever becomes of the database.
    """
    if type(error) is sqlite3.DatabaseError:  # SQLite's "the file is damaged", or no database
        return False
    return isinstance(error, _OF_VALUES) or not isinstance(error, _AWAY)


class UrlError(ValueError):
    """Not the URL of a database that OMEN can keep its books in."""


def check_url(url: str) -> None:
    """Find out whether there is a database for such a URL. **Raises.** `UrlError`."""
    if url.startswith(_POSTGRES):
        if psycopg is None:
            raise UrlError("PostgreSQL needs psycopg: pip install 'omen-gateway[postgres]'")
    elif not url.startswith("sqlite:") or not sqlite_path(url):
        raise UrlError("a database's URL is sqlite:PATH or postgresql://…")


def open_database(url: str, seconds: float) -> Database:
    """Connect, within so many seconds. **Raises.** Any of `ERRORS`."""
    check_url(url)
    if url.startswith(_POSTGRES):
        return PostgresDatabase(url, seconds)
    path = sqlite_path(url)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return SqliteDatabase(path, seconds)


def shown_url(url: str) -> str:
    """Say where a database is, without a password."""
    if not url.startswith(_POSTGRES):
        return url
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return f"postgresql://{where}{parts.path}"


def sqlite_path(url: str) -> str:
    """Return the path in a `sqlite:` URL: `sqlite:a.db` is relative, `sqlite:///a.db` absolute.

    Three slashes are those of any URL with an empty host; four, as SQLAlchemy writes an absolute
    path, mean the same.
    """
    path = url.removeprefix("sqlite:")
    return "/" + path.lstrip("/") if path.startswith("//") else path
