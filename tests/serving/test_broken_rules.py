"""Applications that break the rules of HTTP/1.1, and what is written after an error."""

from __future__ import annotations

import logging

import h11
import pytest
import trio
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from omen.serving import Receive, Scope, Send, ServingSettings
from omen.serving._h1 import H1
from omen.serving._settings import hypercorn_config
from omen.serving._tasks import ConnectionTasks
from omen.serving._unread import UnreadPool
from tests.serving.apps import Bare, http
from tests.serving.harness import H1Client, get, read_all, serving


async def test_an_application_that_sends_too_much_is_told_once_and_then_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may go on sending; h11 could not, and the connection closes behind what was right."""
    ended = trio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/ok":
            await Bare()(scope, receive, send)
            return
        length = (b"content-length", b"2")
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        with pytest.raises(h11.LocalProtocolError):
            await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        try:
            await send({"type": "http.response.body", "body": b"more", "more_body": True})
            await send({"type": "http.response.body", "body": b"the end"})
        except h11.LocalProtocolError:
            pytest.fail("told twice")
        finally:
            ended.set()

    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/"))
        assert b"12345" not in await read_all(stream)
        await ended.wait()
        assert (await H1Client(await server.connect()).ask(get("/ok"))).body == b"ok"
    assert caplog.records == []


async def test_an_application_that_sends_too_little_is_not_taken_for_one_that_sent_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        length = (b"content-length", b"5")
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": b"12"})

    async with serving(app) as server:
        stream = await server.connect()
        with caplog.at_level(logging.ERROR):
            await stream.send_all(get("/") + get("/"))
            assert (await read_all(stream)).count(b"HTTP/1.1 ") == 1
    assert len(caplog.records) == 1


async def test_no_408_is_written_behind_another_answer() -> None:
    """A client that has been told what is wrong may go on sending until its time is up."""
    said = bytearray()

    async def send(event: Event) -> None:
        await trio.lowlevel.checkpoint()
        if isinstance(event, RawData):
            said.extend(event.data)
        else:
            assert isinstance(event, Closed)

    config = hypercorn_config(ServingSettings(bind="127.0.0.1", port=0))
    async with trio.open_nursery() as nursery:
        tasks = ConnectionTasks(nursery, 1000, UnreadPool(1000))
        state = ConnectionState({})
        h1 = H1(Bare(), config, WorkerContext(None), tasks, state, False, None, None, send)
        await h1.handle(RawData(b"GET /\n"))
        assert said.startswith(b"HTTP/1.1 400 ")
        assert h1.head_begun
        await h1.expire()
        assert said.count(b"HTTP/1.1 ") == 1
        fresh = H1(Bare(), config, WorkerContext(None), tasks, state, False, None, None, send)
        await fresh.handle(RawData(b"GET /"))
        await fresh.expire()
        assert b"HTTP/1.1 408 " in said
