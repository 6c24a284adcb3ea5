"""An entry as values of the table's columns, in a form that every database can store."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import isnan
from operator import attrgetter
from typing import Any

from omen.ledger.entries import Entry
from omen.ledger.requests import RequestEntry

COLUMNS = (
    *("id", "race_id", "request_id", "accepted_unix", "day", "key_id", "project", "strategy"),
    *("intent", "attempt", "role", "provider", "kind", "model", "domain", "outcome", "reason"),
    *("started", "first_token", "committed", "useful", "ended", "tokens", "prompt_tokens"),
    *("completion_tokens", "cached_tokens", "cost_usd", "provenance", "from_cache"),
)
"""The columns of `attempts`, in the order of `values_of`."""
REQUEST_COLUMNS = (
    *("id", "race_id", "request_id", "accepted_unix", "ended_unix", "door", "key_id", "project"),
    *("model", "strategy", "status", "result", "error", "attempts", "winner"),
)
"""The columns of `requests`; each is a field of a `RequestEntry`."""
_fields_of = attrgetter(*REQUEST_COLUMNS)
_LARGEST = 10**15
"""The largest count. The sum of many such counts still fits into a column."""


def values_of(entry: Entry, encoding: str) -> tuple[Any, ...]:
    """Return an entry as values of `COLUMNS`, for a database that stores text in this encoding.

    Callers choose names, and upstreams report counts, so both are unchecked. A character that the
    database cannot encode becomes a question mark. A count that is too large becomes `_LARGEST`.

    **Raises.** `ValueError`, `TypeError` or `OverflowError` if a field has a wrong type or value.
    """
    values = (
        *(entry.id, entry.race_id, entry.request_id, entry.accepted_unix),
        *(day_of(entry.accepted_unix), entry.key_id, entry.project, entry.strategy),
        *(entry.intent, entry.index, entry.role, entry.provider, entry.kind, entry.model),
        *(entry.domain, entry.outcome, entry.reason, entry.started, entry.first_token),
        *(entry.committed, entry.useful, entry.ended, entry.tokens, entry.prompt_tokens),
        *(entry.completion_tokens, entry.cached_tokens, _cost(entry.cost_usd), entry.provenance),
        entry.from_cache,
    )
    return tuple(_storable(value, encoding) for value in values)


def request_values_of(entry: RequestEntry, encoding: str) -> tuple[Any, ...]:
    """Return a request's entry as values of `REQUEST_COLUMNS`; as `values_of` does for attempts."""
    return tuple([_storable(value, encoding) for value in _fields_of(entry)])


def day_of(unix: float) -> str:
    """Return the day in UTC, such as `2026-11-30`."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")


def storable_text(text: str, encoding: str) -> str:
    """Return the text with every character that this encoding cannot store replaced by `?`."""
    return text.replace("\0", "?").encode(encoding, "replace").decode(encoding)


def _storable(value: Any, encoding: str) -> Any:
    if isinstance(value, float) and isnan(value):
        return 0.0  # SQLite would store NULL
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_LARGEST, min(value, _LARGEST))
    return storable_text(value, encoding) if isinstance(value, str) else value


def _cost(cost: str | None) -> str | None:
    """Return a cost as plain digits; None if it is not finite. **Raises.** `ValueError`."""
    try:
        usd = None if cost is None else Decimal(cost)
    except InvalidOperation as error:
        raise ValueError("a cost that is no number") from error
    return f"{usd:f}" if usd is not None and usd.is_finite() else None
