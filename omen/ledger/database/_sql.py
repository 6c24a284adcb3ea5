"""The queries, in SQL that SQLite and PostgreSQL both support.

Placeholders are written `?`. The differences (connecting, sums of decimals, locks, interrupts) are
in one file for each of the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from omen.core.credentials import KeyRecord
from omen.core.money import usd
from omen.ledger.database._keys import KEY_COLUMNS, key_values, read_key
from omen.ledger.database._migrations import Migration, missing_migrations
from omen.ledger.database._reports import (
    GROUPS,
    Usage,
    merged_usage,
    usage_of_archive,
    usage_of_rows,
)
from omen.ledger.database._rows import request_values_of, values_of
from omen.ledger.requests import LedgerRow, RequestEntry


@dataclass(frozen=True, slots=True)
class Spending:
    """The spending of one replica at one provider for one key; `key_id` is None without a key.

    `replica` is "" if it is unknown: the rows are older than the totals, or were written by hand.
    """

    key_id: str | None
    provider: str
    replica: str
    cost_usd: Decimal


class Database(ABC):
    """One connection, for one thread at a time. Another thread may call `interrupt`."""

    dialect: str
    sum_usd: str
    """The SQL for a sum of decimals."""
    costs: str
    """The costs of rows, as a table of `day`, `key_id` ('' without a key), `provider`, `nano`."""
    encoding = "utf-8"
    """The encoding in which the database stores text."""

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows. Without an open transaction it is one itself."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """Run the block as one transaction. An exception rolls it back."""

    @abstractmethod
    def has_table(self, name: str) -> bool:
        """Return whether there is such a table."""

    @abstractmethod
    def lock_schema(self) -> None:
        """Wait, within a transaction, until no other process changes the schema."""

    @abstractmethod
    def lock_unfilled_day(self) -> str | None:
        """Lock, within a transaction, the newest unfilled day and return it; None if there is none.

        It may also be None because another process has just filled that day.
        """

    @abstractmethod
    def sign(self, replica: str) -> None:
        """Count the rows of this transaction as spending of this replica."""

    @abstractmethod
    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows of `attempts`. A row whose id already exists is ignored."""

    @abstractmethod
    def insert_requests(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows of `requests`. A row whose id already exists is ignored."""

    @abstractmethod
    def interrupt(self) -> None:
        """Make a call that runs in another thread fail soon, whatever it waits for."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def migrate(self) -> list[str]:
        """Apply the missing changes of the schema, and return their names.

        If no change is missing, nothing is written: a database role without the right to change
        the schema is enough. **Raises.** `SchemaTooNewError`.
        """
        done: set[int] = set()
        if self.has_table("omen_migrations"):
            done = {row[0] for row in self.rows("SELECT number FROM omen_migrations")}
        missing = missing_migrations(self.dialect, done)
        if missing and not done:
            with self.transaction():
                self.lock_schema()
                self.rows(
                    "CREATE TABLE IF NOT EXISTS omen_migrations "
                    "(number INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)"
                )
        return [migration.name for migration in missing if self._apply(migration)]

    def _apply(self, migration: Migration) -> bool:
        """Apply a change. Return False if another process has applied it meanwhile."""
        with self.transaction():
            self.lock_schema()
            sql = "SELECT 1 FROM omen_migrations WHERE number = ?"
            if self.rows(sql, (migration.number,)):
                return False
            for statement in migration.statements:
                self.rows(statement)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self.rows("INSERT INTO omen_migrations VALUES (?, ?)", (migration.number, now))
            return True

    def add(self, entries: Iterable[LedgerRow], replica: str = "") -> None:
        """Write rows, all or none. A row that already exists is ignored, and not counted again.

        The totals count the rows as spending of `replica`.
        """
        rows: list[tuple[Any, ...]] = []
        requests: list[tuple[Any, ...]] = []
        for entry in entries:
            if isinstance(entry, RequestEntry):
                requests.append(request_values_of(entry, self.encoding))
            else:
                rows.append(values_of(entry, self.encoding))
        with self.transaction():
            self.sign(replica)
            self.insert(rows)
            self.insert_requests(requests)
            self.sign("")

    def usage(self, by: str, since: str, until: str) -> list[Usage]:
        """Return the usage by one of `GROUPS`, by descending cost. Both days are included."""
        of_rows, of_archive = (
            usage_of_rows(GROUPS[by], self.sum_usd),
            usage_of_archive(self.sum_usd),
        )
        # One statement: a day may be archived at any moment, and must be counted once.
        found = self.rows(f"{of_rows} UNION ALL {of_archive}", (since, until, by, since, until))
        return merged_usage(found)

    def spending(self, month: str) -> list[Spending] | None:
        """Return the costs of a month (`2026-11`) so far, by key, provider and replica.

        They come from the totals, so the time does not depend on the number of attempts. Return
        None if the totals of a day of that month are not filled yet.
        """
        days = (f"{month}-01", f"{month}-31")
        if self.rows("SELECT 1 FROM unfilled_days WHERE day >= ? AND day <= ? LIMIT 1", days):
            return None
        # The sum is split into two parts, so that neither can exceed the range of its column.
        rows = self.rows(
            "SELECT key_id, provider, replica, SUM(nano / 1000000), SUM(nano % 1000000) "
            "FROM totals WHERE day >= ? AND day <= ? GROUP BY key_id, provider, replica",
            days,
        )
        return [
            Spending(key_id or None, provider, replica, usd(int(high) * 1_000_000 + int(low)))
            for key_id, provider, replica, high, low in rows
        ]

    def fill_totals(self) -> bool:
        """Add the rows of one unfilled day to the totals. Return whether unfilled days are left."""
        with self.transaction():
            day = self.lock_unfilled_day()
            if day is not None:
                self.rows(
                    "INSERT INTO totals SELECT day, key_id, provider, '', "
                    "(CASE WHEN SUM(nano / 1000000) > 8999999999999 THEN 8999999999999 "
                    "ELSE SUM(nano / 1000000) END) * 1000000 + SUM(nano % 1000000) "
                    f"FROM {self.costs} WHERE day = ? GROUP BY day, key_id, provider",
                    (day,),
                )
                self.rows("DELETE FROM unfilled_days WHERE day = ?", (day,))
        return bool(self.rows("SELECT 1 FROM unfilled_days LIMIT 1"))

    def keys(self) -> list[KeyRecord]:
        """Return every key, the oldest first. Keys whose rows cannot be read are included."""
        rows = self.rows(f"SELECT {KEY_COLUMNS} FROM keys ORDER BY created_at, id")
        return [read_key(row) for row in rows]

    def add_key(self, key: KeyRecord) -> None:
        """Store a new key."""
        values = key_values(key, self.encoding)
        marks = ", ".join("?" * len(values))
        self.rows(f"INSERT INTO keys ({KEY_COLUMNS}) VALUES ({marks})", values)

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        """Revoke a key. Return False if there is no such key, or if it was revoked before."""
        sql = "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING id"
        return bool(self.rows(sql, (at.isoformat(), key_id)))

    def rotate_key(self, key_id: str, digest: str) -> bool:
        """Replace a key's secret. Return False if there is no such key, or if it is revoked."""
        sql = "UPDATE keys SET digest = ? WHERE id = ? AND revoked_at IS NULL RETURNING id"
        return bool(self.rows(sql, (digest, key_id)))
