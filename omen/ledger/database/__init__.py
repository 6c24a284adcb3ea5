"""The database of the ledger and the keys: SQLite or PostgreSQL, in one thread at a time."""

from omen.ledger.database._migrations import SchemaTooNewError
from omen.ledger.database._sql import GROUPS, Database, Spending, Usage
from omen.ledger.database._worker import (
    DatabaseAwayError,
    DatabaseRefusedError,
    DatabaseTooNewError,
    DatabaseWorker,
)
from omen.ledger.database.opening import ERRORS, UrlError, check_url, open_database, shown_url

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
    "shown_url",
]
