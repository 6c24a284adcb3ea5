"""Old rows are deleted, and nothing that a report or a budget says changes."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from omen.ledger.database import (
    GROUPS,
    Database,
    Usage,
    find_requests,
    forget_step,
    open_database,
)
from omen.ledger.entries import Entry
from omen.ledger.past import RequestQuery
from tests.books import NOON, entry, request_entry
from tests.ledger.database.test_totals import before_the_totals, insert_as_before, spent

DAY = 86400.0
BEFORE = "2026-11-25"
"""NOON is on 2026-11-26: rows of two days and more before it are old."""


def rows(count: int = 200) -> list[Entry]:
    """Rows of six days, with every column of a report in several values, empty ones included."""
    random = Random(7)
    return [
        entry(
            f"r{number // 2}",
            number % 2,
            accepted_unix=NOON - DAY * (number // 2 % 6),
            key_id=random.choice(("k1", "k2", None)),
            project=random.choice(("site", None)),
            provider=random.choice(("openai", "xai")),
            model=random.choice(("m", "n")),
            strategy=random.choice(("race", "single")),
            outcome=random.choice(("won", "lost", "denied")),
            from_cache=random.random() < 0.1,
            completion_tokens=random.choice((None, 9)),
            cost_usd=random.choice((None, "0", "0.0000000001", "0.25")),
            provenance=random.choice(("exact", "estimated")),
        )
        for number in range(count)
    ]


def reports(database: Database) -> dict[str, list[Usage]]:
    spans = (("2026-11-01", "2026-11-30"), ("2026-11-22", "2026-11-25"), ("2026-11-24", BEFORE))
    return {
        f"{by} {since} {until}": database.usage(by, since, until)
        for by in GROUPS
        for since, until in spans
    }


def forget(database: Database, most: int = 7, before: str = BEFORE) -> list[int]:
    """Delete what is old, and return the sizes of the batches."""
    sizes = []
    while (deleted := forget_step(database, before, most)) is not None:
        sizes.append(deleted)
    return sizes


def days_with_rows(database: Database) -> list[str]:
    return [day for (day,) in database.rows("SELECT DISTINCT day FROM attempts ORDER BY day")]


def test_every_report_and_the_months_spending_stay_as_they_were_at_every_step(
    database: Database,
) -> None:
    database.add(rows(), "one")
    told, month = reports(database), spent(database)
    steps = 0
    while forget_step(database, BEFORE, 7) is not None:
        steps += 1
        assert reports(database) == told
        assert spent(database) == month
    assert steps > 20
    assert days_with_rows(database) == ["2026-11-25", "2026-11-26"]


def test_a_step_is_bounded(database: Database) -> None:
    database.add(rows(), "one")
    sizes = forget(database)
    assert max(sizes) == 7
    assert sum(sizes) == sum(one.accepted_unix < NOON - 1.5 * DAY for one in rows())


def test_rows_of_requests_are_deleted_with_those_of_their_attempts(database: Database) -> None:
    old, new = NOON - 3 * DAY, NOON - DAY
    requests = [request_entry(f"old{n}", ended_unix=old) for n in range(9)]
    database.add([*rows(), *requests, request_entry("new", ended_unix=new)], "one")
    sizes = forget(database)
    assert sizes[-2:] == [7, 2]
    assert [one.entry.race_id for one in find_requests(database, RequestQuery())] == ["new"]


def test_nothing_old_is_nothing_to_do(database: Database) -> None:
    database.add([entry("r1")], "one")
    assert forget_step(database, BEFORE, 7) is None
    assert days_with_rows(database) == ["2026-11-26"]


def test_two_processes_may_do_it_at_once(database: Database, url: str) -> None:
    database.add(rows(), "one")
    told = reports(database)
    other = open_database(url, 5.0)
    try:
        working = True
        while working:
            working = forget_step(database, BEFORE, 3) is not None
            working = forget_step(other, BEFORE, 3) is not None or working
    finally:
        other.close()
    assert reports(database) == told


@pytest.mark.parametrize("what", ["a row", "an archive"])
def test_what_happens_while_a_day_is_read_for_the_archive_is_noticed(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    database.add(rows(), "one")
    other, transaction = open_database(url, 5.0), database.transaction
    meanwhile = [entry("late", accepted_unix=NOON - 5 * DAY, cost_usd="3")]

    def late() -> object:
        monkeypatch.undo()
        if what == "a row":
            other.add(meanwhile, "two")
        else:
            forget_step(other, BEFORE, 7)
        return transaction()

    monkeypatch.setattr(database, "transaction", late)
    assert forget_step(database, BEFORE, 7) == 0
    other.close()
    told = reports(database)
    forget(database)
    assert reports(database) == told
    cost = sum(one.cost or Decimal(0) for one in rows()) + (3 if what == "a row" else 0)
    assert sum(one.cost_usd for one in told["key 2026-11-01 2026-11-30"]) == cost


def test_a_row_that_comes_when_its_day_is_archived_counts_in_its_month_and_is_deleted(
    database: Database,
) -> None:
    database.add(rows(), "one")
    forget(database)
    told = reports(database)
    database.add([entry("late", accepted_unix=NOON - 4 * DAY, cost_usd="3")], "two")
    assert reports(database) == told
    month = spent(database)
    assert month is not None
    assert month[None, "openai", "two"] == 3
    assert forget(database) == [1]
    assert spent(database) == month


def test_a_day_that_is_not_in_the_totals_yet_waits(url: str) -> None:
    old = before_the_totals(url)
    insert_as_before(old, rows(20))
    old.close()
    database = open_database(url, 5.0)
    try:
        database.migrate()
        assert forget_step(database, BEFORE, 7) is None
        while database.fill_totals():
            pass
        month = spent(database)
        assert sum(forget(database)) > 0
        assert spent(database) == month
    finally:
        database.close()
