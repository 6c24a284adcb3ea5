"""A question to a database is bounded, whatever the database or its network does."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from omen.ledger.database import (
    Database,
    DatabaseAwayError,
    DatabaseRefusedError,
    DatabaseWorker,
    SchemaTooNewError,
    open_database,
)
from tests.books import entry

SECONDS = 0.1
HUNG = 30.0


class Fake:
    """A database whose every step can be held up."""

    def __init__(self) -> None:
        self.interrupted = threading.Event()
        self.closed = threading.Event()
        self.migrating: Callable[[], object] = lambda: None

    def migrate(self) -> None:
        self.migrating()

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        self.closed.set()


class Opening:
    """Opens fakes, each when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.opened: list[Fake] = []
        self.begun = 0

    def __call__(self) -> Database:
        self.begun += 1
        assert self.let.wait(HUNG)
        self.opened.append(Fake())
        return self.opened[-1]  # type: ignore[return-value]


@pytest.fixture
def opening() -> Iterator[Opening]:
    """Whatever a test leaves waiting is let go after it."""
    found = Opening()
    yield found
    found.let.set()


def answer(database: Database) -> str:
    return "an answer"


def wait_until_interrupted(database: Database) -> str:
    assert database.interrupted.wait(HUNG)  # type: ignore[attr-defined]
    raise sqlite3.OperationalError("interrupted")


async def test_a_connect_that_never_ends_is_left_alone(opening: Opening) -> None:
    worker = DatabaseWorker(opening, SECONDS)
    with trio.fail_after(HUNG):
        for _ in range(3):
            with pytest.raises(DatabaseAwayError, match="TimeoutError"):
                await worker.ask(answer)
        assert opening.begun == 1  # no second thread is spent on it
        opening.let.set()
        while not (opening.opened and opening.opened[0].closed.is_set()):  # noqa: ASYNC110
            await trio.sleep(0.01)
        assert await worker.ask(answer) == "an answer"
        assert opening.begun == 2
        assert not opening.opened[1].closed.is_set()
        await worker.aclose()
        assert opening.opened[1].closed.is_set()


async def test_a_connect_that_ends_too_late_leaves_no_time_for_the_question() -> None:
    """The bound had fired while there was nothing to interrupt, and the question ran for ever."""
    asked, interrupted = threading.Event(), threading.Event()
    worker: DatabaseWorker

    def open_slowly() -> Database:
        fake = Fake()
        # It connects just as the time is up, and before anybody gives it up.
        fake.migrating = interrupted.wait
        fake.interrupted = interrupted
        return fake  # type: ignore[return-value]

    def ask(database: Database) -> None:
        asked.set()

    worker = DatabaseWorker(open_slowly, SECONDS)
    with trio.fail_after(HUNG), pytest.raises(DatabaseAwayError):
        await worker.ask(ask)
    assert not asked.is_set()


async def test_a_question_is_broken_off_as_often_as_it_takes(opening: Opening) -> None:
    """One interrupt ends one statement; a question may have several."""
    opening.let.set()
    worker = DatabaseWorker(opening, SECONDS)

    def several(database: Database) -> str:
        fake: Fake = database  # type: ignore[assignment]
        for _ in range(3):
            assert fake.interrupted.wait(HUNG)
            fake.interrupted.clear()
        raise sqlite3.OperationalError("interrupted")

    with trio.fail_after(HUNG), pytest.raises(DatabaseAwayError):
        await worker.ask(several)


async def test_a_question_that_heeds_no_interrupt_is_left_alone(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that does not answer, say."""
    monkeypatch.setattr("omen.ledger.database._worker.BREAK_SECONDS", 0.1)
    opening.let.set()
    release = threading.Event()
    worker = DatabaseWorker(opening, SECONDS)

    def deaf(database: Database) -> str:
        assert release.wait(HUNG)
        return "too late"

    with trio.fail_after(HUNG):
        with pytest.raises(DatabaseAwayError, match="TimeoutError"):
            await worker.ask(deaf)
        release.set()
        assert await worker.ask(answer) == "an answer"
        assert opening.opened[0].closed.is_set()


async def test_who_is_cancelled_waits_for_the_thread_and_no_longer(opening: Opening) -> None:
    """The connection is the thread's for so long. Then the next question may have it."""
    opening.let.set()
    worker, asked, freed = DatabaseWorker(opening, SECONDS), threading.Event(), list[bool]()

    def wait(database: Database) -> None:
        asked.set()
        wait_until_interrupted(database)

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            try:
                with suppress(DatabaseAwayError):
                    await worker.ask(wait)
            finally:
                freed.append(opening.opened[0].interrupted.is_set())

    with trio.fail_after(HUNG):
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(ask, scope)
            while not asked.is_set():  # noqa: ASYNC110
                await trio.sleep(0.001)
            scope.cancel()
        assert freed == [True]
        assert await worker.ask(answer) == "an answer"


async def test_a_report_that_nobody_waits_for_is_broken_off(opening: Opening) -> None:
    opening.let.set()
    worker, asked = DatabaseWorker(opening, 1e6, breaks_off=True), threading.Event()

    def wait(database: Database) -> None:
        asked.set()
        wait_until_interrupted(database)

    async def ask(scope: trio.CancelScope) -> None:
        with scope, suppress(DatabaseAwayError):
            await worker.ask(wait)

    with trio.fail_after(HUNG):
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(ask, scope)
            while not asked.is_set():  # noqa: ASYNC110
                await trio.sleep(0.001)
            scope.cancel()
        assert await worker.ask(answer) == "an answer"
        assert not opening.opened[-1].interrupted.is_set()


async def test_a_connection_that_died_unseen_is_replaced(opening: Opening) -> None:
    opening.let.set()
    worker = DatabaseWorker(opening, 5.0)

    def fail_at_first(database: Database) -> str:
        if database is opening.opened[0]:
            raise sqlite3.OperationalError("the server closed the connection")
        return "an answer"

    assert await worker.ask(answer) == "an answer"
    assert await worker.ask(fail_at_first) == "an answer"
    assert opening.opened[0].closed.is_set()


UNSAYABLE = UnicodeEncodeError("utf-8", "x", 0, 1, "")


@pytest.mark.parametrize(
    "error", [ValueError(), UNSAYABLE, OverflowError(), sqlite3.IntegrityError(), TypeError()]
)
async def test_values_at_fault_are_no_fault_of_the_database(
    opening: Opening, error: Exception
) -> None:
    """It is there, the connection is good, and asked again it would say the same."""
    opening.let.set()
    worker, asked = DatabaseWorker(opening, 5.0), list[Database]()

    def refuse(database: Database) -> str:
        asked.append(database)
        raise error

    await worker.ask(answer)
    with pytest.raises(DatabaseRefusedError) as caught:
        await worker.ask(refuse)
    assert str(caught.value) == type(error).__name__
    assert len(asked) == 1
    assert await worker.ask(answer) == "an answer"
    assert len(opening.opened) == 1


async def test_a_later_schema_is_said_to_be_one(opening: Opening) -> None:
    opening.let.set()

    def too_new() -> None:
        raise SchemaTooNewError("run the later version")

    def open_new() -> Database:
        fake: Fake = opening()  # type: ignore[assignment]
        fake.migrating = too_new
        return fake  # type: ignore[return-value]

    with pytest.raises(DatabaseAwayError, match="run the later version"):
        await DatabaseWorker(open_new, 5.0).ask(answer)
    assert opening.opened[0].closed.is_set()


async def test_what_postgres_refuses_is_told_from_what_ails_it(url: str) -> None:
    worker = DatabaseWorker(lambda: open_database(url, 5.0), 5.0)
    with pytest.raises(DatabaseRefusedError):
        await worker.ask(lambda db: db.add([entry("r1", cost_usd="garbage")]))
    with pytest.raises(DatabaseAwayError) as caught:
        await worker.ask(lambda db: db.rows("SELECT * FROM nothing"))
    assert not isinstance(caught.value, DatabaseRefusedError)
    await worker.aclose()


async def test_a_file_that_is_no_database_is_away(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("something else" * 100)
    with pytest.raises(DatabaseAwayError) as caught:
        await DatabaseWorker(lambda: open_database(f"sqlite:{tmp_path / 'a.db'}", 5.0), 5.0).ask(
            answer
        )
    assert not isinstance(caught.value, DatabaseRefusedError)
