"""Running totals: what a month has cost, known at once however long the books are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omen.core.money import MOST_NANO, booked_nano, nano, usd
from omen.ledger.database import Database, open_database
from omen.ledger.database._migrations import load_migrations
from omen.ledger.database._rows import COLUMNS, values_of
from omen.ledger.entries import Entry
from tests.books import NOON, entry

MONTH = "2026-11"
ROOT = Path(__file__).parents[2]
DAY = 86400.0


def spent(database: Database) -> dict[tuple[str | None, str, str], Decimal] | None:
    found = database.spending(MONTH)
    if found is None:
        return None
    return {(one.key_id, one.provider, one.replica): one.cost_usd for one in found}


def fill(database: Database) -> None:
    while database.fill_totals():
        pass


def before_the_totals(url: str) -> Database:
    """Open a database as it was made by the version before."""
    database = open_database(url, 5.0)
    first = load_migrations(database.dialect)[0]
    database.rows("CREATE TABLE omen_migrations (number INTEGER PRIMARY KEY, applied_at TEXT)")
    assert database._apply(first)
    return database


def insert_as_before(database: Database, entries: Sequence[Entry]) -> None:
    """Write rows as the version before does: it knows of no totals and signs nothing."""
    marks = ", ".join("?" * len(COLUMNS))
    sql = f"INSERT INTO attempts ({', '.join(COLUMNS)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    for one in entries:
        database.rows(sql, values_of(one, "utf-8"))


def test_what_was_spent_is_counted_by_key_provider_and_replica(database: Database) -> None:
    database.add([entry("r1", 0, key_id="k", cost_usd="0.1"),
                  entry("r1", 1, key_id="k", cost_usd="0.02", provider="xai")], "one")  # fmt: skip
    database.add([entry("r2", 0, key_id="k", cost_usd="0.003"), entry("r3", cost_usd="7")], "two")
    database.add([entry("r4", cost_usd=None), entry("r5", cost_usd="0", outcome="denied")], "two")
    database.add([entry("r6", accepted_unix=NOON - 40 * DAY, cost_usd="1000")], "two")
    assert spent(database) == {
        ("k", "openai", "one"): Decimal("0.1"),
        ("k", "xai", "one"): Decimal("0.02"),
        ("k", "openai", "two"): Decimal("0.003"),
        (None, "openai", "two"): Decimal(7),
    }


def test_a_row_that_comes_twice_counts_once_whoever_sends_it(database: Database) -> None:
    rows = [entry("r1", cost_usd="0.1"), entry("r2", cost_usd="0.1")]
    database.add([*rows, rows[0]], "one")
    database.add([*rows, entry("r3", cost_usd="0.1")], "two")
    assert spent(database) == {
        (None, "openai", "one"): Decimal("0.2"),
        (None, "openai", "two"): Decimal("0.1"),
    }


def test_each_attempt_is_a_whole_number_of_nano_dollars(database: Database) -> None:
    """As a month's budget books it: the sum is not that of the fractions."""
    database.add([entry(f"r{n}", cost_usd="0.0000000001") for n in range(30)])
    assert spent(database) == {(None, "openai", ""): usd(30)}


def test_a_batch_that_fails_counts_nothing(database: Database) -> None:
    with pytest.raises(ValueError, match="no number"):
        database.add([entry("r1", cost_usd="1"), entry("r2", cost_usd="garbage")])
    assert spent(database) == {}


def test_rows_that_are_deleted_were_spent_all_the_same(database: Database) -> None:
    """And so this shows, too, that no row is looked at."""
    database.add([entry(f"r{n}", cost_usd="1") for n in range(5)])
    database.rows("DELETE FROM attempts")
    assert spent(database) == {(None, "openai", ""): Decimal(5)}


def test_rows_of_another_hand_count(database: Database) -> None:
    insert_as_before(database, [entry("r1", cost_usd="1.5", key_id="k")])
    assert spent(database) == {("k", "openai", ""): Decimal("1.5")}


COSTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-10, max_value=10**12) | (
    st.builds(lambda n, e: Decimal(n).scaleb(-e), st.integers(0, 10**15), st.integers(0, 25))
)


@given(st.lists(COSTS, min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_cost_counts_in_sql_what_it_counts_in_python(
    database: Database, costs: list[Decimal]
) -> None:
    database.rows("DELETE FROM attempts")
    database.rows("DELETE FROM totals")
    written = [f"{cost.normalize():f}" for cost in costs]
    database.add([entry(f"r{n}", cost_usd=cost) for n, cost in enumerate(written)])
    counted = dict(database.rows(f"SELECT id, nano FROM {database.costs}"))
    # A negative one is of another hand's, so to say: its sign makes it a binary fraction in SQLite.
    wanted = [booked_nano(cost) for cost in costs]
    assert [counted[f"r{n}:0"] for n in range(len(costs))] == wanted
    # And the totals have counted each so, whoever computes it there.
    total = database.rows("SELECT SUM(nano) FROM totals")[0][0] or 0
    assert total == sum(wanted)


@pytest.mark.parametrize(
    ("cost", "counts"),
    [
        ("0", 0),
        ("0.0000000001", 1),
        ("0.000000001", 1),
        ("0.0000000010000000000000000001", 2),
        ("1.000000000", 10**9),
        ("999999.9999999999", MOST_NANO),
        ("1000000", MOST_NANO),
        ("1" + "0" * 300, MOST_NANO),
        ("-5", 0),
        ("00000000000000.5", 5 * 10**8),
    ],
)
def test_the_edges(database: Database, cost: str, counts: int) -> None:
    assert booked_nano(Decimal(cost)) == counts
    database.add([entry("r1", cost_usd=cost)])
    assert database.rows(f"SELECT nano FROM {database.costs}") == [(counts,)]


def test_nano_dollars_are_rounded_up_and_dollars_are_exact() -> None:
    assert [nano(Decimal(text)) for text in ("1.5", "0.0000000012", "-0.0000000012")] == [
        1_500_000_000,
        2,
        -1,
    ]
    assert str(usd(1_500_000_000)) == "1.5"
    assert usd(1) == Decimal("0.000000001")


def test_claims_without_measure_do_not_lose_rows(database: Database) -> None:
    """An upstream may claim anything; ten thousand such rows are more than a column holds."""
    for batch in range(20):
        rows = [entry(f"r{batch}-{n}", cost_usd="1e30") for n in range(512)]
        database.add(rows)
    ((cost),) = (spent(database) or {}).values()
    assert cost == Decimal(9_000_000_000)
    assert database.rows("SELECT COUNT(*) FROM attempts") == [(20 * 512,)]


class TestOlderBooks:
    """Books that were begun before there were totals."""

    def test_their_month_is_not_known_until_it_is_filled(self, url: str) -> None:
        database = before_the_totals(url)
        for day in range(3):
            rows = [entry(f"{day}-{n}", key_id="k", accepted_unix=NOON - DAY * 20 * day,
                          cost_usd="0.0000000011") for n in range(10)]  # fmt: skip
            insert_as_before(database, rows)
        assert database.migrate()[0] == "0002_totals.sql"
        assert spent(database) is None
        assert database.spending("2026-09") == []  # no rows, nothing to fill
        assert database.fill_totals()  # the newest day first
        assert spent(database) is None
        assert database.fill_totals()
        assert spent(database) == {("k", "openai", ""): usd(2 * 10 * 2)}
        assert database.spending("2026-10") is None
        assert not database.fill_totals()
        assert not database.fill_totals()
        assert [one.cost_usd for one in database.spending("2026-10") or ()] == [usd(20)]
        database.close()

    def test_rows_that_come_meanwhile_count_once(self, url: str) -> None:
        """Of a day that is filled, and of one that is not; by this version and the one before."""
        database = before_the_totals(url)
        insert_as_before(database, [entry("old", cost_usd="1")])
        database.migrate()
        yesterday = NOON - DAY
        database.add([entry("a", cost_usd="1"), entry("b", cost_usd="1", accepted_unix=yesterday)],
                     "me")  # fmt: skip
        insert_as_before(database, [entry("c", cost_usd="1")])
        database.add([entry("old", cost_usd="1")], "me")
        fill(database)
        insert_as_before(database, [entry("d", cost_usd="1"), entry("c", cost_usd="1")])
        database.add([entry("e", cost_usd="1"), entry("a", cost_usd="1")], "me")
        assert spent(database) == {(None, "openai", ""): 4, (None, "openai", "me"): 2}
        database.close()

    def test_filled_while_others_write(self, url: str) -> None:
        """Four fill and four write, of the same days: every row counts once."""
        database = before_the_totals(url)
        for day in range(4):
            rows = [
                entry(f"old{day}-{n}", accepted_unix=NOON - DAY * day, cost_usd="1")
                for n in range(200)
            ]
            insert_as_before(database, rows)
        database.migrate()
        database.close()

        def filling() -> None:
            mine = open_database(url, 30.0)
            fill(mine)
            mine.close()

        def writing(number: int) -> None:
            mine, random = open_database(url, 30.0), Random(number)
            for batch in range(25):
                rows = [
                    entry(f"new{number}-{batch}-{n}", provider=random.choice("abc"), cost_usd="1",
                          key_id=random.choice(("x", "y", None)),
                          accepted_unix=NOON - DAY * random.randrange(4))
                    for n in range(8)
                ]  # fmt: skip
                mine.add(rows, f"replica {number}")
            mine.close()

        with ThreadPoolExecutor(8) as pool:
            work = [pool.submit(writing, number) for number in range(4)]
            work += [pool.submit(filling) for _ in range(4)]
            for future in work:
                future.result()
        database = open_database(url, 5.0)
        fill(database)
        by_provider: Counter[str] = Counter()
        for one in database.spending(MONTH) or ():
            by_provider[one.provider] += int(one.cost_usd)
        rows = dict(database.rows("SELECT provider, COUNT(*) FROM attempts GROUP BY provider"))
        assert dict(by_provider) == rows
        assert sum(rows.values()) == 4 * 200 + 4 * 25 * 8
        database.close()
