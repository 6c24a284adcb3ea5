"""Rows that nothing can be done with, and disks likewise: they cost themselves, and nobody else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
import trio
import trio.lowlevel

from omen.ledger import Ledger, Spool
from omen.ledger.database import Database, DatabaseWorker, open_database
from omen.ledger.entries import Entry
from tests.books import entry
from tests.ledger.test_ledger import kept, running, until
from tests.servers import PostgresServer

HUNG = 60.0
BAD = {"cost_usd": "garbage", "project": "secret"}
"""As nothing writes it. That it is refused for its content is what counts."""


class Flaky:
    """A database that can be away, and notes what it has."""

    def __init__(self) -> None:
        self.away = False
        self.rows: dict[str, str] = {}
        """Whose they are, by id."""
        self.asked = 0
        self.leaves_at: int | None = None

    def migrate(self) -> None: ...

    def interrupt(self) -> None: ...

    def close(self) -> None: ...

    def add(self, entries: Sequence[Entry], replica: str = "") -> None:
        self.asked += 1
        self.away = self.away or self.asked == self.leaves_at
        if self.away:
            raise sqlite3.OperationalError("away")
        if any(one.cost_usd == "garbage" for one in entries):
            raise ValueError("no number")
        self.rows |= {one.id: replica for one in entries if one.id not in self.rows}


@asynccontextmanager
async def over(flaky: Flaky, spool: Path, replica: str = "me") -> AsyncIterator[Ledger]:
    def opened() -> Database:
        return flaky  # type: ignore[return-value]

    ledger = Ledger(DatabaseWorker(opened, 5.0), Spool(spool, 1 << 20), replica)
    with trio.fail_after(HUNG):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.run)
            yield ledger
            nursery.cancel_scope.cancel()


async def test_a_row_that_the_database_refuses_costs_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:{tmp_path / 'a.db'}"
    async with running(url, tmp_path / "spool") as ledger:
        for number in range(1200):
            ledger.book(entry(f"r{number}", **(BAD if number in (0, 511, 700) else {})))
        await until(lambda: ledger.written + ledger.refused == 1200)
        assert (ledger.refused, ledger.lost, ledger.spooled, ledger.is_away) == (3, 0, 0, False)
    assert kept(url) == 1197
    aside = [
        json.loads(line) for line in (tmp_path / "spool/refused.jsonl").read_text().splitlines()
    ]
    assert [row["race_id"] for row in aside] == ["r0", "r511", "r700"]
    (complaint,) = [m for m in caplog.messages if "refuses" in m]  # of a kind callers can repeat
    assert "ValueError" in complaint
    assert "secret" not in caplog.text
    assert "garbage" not in caplog.text


async def test_one_costs_about_twenty_transactions_and_not_five_hundred(tmp_path: Path) -> None:
    flaky = Flaky()
    async with over(flaky, tmp_path / "spool") as ledger:
        await trio.lowlevel.checkpoint()
        for number in range(512):
            ledger.book(entry(f"r{number}", **(BAD if number == 333 else {})))
        await until(lambda: ledger.written + ledger.refused == 512)
    assert flaky.asked <= 2 * 9 + 2


async def test_a_file_of_such_rows_is_bounded(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 20)
    row, count = entry("r1", project="x" * 100_000), 0
    while spool.put_aside(row):
        count += 1
        assert count < 100
    assert (tmp_path / "spool" / "refused.jsonl").stat().st_size <= 4 << 20
    assert count > 30


async def test_where_they_cannot_be_put_aside_they_are_lost_and_counted(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where a directory should be")
    url = f"sqlite:{tmp_path / 'a.db'}"
    async with running(url, tmp_path / "spool") as ledger:
        ledger.book(entry("r1", **BAD))
        ledger.book(entry("r2"))
        await until(lambda: ledger.written == 1)
        assert (ledger.refused, ledger.lost) == (1, 1)


async def test_one_on_disk_does_not_keep_those_behind_it_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 20)
    spool.add([entry("r1"), entry("r2", **BAD), entry("r3")])
    spool.close()
    url = f"sqlite:{tmp_path / 'a.db'}"
    async with running(url, tmp_path / "spool") as ledger:
        await until(lambda: ledger.written + ledger.refused == 3)
        ledger.book(entry("r4"))
        await until(lambda: ledger.written == 3)
        assert not ledger.is_behind
    assert kept(url) == 3


async def test_the_database_may_go_away_in_between(tmp_path: Path) -> None:
    for leaves_at in range(2, 12):
        flaky = Flaky()
        flaky.leaves_at = leaves_at
        async with over(flaky, tmp_path / f"spool{leaves_at}") as ledger:
            for number in range(64):
                ledger.book(entry(f"r{number}", **(BAD if number in (9, 40) else {})))
            await until(lambda: ledger.is_away and not ledger.waiting)
            flaky.away, flaky.leaves_at = False, None
            await until(lambda: not ledger.is_away)
        assert len(flaky.rows) == 62
        assert (ledger.refused, ledger.lost) == (2, 0)


HOSTILE = [
    {"project": "🙂"},
    {"project": "\ud83d"},
    {"project": "a\0b", "model": "\x00"},
    {"project": "x" * 1_000_000},
    {"tokens": 10**5000, "prompt_tokens": -(10**30)},
    {"cost_usd": "1" + "0" * 4000},
    {"cost_usd": "NaN"},
    {"cost_usd": "-Infinity"},
    {"cost_usd": "-5"},
    {"ended": float("inf"), "started": float("nan")},
    {"accepted_unix": 1e300},
]


@pytest.fixture
def latin(postgres: PostgresServer) -> str:
    with psycopg.connect(postgres.url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS latin")
        server.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    return postgres.url.replace("/postgres", "/latin")


@pytest.mark.parametrize("through", ["memory", "disk"])
@pytest.mark.parametrize("database", ["sqlite", "postgres", "latin"])
async def test_nothing_that_anybody_can_put_into_a_row_stops_the_books(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, through: str
) -> None:
    urls = {"sqlite": f"sqlite:{tmp_path / 'a.db'}"}
    if database == "postgres":
        urls["postgres"] = request.getfixturevalue("postgres").url
    elif database == "latin":
        urls["latin"] = request.getfixturevalue("latin")
    url = urls[database]
    rows = [entry(f"{tmp_path}-{n}", **told) for n, told in enumerate(HOSTILE)]
    rows += [entry(f"{tmp_path}-good{n}") for n in range(100)]
    before, handled = kept(url), len(rows)
    if through == "disk":
        spool = Spool(tmp_path / "spool", 16 << 20)
        assert spool.add(rows) == handled
        assert spool.broken == 0
        spool.close()
    async with running(url, tmp_path / "spool") as ledger:
        if through == "memory":
            for row in rows:
                ledger.book(row)
        await until(lambda: ledger.written + ledger.refused == handled)
        assert (ledger.lost, ledger.is_away) == (0, False)
        assert ledger.refused == 1  # a day that no calendar has
    assert kept(url) - before == handled - 1


async def test_a_spool_that_cannot_be_used_does_not_keep_the_database_away(tmp_path: Path) -> None:
    """Core defect 23. A read-only disk, say, and a database that was away for a moment."""
    (tmp_path / "spool").write_text("a file where a directory should be")
    flaky = Flaky()
    async with over(flaky, tmp_path / "spool") as ledger:
        ledger.book(entry("r1"))
        await until(lambda: ledger.written == 1)
        flaky.away = True
        ledger.book(entry("r2"))
        await until(lambda: ledger.lost == 1)
        assert ledger.is_away
        flaky.away = False
        for number in range(3, 8):
            ledger.book(entry(f"r{number}"))
        await until(lambda: ledger.written == 6)
        assert (ledger.lost, ledger.is_away) == (1, False)


async def test_and_the_database_is_seen_to_be_back_without_a_row(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where a directory should be")
    flaky = Flaky()
    flaky.away = True
    async with over(flaky, tmp_path / "spool") as ledger:
        ledger.book(entry("r1"))
        await until(lambda: ledger.is_away)
        flaky.away = False
        await until(lambda: not ledger.is_away)


async def test_files_that_cannot_be_read_are_late_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omen.ledger._writer.SPOOL_RETRY_SECONDS", 0.05)
    left = Spool(tmp_path / "spool", 1 << 20)
    left.add([entry("r1")])
    left.close()
    (file,) = (tmp_path / "spool").rglob("*.jsonl")
    kept_aside = file.rename(tmp_path / "rows")
    file.mkdir()  # root reads whatever it likes, but no folder
    url = f"sqlite:{tmp_path / 'a.db'}"
    async with running(url, tmp_path / "spool") as ledger:
        await until(lambda: not ledger.is_behind)
        ledger.book(entry("r2"))
        await until(lambda: ledger.written == 1)
        assert [m for m in caplog.messages if "spool cannot" in m] == [
            "the ledger's spool cannot be used: Is a directory"
        ]
        file.rmdir()
        kept_aside.rename(file)
        await until(lambda: ledger.recovered == 1)
    assert kept(url) == 2


async def test_files_of_others_in_the_spool_are_left_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 20)
    spool.add([entry("r1")])
    (folder,) = {path.parent for path in (tmp_path / "spool").rglob("*.jsonl")}
    (folder / "notes.jsonl").write_text("not ours")
    spool.add([entry("r2")])
    spool.close()
    url = f"sqlite:{tmp_path / 'a.db'}"
    async with running(url, tmp_path / "spool") as ledger:
        await until(lambda: ledger.written == 2)
    assert (folder / "notes.jsonl").read_text() == "not ours"


async def test_a_row_counts_as_its_own_replicas_whoever_writes_it(tmp_path: Path) -> None:
    flaky = Flaky()
    flaky.away = True
    async with over(flaky, tmp_path / "spool", "first") as ledger:
        ledger.book(entry("r1"))
        await until(lambda: ledger.spooled == 1)
    older = Spool(tmp_path / "spool", 1 << 20)
    older.add([entry("r0")])  # by a version that did not say whose
    older.close()
    flaky.away = False
    async with over(flaky, tmp_path / "spool", "second") as ledger:
        ledger.book(entry("r2"))
        await until(lambda: ledger.written == 3)
        assert (ledger.recovered, ledger.is_behind) == (2, False)
    assert flaky.rows == {"r1:0": "first", "r0:0": "", "r2:0": "second"}


async def test_what_earlier_processes_left_can_be_written_before_anybody_is_served(
    tmp_path: Path,
) -> None:
    left = Spool(tmp_path / "spool", 1 << 20)
    left.add([entry("r1")])
    left.close()
    url = f"sqlite:{tmp_path / 'a.db'}"
    ledger = Ledger(
        DatabaseWorker(partial(open_database, url, 5.0), 5.0),
        Spool(tmp_path / "spool", 1 << 20),
        "me",
    )
    await ledger.catch_up()
    assert (ledger.recovered, ledger.is_behind) == (1, False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ledger.run)
        nursery.cancel_scope.cancel()
    assert kept(url) == 1
