"""A gateway that keeps rows for some days only."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from omen.config import LedgerSettings
from omen.gateway import make_books
from omen.gateway._retention import SWEEP_SECONDS, keep_days
from omen.ledger.database import Database
from tests.books import entry
from tests.gateway.inline_books import inline_books, no_threads, set_away
from tests.world import open_world, upstream

__all__ = ["no_threads"]
pytestmark = pytest.mark.usefixtures("no_threads")

DAY = 86400.0


def left(database: Database) -> list[str]:
    return [race for (race,) in database.rows("SELECT race_id FROM attempts ORDER BY race_id")]


async def test_rows_are_deleted_when_their_days_are_over(
    tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    books = inline_books(tmp_path)
    now = time.time()
    ages = {"new": 0.0, "edge": 3.0, "old": 4.0, "older": 40.0}
    rows = [entry(name, accepted_unix=now - age * DAY) for name, age in ages.items()]
    await books.worker.ask(lambda database: database.add(rows))
    async with trio.open_nursery() as nursery:
        set_away(books, True)
        nursery.start_soon(keep_days, books.filling, 3)
        await trio.sleep(10)
        assert "old rows of the ledger could not be deleted" in caplog.text
        set_away(books, False)
        assert await books.worker.ask(left) == sorted(ages)
        await trio.sleep(SWEEP_SECONDS)
        assert await books.worker.ask(left) == ["edge", "new"]
        nursery.cancel_scope.cancel()
    await books.aclose()


async def test_a_gateway_does_it_if_it_is_configured(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    configured = make_books(LedgerSettings(keep_days=3), tmp_path)
    assert (configured.keep_days, make_books(LedgerSettings(), tmp_path).keep_days) == (3, 0)
    for days, kept in ((0, ["new", "old"]), (configured.keep_days, ["new"])):
        books = replace(inline_books(tmp_path / f"{days}"), keep_days=days)
        (tmp_path / f"{days}").mkdir()
        now = time.time()
        rows = [entry("new", accepted_unix=now), entry("old", accepted_unix=now - 5 * DAY)]
        await books.worker.ask(lambda database, rows=rows: database.add(rows))
        async with (
            open_world(upstream("one"), books=books) as world,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(world.gateway.keep_up)
            await trio.sleep(60)
            assert await books.worker.ask(left) == kept
            nursery.cancel_scope.cancel()
