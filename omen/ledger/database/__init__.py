"""The database of the ledger and the keys: SQLite or PostgreSQL, in one thread at a time."""

from omen.ledger.database._migrations import SchemaTooNewError
from omen.ledger.database._reasons import reason_of, will_pass
from omen.ledger.database._sql import GROUPS, Database, Spending, Usage
from omen.ledger.database._worker import (
    DatabaseAwayError,
    DatabaseRefusedError,
    DatabaseTooNewError,
    DatabaseWorker,
)
from omen.ledger.database.opening import (
    ERRORS,
    UrlError,
    check_url,
    open_database,
    shown_url,
    sqlite_path,
)

__all__ = [
    "ERRORS",
    "GROUPS",
    "Database",
    "DatabaseAwayError",
    "DatabaseRefusedError",
    "DatabaseTooNewError",
    "DatabaseWorker",
    "SchemaTooNewError",
    "Spending",
    "UrlError",
    "Usage",
    "check_url",
    "open_database",
    "reason_of",
    "shown_url",
    "sqlite_path",
    "will_pass",
]
