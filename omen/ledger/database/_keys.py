"""A key as a row, and back. A row that cannot be read makes only its own key invalid."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from omen.core.callers import Caller
from omen.core.credentials import KeyRecord
from omen.ledger.database._rows import storable_text

KEY_COLUMNS = (
    "id, digest, name, admin, requests_per_minute, tokens_per_minute, monthly_usd, models, "
    "strategies, created_at, revoked_at"
)


def key_values(key: KeyRecord, encoding: str) -> tuple[Any, ...]:
    """Return a key as values of `KEY_COLUMNS`."""
    caller = key.caller
    monthly = None if caller.monthly_usd is None else f"{caller.monthly_usd:f}"
    return (
        *(key.key_id, key.digest, storable_text(caller.name, encoding), caller.admin),
        *(caller.requests_per_minute, caller.tokens_per_minute, monthly),
        *(json.dumps(caller.models), json.dumps(caller.strategies)),
        *(key.created_at.isoformat(), None),
    )


def read_key(row: Sequence[Any]) -> KeyRecord:
    """Return the key of a row.

    A row that cannot be read (edited by hand, or of a later version) gives a key that is not valid.
    """
    try:
        return _read(row)
    except (ValueError, TypeError, ArithmeticError) as error:
        caller = Caller(key_id=str(row[0]))
        reason = type(error).__name__
        return KeyRecord(caller=caller, digest="", created_at=_LONG_AGO, unreadable=reason)


_LONG_AGO = datetime.fromtimestamp(0, UTC)


def _read(row: Sequence[Any]) -> KeyRecord:
    key_id, digest, name, admin, requests, tokens, monthly, *rest = row
    models, strategies, created, revoked = rest
    if not (isinstance(key_id, str) and isinstance(digest, str) and admin in (0, 1)):
        raise ValueError("not a key's id, digest or role")
    caller = Caller(
        key_id=key_id,
        name=str(name),
        admin=bool(admin),
        requests_per_minute=_limit(requests),
        tokens_per_minute=_limit(tokens),
        monthly_usd=_usd(monthly),
        models=_names(models),
        strategies=_names(strategies),
    )
    return KeyRecord(
        caller=caller,
        digest=digest,
        created_at=datetime.fromisoformat(created),
        revoked_at=None if revoked is None else datetime.fromisoformat(revoked),
    )


def _limit(value: Any) -> int | None:
    # SQLite stores any type in any column.
    if value is not None and (not isinstance(value, int) or value < 0):
        raise ValueError("not a limit")
    return value


def _usd(value: Any) -> Decimal | None:
    amount = None if value is None else Decimal(str(value))
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise ValueError("not an amount")
    return amount


def _names(text: Any) -> tuple[str, ...]:
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("not a list of names")
    return tuple(names)
