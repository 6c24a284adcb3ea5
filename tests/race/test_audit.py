"""The audit at the end of a request: what it reports, and what it ignores."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from omen.core.candidates import Candidate, Endpoint
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.race.audit import LeftBehindError, RequestAudit

CANDIDATE = Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p")
RACE = RaceRecord("r", Plan("s", (CANDIDATE,)), 0.0)


class Scene:
    """An audit, the owners of sockets that it sees, and attempts that a test starts and ends."""

    def __init__(self) -> None:
        self.owners: list[object] = []
        self.audit = RequestAudit(lambda: self.owners)

    def start(self) -> AttemptRecord:
        record = AttemptRecord(0, CANDIDATE, trio.current_time())
        self.owners.append(record)
        self.audit("started", RACE, record)
        return record

    def end(self, record: AttemptRecord) -> None:
        self.owners.remove(record)
        record.ended_at = trio.current_time()
        self.audit("ended", RACE, record)


@contextmanager
def left_behind(words: str) -> Iterator[None]:
    with pytest.raises(LeftBehindError, match=f"^GET '/x' left behind: {words}$"):
        yield


async def test_a_request_of_which_nothing_is_left_is_fine(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    for _ in range(3):
        with scene.audit.request("GET '/x'"):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.lowlevel.checkpoint)
                scene.end(scene.start())
    assert repr(scene.audit) == "<RequestAudit 3 requests checked, 0 failed>"
    assert caplog.records == []


async def test_an_attempt_that_has_not_ended_is_found_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    with left_behind("attempt 0 at p/m"), scene.audit.request("GET '/x'"):
        scene.start()
        scene.owners.clear()
    assert scene.audit.failed == 1
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert line.getMessage() == "audit: GET '/x' left behind: attempt 0 at p/m"


async def test_a_socket_of_an_attempt_that_has_ended_is_found() -> None:
    scene = Scene()
    with left_behind("the socket of attempt 0 at p/m"), scene.audit.request("GET '/x'"):
        scene.start().ended_at = 1.0


async def test_a_task_that_was_put_into_somebody_elses_nursery_is_found() -> None:
    scene = Scene()
    async with trio.open_nursery() as elsewhere:
        with left_behind("task trio.sleep_forever"), scene.audit.request("GET '/x'"):
            elsewhere.start_soon(trio.sleep_forever)
        elsewhere.cancel_scope.cancel()


async def test_so_is_one_that_such_a_task_has_started() -> None:
    scene = Scene()

    async def parent() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="the child")
            await trio.sleep_forever()

    async with trio.open_nursery() as elsewhere:
        with left_behind(".*task the child.*"), scene.audit.request("GET '/x'"):
            elsewhere.start_soon(parent)
            await trio.testing.wait_all_tasks_blocked()
        elsewhere.cancel_scope.cancel()


async def test_what_other_requests_have_running_is_not_blamed_on_it() -> None:
    scene = Scene()
    ready, done = trio.Event(), trio.Event()

    async def other() -> None:
        with scene.audit.request("GET '/other'"):
            record = scene.start()
            ready.set()
            await done.wait()
            scene.end(record)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await ready.wait()
        with scene.audit.request("GET '/x'"):
            scene.end(scene.start())
        done.set()
    assert scene.audit.checked == 2
    assert scene.audit.failed == 0


async def test_two_requests_of_one_task_are_told_apart() -> None:
    scene = Scene()
    with scene.audit.request("GET '/x'"):
        record = scene.start()
        scene.end(record)
    scene.owners.append(record)  # as if its socket were in use again
    with scene.audit.request("GET '/x'"):
        pass
    assert scene.audit.failed == 0


async def test_a_request_that_fails_keeps_its_own_failure_and_the_log_tells_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    with pytest.raises(KeyError), scene.audit.request("GET '/x'"):
        scene.start()
        raise KeyError
    assert scene.audit.failed == 1
    assert "attempt 0 at p/m; the socket of attempt 0 at p/m" in caplog.text


async def test_a_request_that_is_cancelled_is_checked_too_and_stays_cancelled() -> None:
    scene = Scene()
    with trio.CancelScope() as scope, scene.audit.request("GET '/x'"):
        scene.start()
        scope.cancel()
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert scene.audit.failed == 1


async def test_attempts_outside_of_any_request_are_nobodys() -> None:
    scene = Scene()
    scene.start()
    with scene.audit.request("GET '/x'"):
        pass
    assert scene.audit.failed == 0
