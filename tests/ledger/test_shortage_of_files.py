"""A process without a free descriptor can open neither the database nor the spool."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import trio

from omen.ledger import Ledger, Spool
from omen.ledger._spool import Row
from omen.ledger.database import Database, DatabaseWorker, open_database
from omen.ledger.entries import Entry
from tests.books import entry
from tests.ledger.test_ledger import HUNG, SECONDS, kept, until


class Shortage:
    """The descriptors of a process. While `over` is not set there is none for a file."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.over = False

    def open_database(self) -> Database:
        if not self.over:
            raise sqlite3.OperationalError("unable to open database file")
        return open_database(self._url, SECONDS)


class ShortSpool(Spool):
    def __init__(self, directory: Path, shortage: Shortage) -> None:
        super().__init__(directory, 1 << 20)
        self._shortage = shortage
        self.tried = 0

    def add(self, entries: Sequence[Entry], replica: str = "") -> int:
        self.tried += 1
        self._fail()
        return super().add(entries, replica)

    def oldest(self) -> tuple[Path, list[Row]] | None:
        self._fail()
        return super().oldest()

    def _fail(self) -> None:
        if not self._shortage.over:
            raise OSError(errno.EMFILE, "Too many open files")


async def test_rows_wait_in_memory_until_there_is_a_descriptor_for_a_file(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'a.db'}"
    shortage = Shortage(url)
    spool = ShortSpool(tmp_path / "spool", shortage)
    ledger = Ledger(DatabaseWorker(shortage.open_database, SECONDS), spool)
    with trio.fail_after(HUNG):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.run)
            for number in range(700):
                ledger.book(entry(f"r{number}"))
            await until(lambda: spool.tried >= 2)
            assert (ledger.waiting, ledger.lost, ledger.is_away) == (700, 0, True)
            shortage.over = True
            await until(lambda: ledger.waiting == 0 and not ledger.is_away)
            nursery.cancel_scope.cancel()
    assert kept(url) == 700
    assert ledger.lost == 0


async def test_rows_that_still_wait_at_the_end_of_the_process_are_counted_as_lost(
    tmp_path: Path,
) -> None:
    shortage = Shortage("")
    ledger = Ledger(
        DatabaseWorker(shortage.open_database, SECONDS), ShortSpool(tmp_path / "spool", shortage)
    )
    with trio.fail_after(HUNG):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(ledger.run))
            ledger.book(entry("r1"))
            nursery.cancel_scope.cancel()
    assert ledger.lost == 1
