"""An entry as values of the table's columns: such values that every database keeps them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import isnan
from typing import Any

from omen.ledger.entries import Entry

COLUMNS = (
    *("id", "race_id", "request_id", "accepted_unix", "day", "key_id", "project", "strategy"),
    *("intent", "attempt", "role", "provider", "kind", "model", "domain", "outcome", "reason"),
    *("started", "first_token", "committed", "useful", "ended", "tokens", "prompt_tokens"),
    *("completion_tokens", "cached_tokens", "cost_usd", "provenance", "from_cache"),
)
"""The columns of `attempts`, in the order of `values_of`."""
_LARGEST = 10**15
"""No count is that large; of several the sum still fits into a column."""


def values_of(entry: Entry, encoding: str) -> tuple[Any, ...]:
    """Write an entry as values of `COLUMNS`, for a database that keeps text in this encoding.

    Names are callers' and counts are upstreams'. A character that the database has no code for is
    written as a question mark, a count that no column holds as the largest that one does.

    **Raises.** `ValueError`, `TypeError` or `OverflowError` for what is not an entry's.
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
    return tuple(_kept(value, encoding) for value in values)


def day_of(unix: float) -> str:
    """Return the day, in UTC."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")


def kept_text(text: str, encoding: str) -> str:
    """Return text that a database in this encoding keeps as it is."""
    return text.replace("\0", "?").encode(encoding, "replace").decode(encoding)


def _kept(value: Any, encoding: str) -> Any:
    if isinstance(value, float) and isnan(value):
        return 0.0  # SQLite takes it for a NULL
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_LARGEST, min(value, _LARGEST))
    return kept_text(value, encoding) if isinstance(value, str) else value


def _cost(cost: str | None) -> str | None:
    """Return a cost as plain digits; None for what is no number of dollars."""
    try:
        usd = None if cost is None else Decimal(cost)
    except InvalidOperation as error:
        raise ValueError("a cost that is no number") from error
    return f"{usd:f}" if usd is not None and usd.is_finite() else None
