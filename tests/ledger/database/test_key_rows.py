"""Rows of keys that cannot be read: another hand's, a later version's. Each costs its own key."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.ledger.database import Database

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def add_two(database: Database) -> tuple[str, str, str]:
    """Make two keys; return both ids and the first one's secret."""
    first, second = make_key(), make_key()
    for made in (first, second):
        caller = Caller(key_id=made.key_id, name="ci", models=("openai/*",))
        database.add_key(KeyRecord(caller=caller, digest=made.digest, created_at=NOW))
    return first.key_id, second.key_id, first.text.rpartition("-")[2]


def read(database: Database) -> dict[str, KeyRecord]:
    listed = database.keys()
    return {record.key_id: record for record in listed}


@pytest.mark.parametrize(
    "damage",
    [
        "models = 'gpt-*'",
        "models = '\"gpt\"'",
        "models = '{\"gpt\": 1}'",
        "models = '[1, 2]'",
        "strategies = 'null'",
        "strategies = ''",
        "created_at = 'yesterday'",
        "revoked_at = ''",
        "revoked_at = 'now'",
    ],
)
def test_such_a_row_opens_nothing_and_the_others_are_read(database: Database, damage: str) -> None:
    broken, sound, secret = add_two(database)
    database.rows(f"UPDATE keys SET {damage} WHERE id = ?", (broken,))
    records = read(database)
    assert records.keys() == {broken, sound}
    assert records[broken].unreadable is not None
    assert not records[broken].is_opened_by(secret)
    assert records[broken].caller == Caller(key_id=broken)
    assert records[sound].unreadable is None
    assert records[sound].caller.models == ("openai/*",)


@pytest.mark.parametrize(
    "damage",
    [
        "admin = 'no'",
        "admin = 2",
        "requests_per_minute = 'many'",
        "tokens_per_minute = -1",
        "monthly_usd = 'NaN'",
        "monthly_usd = 'ten'",
        "digest = x'00ff'",
        "requests_per_minute = 1.5",
    ],
)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_sqlite_keeps_anything_in_any_column(database: Database, damage: str) -> None:
    broken, _, secret = add_two(database)
    database.rows(f"UPDATE keys SET {damage} WHERE id = ?", (broken,))
    records = read(database)
    assert records[broken].unreadable is not None
    assert not records[broken].caller.admin
    assert not records[broken].is_opened_by(secret)


def test_a_name_that_no_database_keeps_is_kept_as_it_can_be(database: Database) -> None:
    made = make_key()
    caller = Caller(key_id=made.key_id, name="a\0b\udcff")
    database.add_key(KeyRecord(caller=caller, digest=made.digest, created_at=NOW))
    assert read(database)[made.key_id].caller.name == "a?b?"
