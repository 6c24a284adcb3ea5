"""Applications that break the rules of HTTP/1.1, and what is written after an error."""

from __future__ import annotations

import logging

import pytest
import trio
from hypercorn.trio.worker_context import WorkerContext

from omen.serving import LiveConnections, Receive, Scope, Send, ServingSettings
from omen.serving._h1 import H1
from omen.serving._h1_response import ResponseError
from omen.serving._link import Peer
from omen.serving._service import Service
from omen.serving._settings import hypercorn_config
from omen.serving._tasks import ConnectionTasks
from omen.serving._tls import CurrentTLS
from omen.serving._unread import UnreadPool
from tests.serving.apps import Bare, http
from tests.serving.harness import H1Client, get, read_all, serving


async def test_an_application_that_sends_too_much_is_told_once_and_then_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may go on sending, and the connection closes after the bytes that were right."""
    ended = trio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/ok":
            await Bare()(scope, receive, send)
            return
        length = (b"content-length", b"2")
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        with pytest.raises(ResponseError):
            await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        try:
            await send({"type": "http.response.body", "body": b"more", "more_body": True})
            await send({"type": "http.response.body", "body": b"the end"})
        except ResponseError:
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


class Written:
    """A connection that takes what its protocol writes."""

    def __init__(self) -> None:
        self.data = b""
        self.ended = False

    async def write(self, data: bytes) -> None:
        self.data += data
        await trio.lowlevel.checkpoint()

    async def end(self) -> None:
        self.ended = True
        await trio.lowlevel.checkpoint()

    def update(self, *, idle: bool) -> None:
        raise AssertionError("there is no request")

    def resume(self) -> None:
        raise AssertionError("nothing is held")


async def test_no_408_is_written_behind_another_answer() -> None:
    """A client whose error was answered may go on sending until its time is up."""
    settings = ServingSettings(bind="127.0.0.1", port=0)
    service = Service(
        Bare(),
        settings,
        hypercorn_config(settings),
        WorkerContext(None),
        {},
        LiveConnections(),
        UnreadPool(1000),
        CurrentTLS(None),
    )
    async with trio.open_nursery() as nursery:
        tasks = ConnectionTasks(nursery, 1000, service.unread)
        peer = Peer(False, None, None, {})
        link = Written()
        h1 = H1(service, tasks, peer, link)
        await h1.receive(b"GET /\n")
        assert link.data.startswith(b"HTTP/1.1 400 ")
        assert link.ended
        await h1.receive(b"GET /")
        assert not h1.head_begun
        await h1.expire()
        assert link.data.count(b"HTTP/1.1 ") == 1
        link = Written()
        slow = H1(service, tasks, peer, link)
        await slow.receive(b"GET /")
        assert slow.head_begun
        await slow.expire()
        assert link.data.startswith(b"HTTP/1.1 408 ")
