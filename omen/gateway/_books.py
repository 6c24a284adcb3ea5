"""The books of a gateway: where they are asked, and who writes them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omen.config import LedgerSettings, locate
from omen.ledger import Ledger, Spool
from omen.ledger.database import (
    Database,
    DatabaseAwayError,
    DatabaseTooNewError,
    DatabaseWorker,
    open_database,
)

EMBEDDED = "sqlite:omen.db"
REPORT_SECONDS = 60.0
"""A report looks at every row of its days. Nobody waits for it but who has asked."""
FILL_SECONDS = 300.0
"""To add up one day of books that are older than the totals."""


@dataclass(frozen=True, slots=True)
class Books:
    """The books, asked in several places, so that no question waits for one of another kind."""

    url: str
    worker: DatabaseWorker
    """For what is answered at once: keys, and what a month has cost."""
    reports: DatabaseWorker
    """For what looks at rows."""
    filling: DatabaseWorker
    """For adding up what is older than the totals."""
    ledger: Ledger
    """It has a worker of its own."""
    replica: str
    """Whose spending the rows are that this gateway writes."""

    async def check(self) -> None:
        """Find out whether the database is one for this version, if it can be reached now.

        **Raises.** `DatabaseTooNewError`.
        """
        try:
            await self.worker.ask(_nothing)
        except DatabaseTooNewError:
            raise
        except DatabaseAwayError:
            return

    async def aclose(self) -> None:
        """Let go of the connections, but for the ledger's."""
        for worker in (self.worker, self.reports, self.filling):
            await worker.aclose()


def make_books(settings: LedgerSettings, folder: Path) -> Books:
    """Make the books that are configured; nothing is opened yet.

    Relative paths count from `folder`, which is `Loaded.folder`.
    """
    url, replica = resolved_url(settings, folder), secrets.token_hex(8)
    spool = Spool(locate(folder, settings.spool_path), settings.spool_max_bytes)
    seconds = settings.timeout_seconds
    open_: Callable[[], Database] = partial(open_database, url, seconds)
    return Books(
        url=url,
        worker=DatabaseWorker(open_, seconds),
        reports=DatabaseWorker(open_, max(seconds, REPORT_SECONDS), breaks_off=True),
        filling=DatabaseWorker(open_, max(seconds, FILL_SECONDS), breaks_off=True),
        ledger=Ledger(DatabaseWorker(open_, seconds), spool, replica),
        replica=replica,
    )


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


def _nothing(database: Database) -> None:
    """Ask for nothing: to be connected says enough."""
