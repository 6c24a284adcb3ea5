"""From a URL to a database: `sqlite:PATH`, or `postgresql://…`."""

from __future__ import annotations

import sqlite3
import sys
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from urllib.parse import urlsplit

from omen.ledger.database._sql import Database
from omen.ledger.database.sqlite import SqliteDatabase
from omen.ledger.private_files import make_private

_POSTGRES = ("postgresql://", "postgres://")
_Errors = tuple[type[Exception], ...]


def database_errors() -> _Errors:
    """Return the exceptions of every operation here if the database is unavailable or fails."""
    return sqlite3.Error, OSError, *_errors_of_psycopg("Error")


def _errors_of_psycopg(*names: str) -> _Errors:
    """Return exceptions of psycopg; none before its first use, as none can have been raised.

    It is an extra, which SQLite does not need, and takes 10 MB and a twentieth of the start.
    """
    psycopg = sys.modules.get("psycopg")
    return () if psycopg is None else tuple(attrgetter(name)(psycopg) for name in names)


def _is_about_the_state(error: Exception) -> bool:
    """Return whether an error is about the state of the database, not about values.

    It is unreachable, full, read-only, damaged, or lacks a table or a right. The state may change.
    """
    of_values = _errors_of_psycopg("errors.ProgramLimitExceeded")
    names = ("OperationalError", "InterfaceError", "InternalError", "ProgrammingError")
    of_sqlite = (sqlite3.OperationalError, sqlite3.InternalError)
    about_the_state: _Errors = (OSError, *of_sqlite, *_errors_of_psycopg(*names))
    return isinstance(error, about_the_state) and not isinstance(error, of_values)


def is_refusal(error: Exception) -> bool:
    """Return whether an error is about the values that were written or read, not the database.

    The same statement would fail again, whatever the state of the database.
    """
    if type(error) is sqlite3.DatabaseError:  # the file is damaged, or is not a database
        return False
    return not _is_about_the_state(error)


class UrlError(ValueError):
    """A URL that names no database that OMEN can use."""


def check_url(url: str) -> None:
    """Check that OMEN has a database for such a URL. **Raises.** `UrlError`."""
    if url.startswith(_POSTGRES):
        if find_spec("psycopg") is None:
            raise UrlError("PostgreSQL needs psycopg: pip install 'omen-gateway[postgres]'")
    elif not url.startswith("sqlite:") or not sqlite_path(url):
        raise UrlError("a database's URL is sqlite:PATH or postgresql://…")


def open_database(url: str, seconds: float, *, read_only: bool = False) -> Database:
    """Connect within `seconds`. **Raises.** Any of `database_errors`, or `UrlError`.

    `read_only` is for SQLite, which one process of a gateway writes; other databases ignore it.
    """
    check_url(url)
    if url.startswith(_POSTGRES):
        from omen.ledger.database.postgres import PostgresDatabase

        return PostgresDatabase(url, seconds)
    path = sqlite_path(url)
    if read_only:
        return SqliteDatabase(path, seconds, read_only=True)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # SQLite gives the files beside it (-wal, -shm) the mode of the database itself.
    for file in (path, f"{path}-wal", f"{path}-shm"):
        if file == path or Path(file).exists():
            make_private(Path(file))
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
