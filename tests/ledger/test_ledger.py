"""The ledger: nothing waits for it, and nothing is lost that there was any room for."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from omen.ledger import Ledger, Spool
from omen.ledger.database import Database, DatabaseAwayError, DatabaseWorker, open_database
from tests.books import entry
from tests.servers import PostgresServer

HUNG = 60.0
SECONDS = 1.0


@asynccontextmanager
async def running(url: str, spool: Path, most_bytes: int = 1 << 20) -> AsyncIterator[Ledger]:
    ledger = Ledger(
        DatabaseWorker(partial(open_database, url, SECONDS), SECONDS), Spool(spool, most_bytes)
    )
    with trio.fail_after(HUNG):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.run)
            yield ledger
            nursery.cancel_scope.cancel()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110
        await trio.sleep(0.01)


def kept(url: str) -> int:
    database = open_database(url, 5.0)
    database.migrate()
    count = int(database.rows("SELECT COUNT(*) FROM attempts")[0][0])
    database.close()
    return count


async def test_rows_are_written_soon_and_the_last_ones_at_the_end(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'a.db'}"
    async with running(url, tmp_path / "spool") as ledger:
        for number in range(2000):
            ledger.book(entry(f"r{number}"))
        await until(lambda: ledger.written == 2000)
        ledger.book(entry("last"))
    assert kept(url) == 2001


async def test_a_stop_in_the_middle_of_a_batch_loses_nothing(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'a.db'}"
    total = 0
    for stop in range(12):
        async with running(url, tmp_path / "spool") as ledger:
            for number in range(1500):
                ledger.book(entry(f"{stop}-{number}"))
            total += 1500
            await trio.sleep(0.2 + 0.005 * stop)  # about when it writes
    assert kept(url) == total


async def test_rows_wait_on_disk_while_the_database_is_away(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    before = kept(postgres.url)
    async with running(postgres.url, tmp_path / "spool") as ledger:
        ledger.book(entry(f"{tmp_path}-1"))
        await until(lambda: ledger.written >= 1)
        postgres.stop()
        for number in range(1000):
            ledger.book(entry(f"{tmp_path}-away{number}"))
        await until(lambda: ledger.spooled == 1000)
        assert ledger.is_away
        postgres.start()
        await until(lambda: not ledger.is_away)
        ledger.book(entry(f"{tmp_path}-2"))
    assert kept(postgres.url) - before == 1002
    assert ledger.lost == 0
    assert list((tmp_path / "spool").rglob("*.jsonl")) == []


async def test_a_database_that_hangs_is_one_that_is_away(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    before = kept(postgres.url)
    async with running(postgres.url, tmp_path / "spool") as ledger:
        ledger.book(entry(f"{tmp_path}-1"))
        await until(lambda: ledger.written >= 1)
        postgres.hang()
        ledger.book(entry(f"{tmp_path}-2"))
        await until(lambda: ledger.is_away)
        await until(lambda: ledger.spooled == 1)
        postgres.wake()
        await until(lambda: not ledger.is_away)
    assert kept(postgres.url) - before == 2


async def test_what_the_disk_has_no_room_for_is_counted(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    before = kept(postgres.url)
    postgres.stop()
    async with running(postgres.url, tmp_path / "spool", most_bytes=20_000) as ledger:
        for number in range(200):
            ledger.book(entry(f"{tmp_path}-{number}"))
        await until(lambda: ledger.spooled + ledger.lost == 200)
        assert 0 < ledger.lost < 200
        postgres.start()
        await until(lambda: not ledger.is_away)
    assert kept(postgres.url) - before == 200 - ledger.lost


async def test_a_disk_that_cannot_be_written_loses_rows_and_recovers(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("a file where a directory should be")
    postgres.stop()
    async with running(postgres.url, tmp_path / "spool") as ledger:
        ledger.book(entry(f"{tmp_path}-1"))
        await until(lambda: ledger.lost == 1)
        (tmp_path / "spool").unlink()
        postgres.start()
        await until(lambda: not ledger.is_away)
        written = ledger.written
        ledger.book(entry(f"{tmp_path}-2"))
        await until(lambda: ledger.written == written + 1)


async def test_the_next_process_writes_what_the_last_one_left_on_disk(tmp_path: Path) -> None:
    left = Spool(tmp_path / "spool", 1 << 20)
    left.add([entry("r1"), entry("r2")])
    (file,) = (tmp_path / "spool").rglob("*.jsonl")
    file.write_bytes(file.read_bytes() + b'{"race_id": "broken o')
    beside = Spool(tmp_path / "spool", 1 << 20)  # the first one still lives
    assert beside.oldest() is None
    beside.close()
    left.close()
    url = f"sqlite:{tmp_path / 'a.db'}"
    async with running(url, tmp_path / "spool") as ledger:
        await until(lambda: ledger.written >= 2)
    assert kept(url) == 2


WRITER = """
import sys, trio
from functools import partial
from pathlib import Path
from omen.ledger.database import DatabaseWorker, open_database
from omen.ledger import Ledger, Spool
from tests.books import entry

async def main(url, spool):
    worker = DatabaseWorker(partial(open_database, url, 5.0), 5.0)
    ledger = Ledger(worker, Spool(Path(spool), 1 << 20))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ledger.run)
        for number in range(1_000_000):
            ledger.book(entry(f"r{number}"))
            print(number, flush=True)
            await trio.sleep(0.0005)

trio.run(main, *sys.argv[1:])
"""


@pytest.mark.parametrize("rounds", [3])
def test_kill_9_leaves_sound_books_that_miss_at_most_the_last_flush(
    tmp_path: Path, rounds: int
) -> None:
    root = Path(__file__).parents[2]
    for number in range(rounds):
        url = f"sqlite:{tmp_path / f'{number}.db'}"
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(tmp_path / "spool")],
            stdout=subprocess.PIPE,
            cwd=root,
        ) as writer:
            assert writer.stdout is not None
            booked: list[tuple[float, int]] = []
            while not booked or booked[-1][1] < 700 + 97 * number:
                booked.append((time.monotonic(), int(writer.stdout.readline())))
            writer.kill()
            killed_at = time.monotonic()
            booked += [(killed_at, int(line)) for line in writer.stdout.read().split()]
        database = open_database(url, 5.0)
        assert database.rows("PRAGMA integrity_check") == [("ok",)]
        found = {row[0] for row in database.rows("SELECT race_id FROM attempts")}
        database.close()
        # What was booked longer ago than a flush, and the one under way, may take, is there.
        safe = {f"r{n}" for at, n in booked if at < killed_at - 1.0}
        assert safe <= found
        assert found == {f"r{n}" for n in range(len(found))}, "rows are missing in between"


async def test_a_question_that_takes_too_long_is_broken_off_and_the_next_is_answered(
    postgres: PostgresServer,
) -> None:
    worker = DatabaseWorker(partial(open_database, postgres.url, SECONDS), SECONDS)
    with trio.fail_after(HUNG):
        with pytest.raises(DatabaseAwayError):
            await worker.ask(lambda database: database.rows("SELECT pg_sleep(50)"))
        assert await worker.ask(lambda database: database.rows("SELECT 1")) == [(1,)]
        await worker.aclose()


async def test_sqlite_is_broken_off_as_well(tmp_path: Path) -> None:
    worker = DatabaseWorker(partial(open_database, f"sqlite:{tmp_path / 'a.db'}", 0.5), 0.5)

    def count_for_ever(database: Database) -> object:
        return database.rows(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT SUM(x) FROM n"
        )

    with trio.fail_after(HUNG):
        with pytest.raises(DatabaseAwayError):
            await worker.ask(count_for_ever)
        assert await worker.ask(lambda database: database.rows("SELECT 1")) == [(1,)]
        await worker.aclose()


def test_a_spooled_row_is_json_that_says_what_it_is(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 20)
    spool.add([entry("r1", key_id="k")])
    spool.close()
    (file,) = (tmp_path / "spool").rglob("*.jsonl")
    assert json.loads(file.read_text())["key_id"] == "k"
