"""The books of a gateway: where they are asked, and who writes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omen.config import LedgerSettings, locate
from omen.ledger import Ledger, Spool
from omen.ledger.database import DatabaseWorker, open_database

EMBEDDED = "sqlite:omen.db"


@dataclass(frozen=True, slots=True)
class Books:
    """`worker` answers questions. The ledger has its own: no question waits for its batches."""

    url: str
    worker: DatabaseWorker
    ledger: Ledger


def make_books(settings: LedgerSettings, folder: Path) -> Books:
    """Make the books that are configured; nothing is opened yet.

    Relative paths count from `folder`, which is `Loaded.folder`.
    """
    url = resolved_url(settings, folder)
    open_ = partial(open_database, url, settings.timeout_seconds)
    spool = Spool(locate(folder, settings.spool_path), settings.spool_max_bytes)
    seconds = settings.timeout_seconds
    return Books(url, DatabaseWorker(open_, seconds), Ledger(DatabaseWorker(open_, seconds), spool))


def resolved_url(settings: LedgerSettings, folder: Path) -> str:
    """Return the database's URL, with an absolute path; a relative one counts from `folder`.

    With three slashes a path is relative, with four absolute.
    """
    url = settings.url or EMBEDDED
    if not url.startswith("sqlite:"):
        return url
    path = url.removeprefix("sqlite:")
    written = path.removeprefix("///") if not path.startswith("////") else path[3:]
    return f"sqlite:{locate(folder.absolute(), written)}"
