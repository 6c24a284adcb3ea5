"""Requests that have ended are found in either database, with their attempts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from omen.core.callers import Caller
from omen.core.credentials import KeyRecord
from omen.ledger.database import Database, find_requests
from omen.ledger.past import RequestQuery, read_duration, read_since
from tests.books import NOON, entry, request_entry

FAILED: dict[str, Any] = {"status": 503, "result": "failed", "error": "overloaded", "winner": None}
REFUSED: dict[str, Any] = {"status": 402, "result": "refused", "error": "budget_exceeded"}
ROWS = [
    entry("r1", 0, outcome="lost", reason="lost", provider="anthropic", cost_usd="0.002"),
    entry("r1", 1, started=0.25, role="hedge"),
    request_entry("r1", attempts=2, winner=1, key_id="k1"),
    entry("r2", 0, outcome="failed", reason="overloaded", provider="azure", committed=None),
    request_entry("r2", ended_unix=NOON + 7, **FAILED),
    request_entry(None, ended_unix=NOON + 60, key_id="k2", **REFUSED),
    request_entry("r3", ended_unix=NOON + 90, status=499, result="client_left", attempts=0),
]
KEY = KeyRecord(
    caller=Caller(key_id="k1", name="site"), digest="d", created_at=datetime.fromtimestamp(0, UTC)
)


@pytest.fixture
def filled(database: Database) -> Database:
    database.add(ROWS, "one")
    database.add_key(KEY)
    return database


def ids(database: Database, **query: Any) -> list[str]:
    return [found.entry.id for found in find_requests(database, RequestQuery(**query))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["r3", "u1", "r2", "r1"]),
        ({"limit": 2}, ["r3", "u1"]),
        ({"failed": True}, ["u1", "r2"]),
        ({"since_unix": NOON + 7}, ["r3", "u1", "r2"]),
        ({"since_unix": NOON + 7.001}, ["r3", "u1"]),
        ({"slow": 7.0}, ["r3", "u1", "r2"]),
        ({"slow": 7.5}, ["r3", "u1"]),
        ({"key": "k1"}, ["r1"]),
        ({"key": "site"}, ["r1"]),
        ({"key": "k2"}, ["u1"]),
        ({"key": "nobody"}, []),
        ({"provider": "anthropic"}, ["r1"]),
        ({"provider": "azure", "since_unix": NOON}, ["r2"]),
        ({"provider": "xai"}, []),
        ({"id": "r2"}, ["r2"]),
        ({"id": "req-r2"}, ["r2"]),
        ({"id": "r2:0"}, []),
        ({"id": "nul\0 and \ud83d"}, []),
        ({"failed": True, "provider": "azure", "slow": 1.0}, ["r2"]),
    ],
)
def test_a_query_finds_what_it_says_the_latest_first(
    filled: Database, query: dict[str, Any], expected: list[str]
) -> None:
    assert ids(filled, **query) == expected


def test_a_request_comes_with_its_attempts_and_their_times(filled: Database) -> None:
    (found,) = find_requests(filled, RequestQuery(id="r1"))
    assert found.key_name == "site"
    assert found.duration == 1.5
    told = found.to_json()
    assert told["time"] == "2026-11-26T12:00:00.000Z"
    assert (told["winner"], told["ttft_ms"], told["commit_ms"]) == ("openai/m", -150.0, 200.0)
    assert told["cost_usd"] == 0.003
    assert [(a["provider"], a["outcome"], a["reason"]) for a in told["attempts"]] == [
        ("anthropic", "lost", "lost"),
        ("openai", "won", None),
    ]
    assert told["attempts"][1] == {
        "attempt": 1,
        "role": "hedge",
        "provider": "openai",
        "model": "m",
        "outcome": "won",
        "reason": None,
        "started_ms": 250.0,
        "first_token_ms": 100.0,
        "committed_ms": 200.0,
        "ended_ms": 1000.0,
        "tokens": 7,
        "prompt_tokens": 10,
        "cost_usd": 0.001,
        "provenance": "exact",
    }


def test_a_request_without_an_attempt_is_found(filled: Database) -> None:
    (found,) = find_requests(filled, RequestQuery(id="req-u1"))
    told = found.to_json()
    assert (told["race_id"], told["attempts"], told["cost_usd"]) == (None, [], None)
    assert (told["status"], told["error"], told["key_id"]) == (402, "budget_exceeded", "k2")


def test_a_row_counts_once_however_often_it_is_written(filled: Database) -> None:
    filled.add(ROWS, "another")
    assert ids(filled) == ["r3", "u1", "r2", "r1"]


def test_an_attempt_that_is_not_in_the_ledger_yet_does_not_hide_its_request(
    database: Database,
) -> None:
    database.add([request_entry("r9", attempts=3, winner=2)])
    (found,) = find_requests(database, RequestQuery(id="r9"))
    assert (found.attempts, found.winner) == ([], None)


def test_many_requests_of_many_attempts_are_read_in_pieces(database: Database) -> None:
    for number in range(40):
        race = f"m{number:02}"
        database.add([entry(race, index) for index in range(30)])
        database.add([request_entry(race, attempts=30, ended_unix=NOON + number)])
    found = find_requests(database, RequestQuery())
    assert {len(one.attempts) for one in found} == {30}
    assert [a.index for a in found[0].attempts] == list(range(30))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5.0), ("250ms", 0.25), ("2h", 7200.0), ("1.5d", 129600.0), ("30", 30.0), ("30m", 1800)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-5s", "2 hours", "1e9s", "1234567890s", "٣s", "2h30m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        read_duration(text)


def test_since_is_a_time_ago_or_a_time_in_utc() -> None:
    assert read_since("2h", NOON) == NOON - 7200
    assert read_since("2026-11-26", NOON) == NOON - 43200
    assert read_since("2026-11-26T11:30", NOON) == NOON - 1800
    assert read_since("2026-11-26T13:00:00+01:00", NOON) == NOON
    with pytest.raises(ValueError, match="must be a day or time"):
        read_since("2026-11-31", NOON)
