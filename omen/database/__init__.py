"""The database of the books and keys: SQLite or PostgreSQL, in one thread at a time."""

from omen.database._desk import (
    DatabaseAwayError,
    DatabaseRefusedError,
    DatabaseTooNewError,
    Desk,
)
from omen.database._migrations import SchemaTooNewError
from omen.database._sql import GROUPS, Database, Spending, Usage
from omen.database.opening import ERRORS, UrlError, check_url, open_database, shown_url

__all__ = [
    "ERRORS",
    "GROUPS",
    "Database",
    "DatabaseAwayError",
    "DatabaseRefusedError",
    "DatabaseTooNewError",
    "Desk",
    "SchemaTooNewError",
    "Spending",
    "UrlError",
    "Usage",
    "check_url",
    "open_database",
    "shown_url",
]
