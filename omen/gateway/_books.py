"""The books of a gateway: where they are asked, and who writes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omen.config import LedgerSettings
from omen.ledger import Ledger, Spool
from omen.ledger.database import DatabaseWorker, open_database

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


def resolved_url(settings: LedgerSettings, directory: Path) -> str:
    """Give the database's URL, with a path that holds wherever one stands."""
    url = settings.url or EMBEDDED
    path = url.removeprefix("sqlite:")
    if path == url:
        return url
    relative = path.removeprefix("///") if not path.startswith("////") else path[3:]
    return f"sqlite:{directory / relative}"
