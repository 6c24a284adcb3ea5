"""What is asked of a database, in SQL that SQLite and PostgreSQL both understand.

Placeholders are written `?`. What the two do not share (how to connect, to add up decimals, to
break off) is in a file of its own each.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from omen.core.callers import Caller
from omen.core.credentials import KeyRecord
from omen.ledger.database._migrations import load_migrations
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

_COLUMNS = (
    "id, race_id, request_id, accepted_unix, day, key_id, project, strategy, intent, attempt, "
    "role, provider, kind, model, domain, outcome, reason, started, first_token, committed, "
    "useful, ended, tokens, prompt_tokens, completion_tokens, cached_tokens, cost_usd, "
    "provenance, from_cache"
)
INSERT = (
    f"INSERT INTO attempts ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(',')))}) "
    "ON CONFLICT (id) DO NOTHING"
)
_KEY_COLUMNS = (
    "id, digest, name, admin, requests_per_minute, tokens_per_minute, monthly_usd, models, "
    "strategies, created_at, revoked_at"
)


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
    """What a key spent at a provider; a key that is None is nobody's."""

    key_id: str | None
    provider: str
    cost_usd: Decimal


class Database(ABC):
    """One connection. Not for two threads at once; `interrupt` may be called from another."""

    dialect: str
    sum_usd: str
    """How decimals are added up."""

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, in a transaction of its own, and give its rows."""

    @abstractmethod
    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of these, in one transaction."""

    @abstractmethod
    def begin(self, statement: str) -> None:
        """Run what every process does before it looks at the schema, one after the other."""

    @abstractmethod
    def apply(self, statements: Sequence[str], number: int) -> None:
        """Run a migration and write down that it was, in one transaction."""

    @abstractmethod
    def interrupt(self) -> None:
        """Have a call that runs in another thread fail soon, whatever it waits for."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection."""

    def migrate(self) -> list[str]:
        """Bring the schema up to date; say which changes were made."""
        self.begin(
            "CREATE TABLE IF NOT EXISTS omen_migrations "
            "(number INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)"
        )
        done = {row[0] for row in self.rows("SELECT number FROM omen_migrations")}
        missing = [m for m in load_migrations(self.dialect) if m.number not in done]
        for migration in missing:
            self.apply(migration.statements, migration.number)
        return [migration.name for migration in missing]

    def add(self, entries: Iterable[Entry]) -> None:
        """Keep rows; one that is there already is left as it is."""
        self.many(INSERT, [tuple(map(_sayable, self.row_of(entry))) for entry in entries])

    def row_of(self, entry: Entry) -> tuple[Any, ...]:
        """Write an entry as values of its columns."""
        return (
            *(entry.id, entry.race_id, entry.request_id, entry.accepted_unix),
            *(day_of(entry.accepted_unix), entry.key_id, entry.project, entry.strategy),
            *(entry.intent, entry.index, entry.role, entry.provider, entry.kind, entry.model),
            *(entry.domain, entry.outcome, entry.reason, entry.started, entry.first_token),
            *(entry.committed, entry.useful, entry.ended, entry.tokens, entry.prompt_tokens),
            *(entry.completion_tokens, entry.cached_tokens, entry.cost_usd, entry.provenance),
            entry.from_cache,
        )

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

    def spending(self, month: str) -> list[Spending]:
        """Add up what a month (`2026-11`) cost so far, by key and provider."""
        rows = self.rows(
            f"SELECT key_id, provider, {self.sum_usd.format('cost_usd')} FROM attempts "
            "WHERE day >= ? AND day <= ? GROUP BY key_id, provider",
            (f"{month}-01", f"{month}-31"),
        )
        return [Spending(key_id, provider, _usd(cost)) for key_id, provider, cost in rows]

    def keys(self) -> list[KeyRecord]:
        """List every key, the oldest first."""
        found = self.rows(f"SELECT {_KEY_COLUMNS} FROM keys ORDER BY created_at, id")
        return [_key(row) for row in found]

    def add_key(self, key: KeyRecord) -> None:
        """Keep a new key."""
        caller = key.caller
        values = (
            *(key.key_id, key.digest, caller.name, caller.admin, caller.requests_per_minute),
            *(caller.tokens_per_minute, _text(caller.monthly_usd), json.dumps(caller.models)),
            *(json.dumps(caller.strategies), key.created_at.isoformat(), None),
        )
        marks = ", ".join("?" * len(values))
        self.rows(f"INSERT INTO keys ({_KEY_COLUMNS}) VALUES ({marks})", values)

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        """Have a key open nothing any more; False when there is none that does."""
        sql = "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING id"
        return bool(self.rows(sql, (at.isoformat(), key_id)))

    def rotate_key(self, key_id: str, digest: str) -> bool:
        """Have another secret open a key; False when there is none that opens anything."""
        sql = "UPDATE keys SET digest = ? WHERE id = ? AND revoked_at IS NULL RETURNING id"
        return bool(self.rows(sql, (digest, key_id)))


_LARGEST = 10**15
"""No count is that large; of several the sum still fits into a column."""
_PREMIUM = "CASE WHEN outcome = 'won' THEN NULL ELSE cost_usd END"


def day_of(unix: float) -> str:
    """Give the day, in UTC."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")


def _sayable(value: Any) -> Any:
    """Make of a value what every database keeps: names are callers', counts upstreams'."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_LARGEST, min(value, _LARGEST))
    if not isinstance(value, str):
        return value
    return value.replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


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


def _key(row: Sequence[Any]) -> KeyRecord:
    key_id, digest, name, admin, requests, tokens, monthly, *rest = row
    models, strategies, created, revoked = rest
    caller = Caller(
        key_id=key_id,
        name=name,
        admin=bool(admin),
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        monthly_usd=None if monthly is None else Decimal(str(monthly)),
        models=tuple(json.loads(models)),
        strategies=tuple(json.loads(strategies)),
    )
    return KeyRecord(
        caller=caller,
        digest=digest,
        created_at=datetime.fromisoformat(created),
        revoked_at=None if revoked is None else datetime.fromisoformat(revoked),
    )


def _usd(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
