"""Rows of the ledger on their way from a worker to the one writer."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import trio

from omen.gateway.workers import HandedLedger, rows_handler
from omen.ledger import Ledger, Spool
from omen.ledger._row_queue import MOST_WAITING
from omen.ledger.database import DatabaseWorker, open_database
from tests.books import entry
from tests.workers.links import linked, running_hub

SECONDS = 60.0


def database(folder: Path) -> DatabaseWorker:
    return DatabaseWorker(partial(open_database, f"sqlite:{folder / 'books.db'}", 5.0), 5.0)


def rows_by_replica(folder: Path) -> dict[str, int]:
    books = open_database(f"sqlite:{folder / 'books.db'}", 5.0)
    books.migrate()
    found = books.rows("SELECT replica, COUNT(*) FROM totals GROUP BY replica")
    ids = books.rows("SELECT COUNT(*) FROM attempts")[0][0]
    books.close()
    return {"rows": ids, **{str(replica): count for replica, count in found}}


async def until(ledger: Ledger, name: str, count: int) -> None:
    while getattr(ledger, name) != count:  # noqa: ASYNC110
        await trio.sleep(0.01)


async def test_rows_are_written_by_the_supervisor_for_the_worker(tmp_path: Path) -> None:
    writer = Ledger(database(tmp_path), Spool(tmp_path / "spool", 1 << 20), "supervisor")
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run)
            async with running_hub(tmp_path, rows_handler(writer)) as hub, linked(hub) as uplink:
                ledger = HandedLedger(
                    uplink, database(tmp_path), Spool(tmp_path / "spool", 1 << 20), "one", 5.0
                )
                async with trio.open_nursery() as inner:
                    inner.start_soon(ledger.run)
                    for number in range(700):
                        ledger.book(entry(f"r{number}"))
                    await until(ledger, "waiting", 0)
                    # Handed over: from here on the death of the worker costs no row.
                    inner.cancel_scope.cancel()
                assert (ledger.written, ledger.lost) == (0, 0)
                await until(writer, "written", 700)
            nursery.cancel_scope.cancel()
    found = rows_by_replica(tmp_path)
    assert found.pop("rows") == 700
    assert set(found) == {"one"}


async def test_rows_wait_on_disk_while_the_supervisor_is_away(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS):
        async with running_hub(tmp_path) as hub:
            pass
        writer = Ledger(database(tmp_path), Spool(tmp_path / "spool", 1 << 20), "supervisor")
        async with linked(hub) as uplink, trio.open_nursery() as nursery:
            ledger = HandedLedger(
                uplink, database(tmp_path), Spool(tmp_path / "spool", 1 << 20), "one", 5.0
            )
            nursery.start_soon(ledger.run)
            for number in range(20):
                ledger.book(entry(f"r{number}"))
            await until(ledger, "spooled", 20)
            assert ledger.database_is_away
            hub.path.unlink()
            async with running_hub(tmp_path, rows_handler(writer)):
                nursery.start_soon(writer.run)
                await until(writer, "written", 20)
                await until(ledger, "recovered", 20)
                assert not ledger.database_is_away
                nursery.cancel_scope.cancel()
    assert rows_by_replica(tmp_path)["rows"] == 20


async def test_a_batch_without_room_in_the_supervisor_is_spooled(tmp_path: Path) -> None:
    writer = Ledger(database(tmp_path), Spool(tmp_path / "spool", 1 << 20), "supervisor")
    for number in range(MOST_WAITING):
        writer.book(entry(f"w{number}"))
    assert writer.lost == 0
    with trio.fail_after(SECONDS):
        async with (
            running_hub(tmp_path, rows_handler(writer)) as hub,
            linked(hub) as uplink,
            trio.open_nursery() as nursery,
        ):
            ledger = HandedLedger(
                uplink, database(tmp_path), Spool(tmp_path / "other", 1 << 20), "one", 5.0
            )
            nursery.start_soon(ledger.run)
            ledger.book(entry("r"))
            await until(ledger, "spooled", 1)
            nursery.cancel_scope.cancel()
    assert (writer.waiting, writer.lost, ledger.lost) == (MOST_WAITING, 0, 0)
