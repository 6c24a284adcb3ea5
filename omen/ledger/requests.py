"""Rows of requests: one for each request that a known caller made, beside the rows of its attempts.

The row says how the request ended, also where no attempt was ever started. It contains nothing of
a prompt or an answer, and no message of an error: only its code.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from omen.core.requests import RequestRecord
from omen.ledger.entries import Entry, read_entry

LONGEST_NAME = 200
"""Characters of a name that a caller chose."""
MOST_REFUSED = 50
"""Rows in a second for requests without an attempt."""
_NO_MODEL = frozenset({"operations", "unknown"})
"""Doors whose requests ask no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEntry:
    """One request. **Units.** Unix time."""

    id: str
    """The race's id; a random one where no race was planned."""
    race_id: str | None
    request_id: str
    accepted_unix: float
    ended_unix: float
    door: str
    key_id: str | None
    project: str | None
    model: str
    """The model as the caller named it."""
    strategy: str | None
    status: int
    result: str
    error: str | None
    """The code of the error."""
    attempts: int
    """How many rows of attempts belong to it: their ids are `RACE_ID:0` and so on."""
    winner: int | None
    """The index of the attempt that committed."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


LedgerRow = Entry | RequestEntry
_FIELDS = frozenset(field.name for field in fields(RequestEntry))


def request_entry_of(record: RequestRecord) -> RequestEntry | None:
    """Return the row of a request that has ended; None if it has none.

    Whoever is not known, and routes that ask no model, get no row: nobody may fill a database
    without a key.
    """
    race, caller = record.race, record.caller
    if caller is None or record.door in _NO_MODEL or record.ended_at is None:
        return None
    return RequestEntry(
        id=secrets.token_hex(12) if race is None else race.race_id,
        race_id=None if race is None else race.race_id,
        request_id=record.request_id,
        accepted_unix=round(record.accepted_unix, 6),
        ended_unix=round(record.accepted_unix + record.ended_at - record.accepted_at, 6),
        door=record.door,
        key_id=caller.key_id,
        project=None if race is None else race.project,
        model=record.model[:LONGEST_NAME],
        strategy=None if race is None else race.plan.strategy,
        status=record.status,
        result=record.result,
        error=record.error_code,
        attempts=0 if race is None else len(race.attempts),
        winner=None if race is None or race.winner is None else race.winner.index,
    )


class RequestRows:
    """Makes the rows of requests, with a limit for those that cost their callers nothing.

    A request without an attempt is free. So that no caller can fill the database with them, only
    the first `MOST_REFUSED` in each second get a row; the log has a line for each.
    """

    def __init__(self) -> None:
        self._second = 0
        self._count = 0

    def row_of(self, record: RequestRecord) -> RequestEntry | None:
        """Return the row of a request that has ended; None if it gets none."""
        entry = request_entry_of(record)
        if entry is None or entry.attempts:
            return entry
        if int(entry.ended_unix) != self._second:
            self._second, self._count = int(entry.ended_unix), 0
        self._count += 1
        return entry if self._count <= MOST_REFUSED else None


def read_row(row: Mapping[str, Any]) -> LedgerRow:
    """Return the entry of a row from `to_json`, of a request or of an attempt.

    **Raises.** `TypeError` if a field is missing.
    """
    if "door" not in row:
        return read_entry(row)
    return RequestEntry(**{name: value for name, value in row.items() if name in _FIELDS})
