"""A request ends with its client, whether the server calls or a task has to wait."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest
import trio
import trio.testing

from omen.core.candidates import Candidate, Endpoint
from omen.core.plan import Plan
from omen.core.records import RaceRecord
from omen.front.http.asgi import ON_DISCONNECT
from omen.front.http.request import TAIL_SECONDS, watch_client
from tests.front.client import GONE, scope

ONE = Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p")


async def never() -> dict[str, object]:
    raise AssertionError("nobody has to wait for a message")


@pytest.mark.parametrize(
    ("complete", "finished", "left"),
    [(False, False, True), (True, False, False), (False, True, False), (True, True, False)],
)
async def test_the_server_calls_and_no_task_waits(
    complete: bool, finished: bool, left: bool, autojump_clock: trio.abc.Clock
) -> None:
    """An end of the response is no client that left. Behind an answer the race may go on a bit."""
    race = RaceRecord("r", Plan("single", (ONE,)), 0.0)
    calls: list[Callable[[bool], None]] = []
    asked = {**scope(), "extensions": {ON_DISCONNECT: calls.append}}
    async with trio.open_nursery() as nursery:
        watch_client(asked, never, nursery, race, lambda: finished)
        assert not nursery.child_tasks
        await trio.sleep(3)
        (call,) = calls
        call(complete)
        now = trio.current_time()
        assert race.client_left_at == (now if left else None)
        assert nursery.cancel_scope.cancel_called == (not finished)
        assert nursery.cancel_scope.deadline == (now + TAIL_SECONDS if finished else inf)
        await trio.sleep_forever()


async def test_without_that_a_task_waits_for_the_message(autojump_clock: trio.abc.Clock) -> None:
    race = RaceRecord("r", Plan("single", (ONE,)), 0.0)

    async def receive() -> dict[str, object]:
        await trio.sleep(3)
        return dict(GONE)

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        watch_client(scope(), receive, nursery, race, lambda: False)
        await trio.sleep_forever()
    assert race.client_left_at == trio.current_time() == began + 3
