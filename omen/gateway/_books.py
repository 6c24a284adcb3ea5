"""The books of a gateway: where they are asked, and who writes them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import closing, suppress
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
    SchemaTooNewError,
    database_errors,
    open_database,
    reason_of,
    shown_url,
    sqlite_path,
    will_pass,
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
    keep_days: int = 0
    """Days after which rows are deleted; 0: never."""
    fills: bool = True
    """Whether this process adds up what is older than the totals."""

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


MakeLedger = Callable[[DatabaseWorker, Spool, str], Ledger]
"""Makes a ledger of a database, a spool and a replica, for rows that another process writes."""


def make_books(
    settings: LedgerSettings, folder: Path, make_ledger: MakeLedger | None = None
) -> Books:
    """Make the books that are configured; nothing is opened yet.

    Relative paths count from `folder`, which is `Loaded.folder`. With `make_ledger` another process
    writes the books, and deletes and adds up old rows: here they are only read.
    """
    url, replica = resolved_url(settings, folder), secrets.token_hex(8)
    spool = Spool(locate(folder, settings.spool_path), settings.spool_max_bytes)
    seconds, writes = settings.timeout_seconds, make_ledger is None
    open_: Callable[[], Database] = partial(open_database, url, seconds, read_only=not writes)
    make = make_ledger or Ledger
    return Books(
        url=url,
        worker=DatabaseWorker(open_, seconds),
        reports=DatabaseWorker(open_, max(seconds, REPORT_SECONDS), breaks_off=True),
        filling=DatabaseWorker(open_, max(seconds, FILL_SECONDS), breaks_off=True),
        ledger=make(DatabaseWorker(open_, seconds), spool, replica),
        replica=replica,
        keep_days=settings.keep_days if writes else 0,
        fills=writes,
    )


def find_unusable_file(settings: LedgerSettings, folder: Path) -> str | None:
    """Return why the ledger's SQLite file can never be used, and what to do; None if it can.

    It is opened once, before anything is served. A fault that may pass (a lock, a full disk) and a
    database on a server are not waited for: they may come back while OMEN serves.
    """
    url = resolved_url(settings, folder)
    if not url.startswith("sqlite:"):
        return None
    try:
        # `Books.check` reports a schema that is too new.
        with (
            closing(open_database(url, settings.timeout_seconds)) as db,
            suppress(SchemaTooNewError),
        ):
            db.migrate()
    except database_errors() as error:
        if not will_pass(error):
            return f"{shown_url(url)} cannot be used: {reason_of(error)}"
    return None


def resolved_url(settings: LedgerSettings, folder: Path) -> str:
    """Return the database's URL, with an absolute path; a relative one counts from `folder`.

    `sqlite:a.db` is relative; `sqlite:///a.db` is absolute, as in any URL.
    """
    url = settings.url or EMBEDDED
    if not url.startswith("sqlite:"):
        return url
    return f"sqlite:{locate(folder.absolute(), sqlite_path(url))}"


def find_file_of_old_url(settings: LedgerSettings, folder: Path) -> str | None:
    """Return a warning if `sqlite:///PATH` named another file in earlier versions, which is there.

    Such a path was read as a relative one.
    """
    url = settings.url or ""
    if not url.startswith("sqlite:///") or url.startswith("sqlite:////"):
        return None
    now = sqlite_path(url)
    old = folder / now.removeprefix("/")
    if Path(now).exists() or not old.is_file():
        return None
    return (
        f"the ledger is at {now}, which does not exist yet; {old}, which the same URL named in"
        f" earlier versions, is not used: to use it write sqlite:{now.removeprefix('/')}"
    )


def _nothing(database: Database) -> None:
    """Ask for nothing: to be connected says enough."""
