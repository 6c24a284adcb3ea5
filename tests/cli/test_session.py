"""A session runs races in its own thread, and Ctrl-C in the main thread cancels what runs there."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from omen.cli._runner import Runner
from omen.cli._screen import Screen
from omen.cli._session import Cancelled, Session
from omen.core.errors import OmenError


class Fake:
    """A runner that knows nobody."""

    default_model = "m"

    def __init__(self) -> None:
        self.closed = False

    async def race(self, body: Mapping[str, Any], screen: Screen) -> Mapping[str, Any]:
        return {}

    async def providers(self) -> list[dict[str, Any]]:
        return [{"thread": threading.current_thread().name}]


@asynccontextmanager
async def opened(fake: Fake) -> AsyncIterator[Runner]:
    yield fake
    fake.closed = True


def test_work_is_done_in_another_thread_which_ends_with_the_block() -> None:
    fake = Fake()
    with Session(opened(fake)) as session:
        assert session.default_model == "m"
        assert session.run(lambda runner: runner.providers()) == [{"thread": "omen-session"}]
    assert fake.closed
    assert "omen-session" not in {thread.name for thread in threading.enumerate()}


def test_an_error_of_the_work_comes_back_and_the_session_goes_on() -> None:
    async def fail(_: Runner) -> None:
        raise OmenError("no")

    with Session(opened(Fake())) as session:
        with pytest.raises(OmenError, match="no"):
            session.run(fail)
        assert session.run(lambda runner: runner.providers())


def test_ctrl_c_cancels_the_work_and_the_session_goes_on() -> None:
    cancelled: list[str] = []

    async def work(_: Runner) -> None:
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled.append("yes")
            raise

    with Session(opened(Fake())) as session:
        with pytest.raises(Cancelled):
            session.run(work)
        assert cancelled == ["yes"]
        assert session.run(lambda runner: runner.providers())


def test_the_thread_of_a_session_takes_no_ctrl_c() -> None:
    async def blocked(_: Runner) -> set[signal.Signals | int]:
        return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    with Session(opened(Fake())) as session:
        assert signal.SIGINT in session.run(blocked)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_what_prevents_opening_is_raised_where_the_session_begins() -> None:
    @asynccontextmanager
    async def refused() -> AsyncIterator[Runner]:
        raise OmenError("no database")
        yield Fake()

    with pytest.raises(OmenError, match="no database"), Session(refused()):
        raise AssertionError("it did open")
