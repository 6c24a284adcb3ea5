"""Deletes old rows in bounded steps. What reports say of their days is kept.

A day is archived before its first row is deleted: the rows of every report of that day, a few
hundred, are stored, and from then on a report reads them instead of the attempts. Both happen in
one transaction, so a process may be killed at any moment, and several may do this at once. The
totals, from which budgets know a month, are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from omen.ledger.database._reports import GROUPS, usage_of_rows
from omen.ledger.database._sql import Database

_ARCHIVE = "INSERT INTO archived_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def forget_step(database: Database, before: str, most: int) -> int | None:
    """Delete at most `most` rows of the days before `before`, or archive one of these days.

    Rows of requests are deleted after those of attempts. No report reads them.

    Return the number of deleted rows; None if there is nothing to do any more.
    """
    day = _archived_day_with_rows(database)
    if day is not None:
        sql = "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE day = ? LIMIT ?)"
        return len(database.rows(f"{sql} RETURNING id", (day, most)))
    day = _oldest_day(database, before)
    if day is None:
        return _forget_requests(database, before, most) or None
    _archive(database, day)
    return 0


def _forget_requests(database: Database, before: str, most: int) -> int:
    until = datetime.fromisoformat(before).replace(tzinfo=UTC).timestamp()
    old = "SELECT id FROM requests WHERE ended_unix < ? LIMIT ?"
    sql = f"DELETE FROM requests WHERE id IN ({old}) RETURNING id"
    return len(database.rows(sql, (until, most)))


def _archived_day_with_rows(database: Database) -> str | None:
    rows = database.rows(
        "SELECT day FROM archived_days WHERE EXISTS "
        "(SELECT 1 FROM attempts WHERE attempts.day = archived_days.day) ORDER BY day LIMIT 1"
    )
    return next((str(day) for (day,) in rows), None)


def _oldest_day(database: Database, before: str) -> str | None:
    """Return the oldest day to archive. A day that is not in the totals yet has to wait."""
    ((day,),) = database.rows(
        "SELECT MIN(day) FROM attempts WHERE day < ? "
        "AND day NOT IN (SELECT day FROM archived_days) "
        "AND day NOT IN (SELECT day FROM unfilled_days)",
        (before,),
    )
    return None if day is None else str(day)


def _archive(database: Database, day: str) -> None:
    """Archive a day, unless another process has, or rows of that day came meanwhile."""
    count = _count(database, day)
    # Read outside the transaction, in which no other process could write to SQLite. It takes as
    # long as six reports of one day.
    found = [
        (day, dimension, *row)
        for dimension in GROUPS
        for row in _usage_of(database, dimension, day)
    ]
    with database.transaction():
        is_new = database.rows(
            "INSERT INTO archived_days VALUES (?) ON CONFLICT (day) DO NOTHING RETURNING day",
            (day,),
        )
        if not is_new:
            return
        if _count(database, day) != count:
            database.rows("DELETE FROM archived_days WHERE day = ?", (day,))
            return
        for row in found:
            database.rows(_ARCHIVE, row)


def _usage_of(database: Database, dimension: str, day: str) -> Sequence[tuple[Any, ...]]:
    return database.rows(usage_of_rows(GROUPS[dimension], database.sum_usd), (day, day))


def _count(database: Database, day: str) -> int:
    ((count,),) = database.rows("SELECT COUNT(*) FROM attempts WHERE day = ?", (day,))
    return int(count)
