"""Why a database does not do what it should, and what to do about it. Pure.

The texts of drivers may quote a URL, a password or a row, so none of them is repeated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

_MEND = "name another file in [ledger] url or OMEN_DB_URL"
_SQLITE: Mapping[str, str] = MappingProxyType(
    {
        "SQLITE_CANTOPEN": "the file cannot be opened or created: check its directory's permissions"
        f" (in a container, mount a writable one), or {_MEND}",
        "SQLITE_READONLY": f"the file or its directory is read-only: make it writable, or {_MEND}",
        "SQLITE_PERM": f"the file may not be used: check its permissions, or {_MEND}",
        "SQLITE_NOTADB": f"the file is no SQLite database: move it away, or {_MEND}",
        "SQLITE_CORRUPT": "the file is damaged: restore it from a copy, or move it away",
        "SQLITE_FULL": "the disk is full: make room",
        "SQLITE_IOERR": "the disk reports an error: look at the system's log",
        "SQLITE_BUSY": "another process holds a lock on the file: wait, or stop that process",
        "SQLITE_LOCKED": "another process holds a lock on the file: wait, or stop that process",
    }
)
"""By the primary name of the error; extended ones begin with it.

**Source.** sqlite.org/rescode.html, read 2026-11-30.
"""
_PASSING = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR"})


def reason_of(error: Exception) -> str:
    """Return the kind of an error, and what to do where that is known."""
    name = _sqlite_name(error)
    if name is not None:
        return f"{name}: {_SQLITE[name]}"
    if isinstance(error, PermissionError):
        return f"PermissionError: its directory cannot be made or used, or {_MEND}"
    if isinstance(error, OSError):
        return f"{type(error).__name__}: check the path of the file, or {_MEND}"
    if isinstance(error, sqlite3.Error):
        return type(error).__name__
    return (
        f"{type(error).__name__}: is the database running, and are its address and password right?"
    )


def will_pass(error: Exception) -> bool:
    """Return whether waiting may cure an error of a file: another process holds it, a full disk."""
    return isinstance(error, sqlite3.Error) and _sqlite_name(error) in (*_PASSING, None)


def _sqlite_name(error: Exception) -> str | None:
    name = getattr(error, "sqlite_errorname", None) or ""
    return next((primary for primary in _SQLITE if name.startswith(primary)), None)
