"""A client that does not read cannot hold a handler, nor the server."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import Bare, http
from tests.serving.harness import MemoryListener, get, read_all, read_until, serving

# A send on these waits until the other side has received it: a client with no buffers at all.
lockstep = partial(MemoryListener, trio.testing.lockstep_stream_pair)


@pytest.mark.parametrize("write_timeout", [30, 5])
async def test_a_client_that_does_not_read_counts_as_gone_after_the_write_timeout(
    write_timeout: float, autojump_clock: trio.abc.Clock
) -> None:
    app = Bare()
    async with serving(app, memory=lockstep(), write_timeout=write_timeout) as server:
        stream = await server.connect()
        asked = trio.current_time()
        await stream.send_all(get("/flood"))
        await app.until(app.ended, "/flood")
        assert app.heard == ["/flood"]
        await server.handle.wait_connections(0)
        assert trio.current_time() - asked == write_timeout


async def test_a_handler_cancelled_by_its_own_deadline_leaves_its_write_within_the_clients(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The handler's cancel is held off, because what it writes is on its way; but not for ever."""
    left: list[float] = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with trio.move_on_after(1):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        left.append(trio.current_time())

    async with serving(app, memory=lockstep(), write_timeout=30) as server:
        stream = await server.connect()
        asked = trio.current_time()
        await stream.send_all(get("/"))
        await server.handle.wait_connections(0)
        assert [moment - asked for moment in left] == [30]


async def test_a_slow_client_is_not_a_dead_one(autojump_clock: trio.abc.Clock) -> None:
    """The deadline is about 64 KiB. Ten times that, taken at 64 KiB every 20 s, is fine."""
    body = bytes(10 * 64 * 1024)

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async with serving(app, memory=lockstep(), write_timeout=30) as server:
        stream = await server.connect()
        await stream.send_all(get("/", "connection: close"))
        asked = trio.current_time()
        got = bytearray()
        while data := await stream.receive_some(64 * 1024):
            got += data
            await trio.sleep(20)
        assert got.endswith(b"\0\r\n0\r\n\r\n")
        assert len(got) > len(body)
        assert trio.current_time() - asked >= 200


async def test_cancelling_the_server_does_not_wait_for_the_client(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=lockstep(), write_timeout=1000, drain=3) as server:
        stream = await server.connect()
        await stream.send_all(get("/flood"))
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        server.shutdown.set()
        await server.ended.wait()
        assert trio.current_time() - began == 3
        assert app.ended == ["/flood"]


async def test_the_task_that_reads_is_not_held_by_a_write_either(
    autojump_clock: trio.abc.Clock,
) -> None:
    """It answers errors itself, and the socket is closed by it."""
    async with serving(Bare(), memory=lockstep(), write_timeout=1000, drain=3) as server:
        stream = await server.connect()
        await stream.send_all(b"garbage\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        server.shutdown.set()
        await server.ended.wait()
        assert trio.current_time() - began == 3


async def test_the_same_over_a_socket_ends_in_a_reset() -> None:
    app = Bare()
    async with serving(app, write_timeout=0.05) as server:
        stream = await server.connect()
        await stream.send_all(get("/flood"))
        await app.until(app.ended, "/flood")
        await server.handle.wait_connections(0)
        with pytest.raises(trio.BrokenResourceError):
            while await stream.receive_some():
                pass


async def test_a_cancelled_send_loses_no_byte_of_a_response_that_goes_on(
    autojump_clock: trio.abc.Clock,
) -> None:
    """A handler may put a timeout around a send and go on: what was begun is written whole."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one", b"two", b"three"):
            with trio.move_on_after(1):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    async with serving(app, memory=lockstep()) as server:
        stream = await server.connect()
        await stream.send_all(get("/", "connection: close"))
        first = await read_until(stream, b"\r\n\r\n")
        await trio.sleep(5)
        body = first.partition(b"\r\n\r\n")[2] + await read_all(stream)
        assert body == b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"
