"""What is asked of a database, in SQL that SQLite and PostgreSQL both understand.

Placeholders are written `?`. What the two do not share (how to connect, to add up decimals, to
break off) is in a file of its own each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from omen.core.credentials import KeyRecord
from omen.core.money import usd
from omen.ledger.database._keys import KEY_COLUMNS, key_values, read_key
from omen.ledger.database._migrations import Migration, missing_migrations
from omen.ledger.database._rows import values_of
from omen.ledger.entries import Entry

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "key": "key_id",
        "provider": "provider",
        "model": "model",
        "project": "project",
        "day": "day",
        "strategy": "strategy",
    }
)
"""What usage can be added up by, and the column of it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one group used. `premium_usd` is what of the cost was not of any answer."""

    group: str | None
    requests: int
    attempts: int
    answers_from_cache: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal
    premium_usd: Decimal
    inexact_attempts: int
    """Attempts whose cost is estimated, a lower bound, or not known."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a replica spent at a provider for a key; a key that is None is nobody's.

    A replica that is "" is not known: the rows are older than the totals, or written by hand.
    """

    key_id: str | None
    provider: str
    replica: str
    cost_usd: Decimal


class Database(ABC):
    """One connection. Not for two threads at once; `interrupt` may be called from another."""

    dialect: str
    sum_usd: str
    """How decimals are added up."""
    costs: str
    """What rows count, as a table of `day`, `key_id` ('' for nobody's), `provider` and `nano`."""
    encoding = "utf-8"
    """How the database keeps text."""

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, in a transaction of its own unless one is open; return its rows."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """Make one transaction of what is run in the block; an exception undoes it."""

    @abstractmethod
    def has_table(self, name: str) -> bool:
        """Say whether there is such a table."""

    @abstractmethod
    def lock_schema(self) -> None:
        """Wait, within a transaction, until no other process changes the schema."""

    @abstractmethod
    def lock_unfilled_day(self) -> str | None:
        """Take, within a transaction, the newest day that is not filled; None when there is none.

        It may also be None because another process has just filled that day.
        """

    @abstractmethod
    def sign(self, replica: str) -> None:
        """Have the rows of the transaction counted as this replica's."""

    @abstractmethod
    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows of `attempts`; one whose id is there already is left as it is."""

    @abstractmethod
    def interrupt(self) -> None:
        """Have a call that runs in another thread fail soon, whatever it waits for."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection."""

    def migrate(self) -> list[str]:
        """Bring the schema up to date; return the names of the changes that were made.

        Where nothing is missing nothing is written: a role that may only read and write rows will
        do. **Raises.** `SchemaTooNewError`.
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
        """Make a change; False when another process has made it meanwhile."""
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

    def add(self, entries: Iterable[Entry], replica: str = "") -> None:
        """Keep rows, all or none; one that is there already is left as it is, and not counted.

        `replica` names whose spending they are in the totals.
        """
        rows = [values_of(entry, self.encoding) for entry in entries]
        with self.transaction():
            self.sign(replica)
            self.insert(rows)
            self.sign("")

    def usage(self, by: str, since: str, until: str) -> list[Usage]:
        """Add up by one of `GROUPS`, from a day to a day, both counted; the dearest first."""
        column = GROUPS[by]
        rows = self.rows(
            f"SELECT {column}, COUNT(DISTINCT race_id), "
            "SUM(CASE WHEN outcome = 'denied' OR from_cache THEN 0 ELSE 1 END), "
            "SUM(CASE WHEN from_cache THEN 1 ELSE 0 END), "
            "SUM(COALESCE(prompt_tokens, 0)), SUM(COALESCE(completion_tokens, tokens)), "
            f"{self.sum_usd.format('cost_usd')}, "
            f"{self.sum_usd.format(_PREMIUM)}, "
            "SUM(CASE WHEN provenance = 'exact' THEN 0 ELSE 1 END) "
            "FROM attempts WHERE day >= ? AND day <= ? "
            f"GROUP BY {column}",
            (since, until),
        )
        found = [_usage(row) for row in rows]
        return sorted(found, key=lambda one: (-one.cost_usd, -one.requests, one.group or ""))

    def spending(self, month: str) -> list[Spending] | None:
        """Return what a month (`2026-11`) has cost so far, by key, provider and replica.

        It is read from the totals, and takes as long however many rows there are. None: the totals
        of some day of that month are not filled yet.
        """
        days = (f"{month}-01", f"{month}-31")
        if self.rows("SELECT 1 FROM unfilled_days WHERE day >= ? AND day <= ? LIMIT 1", days):
            return None
        # In two parts, of which neither can be too large for its column.
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
        """Add the rows of one day to the totals, if any day has such; say whether days are left."""
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
        """List every key, the oldest first, those included whose rows cannot be read."""
        found = self.rows(f"SELECT {KEY_COLUMNS} FROM keys ORDER BY created_at, id")
        return [read_key(row) for row in found]

    def add_key(self, key: KeyRecord) -> None:
        """Keep a new key."""
        values = key_values(key, self.encoding)
        marks = ", ".join("?" * len(values))
        self.rows(f"INSERT INTO keys ({KEY_COLUMNS}) VALUES ({marks})", values)

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        """Have a key open nothing any more; False when there is none that does."""
        sql = "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING id"
        return bool(self.rows(sql, (at.isoformat(), key_id)))

    def rotate_key(self, key_id: str, digest: str) -> bool:
        """Have another secret open a key; False when there is none that opens anything."""
        sql = "UPDATE keys SET digest = ? WHERE id = ? AND revoked_at IS NULL RETURNING id"
        return bool(self.rows(sql, (digest, key_id)))


_PREMIUM = "CASE WHEN outcome = 'won' THEN NULL ELSE cost_usd END"


def _usage(row: Sequence[Any]) -> Usage:
    requests, attempts, from_cache, prompt, completion = map(int, row[1:6])
    return Usage(
        group=row[0],
        requests=requests,
        attempts=attempts,
        answers_from_cache=from_cache,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=_usd(row[6]),
        premium_usd=_usd(row[7]),
        inexact_attempts=int(row[8]),
    )


def _usd(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))
