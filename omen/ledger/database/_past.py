"""The query for past requests, in SQL that SQLite and PostgreSQL both support."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from omen.ledger.database._rows import REQUEST_COLUMNS, day_of, storable_text
from omen.ledger.database._sql import Database
from omen.ledger.past import PastAttempt, PastRequest, RequestQuery
from omen.ledger.requests import RequestEntry

_COLUMNS = ", ".join(f"r.{column}" for column in REQUEST_COLUMNS)
_ATTEMPT = (
    "race_id, attempt, role, provider, model, outcome, reason, started, first_token, committed, "
    "ended, tokens, prompt_tokens, cost_usd, provenance"
)
_MOST_ATTEMPTS = 256
"""Attempts of one request that are read."""
_AT_ONCE = 500
"""Ids in one statement. SQLite allows 999 placeholders, or more."""
_LONGEST_REQUEST = 86400.0
"""How long before its end a request may have been accepted, when its attempts are looked for."""


def find_requests(database: Database, query: RequestQuery) -> list[PastRequest]:
    """Return the requests that match a query, the latest first, with their attempts."""
    sql, values = _select(query, database.encoding)
    rows = database.rows(sql, values)
    entries = [_entry(row) for row in rows]
    attempts = _attempts_of(database, entries)
    return [
        PastRequest(entry=entry, key_name=row[-1], attempts=attempts[entry.id])
        for entry, row in zip(entries, rows, strict=True)
    ]


def _select(query: RequestQuery, encoding: str) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []

    def require(condition: str, *given: Any) -> None:
        conditions.append(condition)
        values.extend(storable_text(v, encoding) if isinstance(v, str) else v for v in given)

    if query.id is not None:
        require("(r.id = ? OR r.request_id = ?)", query.id, query.id)
    if query.since_unix > 0:
        require("r.ended_unix >= ?", query.since_unix)
    if query.failed:
        require("r.result IN ('refused', 'failed', 'shutdown')")
    if query.key is not None:
        require("(r.key_id = ? OR k.name = ?)", query.key, query.key)
    if query.slow is not None:
        require("r.ended_unix - r.accepted_unix >= ?", query.slow)
    if query.provider is not None:
        # By day, because attempts have an index of days. A request's row has none of providers.
        since = day_of(max(0.0, query.since_unix - _LONGEST_REQUEST))
        inner = "SELECT race_id FROM attempts WHERE day >= ? AND provider = ?"
        require(f"r.race_id IN ({inner})", since, query.provider)
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    sql = (
        f"SELECT {_COLUMNS}, k.name FROM requests r LEFT JOIN keys k ON k.id = r.key_id "
        f"{where}ORDER BY r.ended_unix DESC, r.id LIMIT ?"
    )
    return sql, [*values, query.limit]


def _entry(row: Sequence[Any]) -> RequestEntry:
    return RequestEntry(**dict(zip(REQUEST_COLUMNS, row, strict=False)))


def _attempts_of(
    database: Database, entries: Sequence[RequestEntry]
) -> defaultdict[str, list[PastAttempt]]:
    """Return the attempts of requests, by the request's id, in starting order.

    Their rows are looked up by primary key, because a table of attempts has no index of races.
    """
    ids = (
        f"{entry.race_id}:{index}"
        for entry in entries
        if entry.race_id is not None
        for index in range(min(entry.attempts, _MOST_ATTEMPTS))
    )
    found: defaultdict[str, list[PastAttempt]] = defaultdict(list)
    for batch in _batches(ids):
        marks = ", ".join("?" * len(batch))
        sql = f"SELECT {_ATTEMPT} FROM attempts WHERE id IN ({marks}) ORDER BY race_id, attempt"
        for race_id, *fields in database.rows(sql, batch):
            found[race_id].append(_attempt(fields))
    return found


def _batches(ids: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(ids, _AT_ONCE)):
        yield batch


def _attempt(fields: Sequence[Any]) -> PastAttempt:
    index, role, provider, model, outcome, reason, started, first, committed, *rest = fields
    ended, tokens, prompt_tokens, cost, provenance = rest
    return PastAttempt(
        index=index,
        role=role,
        provider=provider,
        model=model,
        outcome=outcome,
        reason=reason,
        started=started,
        first_token=first,
        committed=committed,
        ended=ended,
        tokens=tokens,
        prompt_tokens=prompt_tokens,
        cost_usd=None if cost is None else Decimal(str(cost)),
        provenance=provenance,
    )
