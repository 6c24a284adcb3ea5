"""What holds for the books, whichever database keeps them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.ledger.database import Database, UrlError, check_url, open_database, shown_url
from tests.books import NOON, entry

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_the_schema_is_made_once_and_only_once(url: str) -> None:
    first = open_database(url, 5.0)
    assert first.migrate() == [
        "0001_attempts_and_keys.sql",
        "0002_totals.sql",
        "0003_archive.sql",
        "0004_requests.sql",
    ]
    assert first.migrate() == []
    first.close()


def test_several_processes_may_bring_it_up_to_date_at_once(url: str) -> None:
    def migrate() -> None:
        database = open_database(url, 10.0)
        database.migrate()
        database.close()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(migrate) for _ in range(4)]:
            future.result()


def test_a_row_counts_once_however_often_it_is_kept(database: Database) -> None:
    database.add([entry("r1"), entry("r2")])
    database.add([entry("r1"), entry("r3")])
    assert database.usage("provider", "2026-11-01", "2026-11-30")[0].requests == 3


def test_usage_is_added_up_exactly_by_whatever_is_asked_for(database: Database) -> None:
    database.add(
        [
            entry("r1", 0, key_id="k1", project="site", cost_usd="0.1000000001"),
            entry("r1", 1, key_id="k1", project="site", provider="xai", outcome="lost",
                  cost_usd="0.2000000002", provenance="estimated", prompt_tokens=None),
            entry("r2", 0, key_id="k2", cost_usd=None, outcome="failed", provenance="unknown"),
            entry("r3", 0, key_id="k2", from_cache=True, cost_usd="0"),
            entry("r4", 0, key_id="k1", accepted_unix=NOON - 86400 * 40),
        ]
    )  # fmt: skip
    by_key = database.usage("key", "2026-11-01", "2026-11-30")
    assert [(u.group, u.requests, u.attempts, u.answers_from_cache) for u in by_key] == [
        ("k1", 1, 2, 0),
        ("k2", 2, 1, 1),
    ]
    assert by_key[0].cost_usd == Decimal("0.3000000003")
    assert by_key[0].premium_usd == Decimal("0.2000000002")
    assert (by_key[0].prompt_tokens, by_key[0].completion_tokens) == (10, 14)
    assert (by_key[0].inexact_attempts, by_key[1].inexact_attempts) == (1, 1)
    assert [u.group for u in database.usage("day", "2026-10-01", "2026-11-30")] == [
        "2026-11-26",
        "2026-10-17",
    ]
    assert [u.group for u in database.usage("project", "2026-11-01", "2026-11-30")] == [
        "site",
        None,
    ]
    spent = {(s.key_id, s.provider): s.cost_usd for s in database.spending("2026-11") or ()}
    assert spent[("k1", "xai")] == Decimal("0.200000001")


def test_a_name_that_no_database_keeps_does_not_lose_its_row(database: Database) -> None:
    database.add([entry("r1", model="a\0b\ud800c")])
    assert [u.group for u in database.usage("model", "2026-11-01", "2026-11-30")] == ["a?b?c"]


def test_a_count_that_no_column_holds_does_not_lose_its_row(database: Database) -> None:
    database.add([entry("r1", prompt_tokens=10**30, tokens=10**30)])
    (row,) = database.usage("provider", "2026-11-01", "2026-11-30")
    assert row.prompt_tokens == 10**15


def test_keys_come_back_as_they_were_made(database: Database) -> None:
    made = make_key()
    caller = Caller(
        key_id=made.key_id,
        name="ci",
        admin=True,
        requests_per_minute=60,
        tokens_per_minute=90_000,
        monthly_usd=Decimal("12.50"),
        models=("openai/*",),
        strategies=("single",),
    )
    key = KeyRecord(caller=caller, digest=made.digest, created_at=NOW)
    plain = replace(key, caller=Caller(key_id="0" * 12))
    database.add_key(key)
    database.add_key(plain)
    assert sorted(database.keys(), key=lambda k: k.key_id) == sorted(
        [key, plain], key=lambda k: k.key_id
    )
    assert database.rotate_key(made.key_id, "another")
    assert database.revoke_key(made.key_id, NOW)
    assert not database.revoke_key(made.key_id, NOW)
    assert not database.rotate_key("nobody", "x")
    changed = {key.key_id: key for key in database.keys()}[made.key_id]  # noqa: SIM118
    assert (changed.digest, changed.revoked_at) == ("another", NOW)


@pytest.mark.parametrize("url", ["books.db", "sqlite:", "mysql://a/b", ""])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(UrlError):
        check_url(url)


def test_a_url_is_shown_without_its_password() -> None:
    assert shown_url("postgresql://omen:secret@db:5432/books") == "postgresql://db:5432/books"
    assert shown_url("sqlite:books.db") == "sqlite:books.db"
