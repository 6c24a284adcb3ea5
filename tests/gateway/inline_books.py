"""Books for virtual time: real SQLite, asked without a thread, which no jumping clock waits for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from omen.gateway import Books
from omen.ledger import Ledger, Spool
from omen.ledger.database import Database, DatabaseAwayError, DatabaseRefusedError, open_database
from omen.ledger.database.opening import is_refusal

T = TypeVar("T")


class InlineDesk:
    """A worker that is asked at once, or is away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._database: Database | None = None
        self.away = False
        self.asked = 0

    async def ask(self, work: Callable[[Database], T]) -> T:
        self.asked += 1
        await trio.sleep(0.01)
        if self.away:
            raise DatabaseAwayError("OperationalError")
        if self._database is None:
            self._database = open_database(self._url, 5.0)
            self._database.migrate()
        try:
            return work(self._database)
        except Exception as error:
            if is_refusal(error):
                raise DatabaseRefusedError(type(error).__name__) from error
            raise

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._database is not None:
            self._database.close()
            self._database = None


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what would be done in a thread done at once."""

    async def run_sync(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return work(*args)

    monkeypatch.setattr("trio.to_thread.run_sync", run_sync)


def url_of(folder: Path) -> str:
    return f"sqlite:{folder / 'books.db'}"


def inline_books(folder: Path, replica: str = "me") -> Books:
    desks: list[Any] = [InlineDesk(url_of(folder)) for _ in range(4)]
    ledger = Ledger(desks[3], Spool(folder / "spool", 1 << 24), replica)
    return Books(
        url=url_of(folder),
        worker=desks[0],
        reports=desks[1],
        filling=desks[2],
        ledger=ledger,
        replica=replica,
    )


def set_away(books: Books, away: bool) -> None:
    desks: list[Any] = [books.worker, books.reports, books.filling, books.ledger._worker]
    for worker in desks:
        worker.away = away
