"""The books of a gateway: where they are asked, and who writes them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omen.config import LedgerSettings
from omen.ledger import Ledger, Spool
from omen.ledger.database import (
    ERRORS,
    DatabaseWorker,
    open_database,
    reason_of,
    shown_url,
    sqlite_path,
    will_pass,
)

EMBEDDED = "sqlite:omen.db"


@dataclass(frozen=True, slots=True)
class Books:
    """`worker` answers questions. The ledger has its own: no question waits for its batches."""

    url: str
    worker: DatabaseWorker
    ledger: Ledger


def make_books(settings: LedgerSettings, directory: Path) -> Books:
    """Make the books that are configured; nothing is opened yet. Paths are below `directory`."""
    url = resolved_url(settings, directory)
    open_ = partial(open_database, url, settings.timeout_seconds)
    spool = Spool(directory / settings.spool_path, settings.spool_max_bytes)
    seconds = settings.timeout_seconds
    return Books(url, DatabaseWorker(open_, seconds), Ledger(DatabaseWorker(open_, seconds), spool))


def find_unusable_file(settings: LedgerSettings, directory: Path) -> str | None:
    """Return why the ledger's SQLite file can never be used, and what to do; None if it can.

    It is opened once, before anything is served. A fault that may pass (a lock, a full disk) and a
    database on a server are not waited for: they may come back while OMEN serves.
    """
    url = resolved_url(settings, directory)
    if not url.startswith("sqlite:"):
        return None
    try:
        with closing(open_database(url, settings.timeout_seconds)) as database:
            database.migrate()
    except ERRORS as error:
        if not will_pass(error):
            return f"{shown_url(url)} cannot be used: {reason_of(error)}"
    return None


def resolved_url(settings: LedgerSettings, directory: Path) -> str:
    """Return the database's URL. The path of a file is absolute in it."""
    url = settings.url or EMBEDDED
    return f"sqlite:{directory / sqlite_path(url)}" if url.startswith("sqlite:") else url


def find_file_of_old_url(settings: LedgerSettings, directory: Path) -> str | None:
    """Return a warning if `sqlite:///PATH` named another file in earlier versions, which is there.

    Such a path was read as a relative one.
    """
    url = settings.url or ""
    if not url.startswith("sqlite:///") or url.startswith("sqlite:////"):
        return None
    now = sqlite_path(url)
    old = directory / now.removeprefix("/")
    if Path(now).exists() or not old.is_file():
        return None
    return (
        f"the ledger is at {now}, which does not exist yet; {old}, which the same URL named in"
        f" earlier versions, is not used: to use it write sqlite:{now.removeprefix('/')}"
    )
