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
except ImportError:  # psycopg is an extra, which SQLite does not need
    psycopg = None  # type: ignore[assignment]

ERRORS: tuple[type[Exception], ...] = (
    sqlite3.Error,
    OSError,
    *(() if psycopg is None else (psycopg.Error,)),
)
"""The exceptions of every operation here if the database is unavailable or fails."""
_AWAY: tuple[type[Exception], ...] = (
    OSError,
    *(sqlite3.OperationalError, sqlite3.InternalError),
    *(() if psycopg is None else (psycopg.OperationalError, psycopg.InterfaceError)),
    *(() if psycopg is None else (psycopg.InternalError, psycopg.ProgrammingError)),
)
"""Errors about the state of the database, not about values: it is unreachable, full, read-only,
damaged, or lacks a table or a right. The state may change."""
_OF_VALUES = () if psycopg is None else (psycopg.errors.ProgramLimitExceeded,)
"""Subclasses of `_AWAY` that are about values after all: a value is too large for an index."""

_POSTGRES = ("postgresql://", "postgres://")


def is_refusal(error: Exception) -> bool:
    """Return whether an error is about the values that were written or read, not the database.

    The same statement would fail again, whatever the state of the database.
    """
    if type(error) is sqlite3.DatabaseError:  # the file is damaged, or is not a database
        return False
    return isinstance(error, _OF_VALUES) or not isinstance(error, _AWAY)


class UrlError(ValueError):
    """A URL that names no database that OMEN can use."""


def check_url(url: str) -> None:
    """Check that OMEN has a database for such a URL. **Raises.** `UrlError`."""
    if url.startswith(_POSTGRES):
        if psycopg is None:
            raise UrlError("PostgreSQL needs psycopg: pip install 'omen-gateway[postgres]'")
    elif not url.startswith("sqlite:") or not sqlite_path(url):
        raise UrlError("a database's URL is sqlite:PATH or postgresql://…")


def open_database(url: str, seconds: float) -> Database:
    """Connect within `seconds`. **Raises.** Any of `ERRORS`, or `UrlError`."""
    check_url(url)
    if url.startswith(_POSTGRES):
        return PostgresDatabase(url, seconds)
    path = sqlite_path(url)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return SqliteDatabase(path, seconds)


def shown_url(url: str) -> str:
    """Return a database's URL without a password."""
    if not url.startswith(_POSTGRES):
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"postgresql://{host}{parts.path}"


def sqlite_path(url: str) -> str:
    """Return the path in a `sqlite:` URL: `sqlite:a.db` is relative, `sqlite:///a.db` absolute.

    Three slashes are those of any URL with an empty host; four, as SQLAlchemy writes an absolute
    path, mean the same.
    """
    path = url.removeprefix("sqlite:")
    return "/" + path.lstrip("/") if path.startswith("//") else path
