"""The database of the ledger and the keys: SQLite or PostgreSQL, in one thread at a time."""

from omen.ledger.database._archive import forget_step
from omen.ledger.database._migrations import SchemaTooNewError
from omen.ledger.database._past import find_requests
from omen.ledger.database._reasons import reason_of, will_pass
from omen.ledger.database._reports import GROUPS, Usage
from omen.ledger.database._sql import Database, Spending
from omen.ledger.database._worker import (
    DatabaseAwayError,
    DatabaseRefusedError,
    DatabaseTooNewError,
    DatabaseWorker,
)
from omen.ledger.database.opening import (
    UrlError,
    check_url,
    database_errors,
    open_database,
    shown_url,
    sqlite_path,
)

__all__ = [
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
    "database_errors",
    "find_requests",
    "forget_step",
    "open_database",
    "reason_of",
    "shown_url",
    "sqlite_path",
    "will_pass",
]
