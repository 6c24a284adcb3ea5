"""What a month has cost is known from the books, or not known, and then nothing pays for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from omen.accounts.budget import SpendingUnknownError, current_month
from omen.config import RoutingSettings, Settings
from omen.config.settings import Price
from omen.core.callers import ANYBODY, Caller
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import BudgetExceeded, OmenError
from omen.core.hints import RaceHints
from omen.front.http.race_report import error_headers
from omen.front.operations.usage import find_usage, read_wanted
from omen.gateway import Books
from omen.ledger import Spool
from omen.ledger.database import Database, open_database
from omen.ledger.database._migrations import load_migrations
from omen.ledger.database._rows import day_of
from omen.sim import SimulatedUpstream
from tests.books import entry
from tests.gateway.inline_books import inline_books, no_threads, set_away, url_of
from tests.world import Received, World, open_world, upstream

__all__ = ["no_threads"]
pytestmark = pytest.mark.usefixtures("no_threads")

DOLLAR = Price(input=Decimal(1), output=Decimal(1_000_000))
"""A generated token costs a dollar, a prompt next to nothing."""
NOTHING = Price(input=Decimal(0), output=Decimal(0))
ONE = upstream("one", first_token=0.5, gap=0.1, tokens=10)
NOW = time.time()


def settings(limit: str | None) -> Settings:
    limit_usd = None if limit is None else Decimal(limit)
    return Settings(routing=RoutingSettings(budget_monthly_usd=limit_usd))


@asynccontextmanager
async def running(
    books: Books, limit: str | None = "100", price: Price = DOLLAR, *more: SimulatedUpstream
) -> AsyncIterator[World]:
    """Run a gateway with books, as `omen serve` does."""
    fleet = more or (ONE,)
    async with open_world(*fleet, settings=settings(limit), price=price, books=books) as world:
        await world.gateway.prepare()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.gateway.keep_up)
            yield world
            nursery.cancel_scope.cancel()


async def ask(world: World, caller: Caller = ANYBODY, model: str = "one/m") -> Received:
    request = ChatRequest((Message("user", (TextPart("hi"),)),), max_tokens=10)
    hints = RaceHints(strategy="single")
    race = world.gateway.plan(model, hints, trio.current_time(), caller=caller)
    received = Received(race)
    try:
        await world.gateway.run(race, request, received)
    except OmenError as error:
        received.error = error
    return received


def book(folder: Path, *costs: str, replica: str = "", **more: object) -> None:
    """Have rows of this month in the books, of an earlier process."""
    database = open_database(url_of(folder), 5.0)
    database.migrate()
    rows = [entry(f"{replica}-{n}-{more}", cost_usd=cost, accepted_unix=NOW, **more)
            for n, cost in enumerate(costs)]  # fmt: skip
    database.add(rows, replica)
    database.close()


class TestAfterARestart:
    async def test_a_used_up_month_pays_no_more(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        book(tmp_path, "60", "35", replica="before")
        async with running(inline_books(tmp_path)) as world:
            refused = (await ask(world)).error
            assert isinstance(refused, BudgetExceeded)
            assert (await world.gateway.months.standing()).spent_usd == 95

    async def test_neither_does_a_keys(self, autojump_clock: MockClock, tmp_path: Path) -> None:
        book(tmp_path, "15", key_id="k", replica="before")
        caller = Caller(key_id="k", monthly_usd=Decimal(20))
        async with running(inline_books(tmp_path), None) as world:
            assert isinstance((await ask(world, caller)).error, BudgetExceeded)
            other = Caller(key_id="other", monthly_usd=Decimal(20))
            assert (await ask(world, other)).error is None

    async def test_however_many_rows_there_are(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        """None is looked at."""
        book(tmp_path, "95")
        database = open_database(url_of(tmp_path), 5.0)
        database.rows("DELETE FROM attempts")
        database.close()
        async with running(inline_books(tmp_path)) as world:
            assert isinstance((await ask(world)).error, BudgetExceeded)

    async def test_rows_that_wait_on_disk_are_in_it(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        left = Spool(tmp_path / "spool", 1 << 20)
        left.add([entry("r1", cost_usd="95", accepted_unix=NOW)], "before")
        left.close()
        async with running(inline_books(tmp_path)) as world:
            assert isinstance((await ask(world)).error, BudgetExceeded)

    async def test_books_that_are_older_than_the_totals_are_added_up_first(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        database = open_database(url_of(tmp_path), 5.0)
        database.rows("CREATE TABLE omen_migrations (number INTEGER PRIMARY KEY, applied_at TEXT)")
        database._apply(load_migrations("sqlite")[0])
        database.migrate()
        database.rows("DROP TRIGGER attempts_are_totalled")
        database.add([entry("r1", cost_usd="95", accepted_unix=NOW)])
        database.rows("INSERT INTO unfilled_days VALUES (?)", (day_of(NOW),))
        database.close()
        async with running(inline_books(tmp_path)) as world:
            assert (await world.gateway.months.standing()).spent_usd == 95


class TestWhileItIsNotKnown:
    async def test_what_costs_something_is_refused_and_told_when_to_come_back(
        self, autojump_clock: MockClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        books = inline_books(tmp_path)
        set_away(books, True)
        async with running(books) as world:
            refused = (await ask(world)).error
            assert isinstance(refused, SpendingUnknownError)
            assert (refused.status, refused.code) == (503, "spending_unknown")
            assert "the ledger's database" in refused.message
            headers = {b"retry-after": b"2", b"retry-after-ms": b"2000"}
            assert dict(error_headers(refused)) == headers
            assert world.stats["one"].started == 0
            assert not world.gateway.months.is_known
            await trio.sleep(30)
            assert (await ask(world)).error is not None
            complaints = [m for m in caplog.messages if "what this month has cost" in m]
            assert len(complaints) == 1

            set_away(books, False)
            await trio.sleep(2)  # as it was told
            assert (await ask(world)).error is None
            assert world.gateway.months.is_known
            assert "what this month has cost is known" in caplog.messages

    async def test_it_is_a_402_once_it_is_known_to_be_used_up(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        book(tmp_path, "95")
        books = inline_books(tmp_path)
        set_away(books, True)
        async with running(books) as world:
            assert isinstance((await ask(world)).error, SpendingUnknownError)
            set_away(books, False)
            await trio.sleep(2)
            assert isinstance((await ask(world)).error, BudgetExceeded)

    async def test_what_costs_nothing_goes_on(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        books = inline_books(tmp_path)
        set_away(books, True)
        async with running(books, price=NOTHING) as world:
            assert (await ask(world)).error is None

    async def test_who_has_no_budget_is_not_asked(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        books = inline_books(tmp_path)
        set_away(books, True)
        async with running(books, None) as world:
            assert (await ask(world)).error is None
            bounded = Caller(key_id="k", monthly_usd=Decimal(20))
            assert isinstance((await ask(world, bounded)).error, SpendingUnknownError)
            # What was spent meanwhile counts.
            set_away(books, False)
            await trio.sleep(2)
            assert (await world.gateway.months.standing()).spent_usd > 10

    async def test_a_free_candidate_of_a_plan_is_asked_all_the_same(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        books = inline_books(tmp_path)
        set_away(books, True)
        free = upstream("free", first_token=0.5, tokens=10)
        async with running(books, "100", DOLLAR, ONE, free) as world:
            providers = dict(world.gateway.settings.providers)
            providers["free"] = replace(providers["free"], prices={"m": NOTHING})
            world.gateway.reload(replace(world.gateway.settings, providers=providers))
            answered = await ask(world, model="one/m,free/m")
            assert (answered.error, answered.winner) == (None, "free")

    async def test_a_store_that_another_replica_has_told_knows_no_less(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        books = inline_books(tmp_path)
        set_away(books, True)
        async with running(books) as world:
            await world.gateway.store.put(f"told:{current_month()}", b"", 3600)
            await trio.sleep(2)
            assert (await ask(world)).error is None

    async def test_without_books_everything_is_known(self, autojump_clock: MockClock) -> None:
        async with open_world(ONE, settings=settings("100"), price=DOLLAR) as world:
            assert world.gateway.months.is_known
            assert (await ask(world)).error is None


async def test_usage_is_not_asked_for_where_keys_are(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A report looks at every row; a key is looked for while somebody waits."""
    books = inline_books(tmp_path)
    assert len({id(worker) for worker in (books.worker, books.reports, books.filling)}) == 3
    blocked = trio.Event()
    ask_reports = books.reports.ask

    async def slow(work: object) -> object:
        await blocked.wait()
        return await ask_reports(work)  # type: ignore[arg-type]

    books.reports.ask = slow  # type: ignore[method-assign, assignment]
    async with running(books) as world, trio.open_nursery() as nursery:
        nursery.start_soon(find_usage, books, read_wanted({}))
        await trio.sleep(1)
        await world.gateway.keys.refresh()
        assert await books.worker.ask(Database.keys) == []
        blocked.set()
