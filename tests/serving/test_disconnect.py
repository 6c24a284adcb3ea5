"""A client that goes away is heard of at once, and leaves nothing behind."""

from __future__ import annotations

import h2.events
import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import Bare, Mounted, http
from tests.serving.harness import (
    H2Client,
    MemoryListener,
    Stream,
    get,
    post,
    read_until,
    reset,
    serving,
)


async def fin(stream: Stream) -> None:
    await stream.aclose()


async def half_close(stream: Stream) -> None:
    await stream.send_eof()


LEAVING = pytest.mark.parametrize("leave", [fin, half_close, reset])


@LEAVING
async def test_before_the_response(leave) -> None:  # type: ignore[no-untyped-def]
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/held"))
        await app.until(app.begun, "/held")
        await leave(stream)
        await app.until(app.heard, "/held")
        await server.handle.wait_connections(0)
        assert app.ended == ["/held"]


@LEAVING
async def test_in_the_middle_of_the_response(leave) -> None:  # type: ignore[no-untyped-def]
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/stream"))
        await read_until(stream, b"first")
        await leave(stream)
        await app.until(app.heard, "/stream")
        await server.handle.wait_connections(0)
        assert app.ended == ["/stream"]


@LEAVING
async def test_while_the_handler_is_blocked_in_send(leave) -> None:  # type: ignore[no-untyped-def]
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/flood"))
        await app.until(app.begun, "/flood")
        await trio.testing.wait_all_tasks_blocked(0.01)
        await leave(stream)
        await app.until(app.heard, "/flood")
        await server.handle.wait_connections(0)
        assert app.ended == ["/flood"]


@LEAVING
async def test_in_the_middle_of_the_request(leave) -> None:  # type: ignore[no-untyped-def]
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(post("/echo", bytes(1000))[:-1])
        await app.until(app.begun, "/echo")
        await leave(stream)
        await app.until(app.ended, "/echo")
        await server.handle.wait_connections(0)


@pytest.mark.parametrize("path", ["/held", "/stream", "/flood"])
@pytest.mark.parametrize("leave", [fin, half_close, reset])
async def test_the_same_on_http_2(path: str, leave) -> None:  # type: ignore[no-untyped-def]
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        await client.start(path)
        await app.until(app.begun, path)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await leave(client.stream)
        await app.until(app.heard, path)
        await server.handle.wait_connections(0)
        assert app.ended == [path]


@pytest.mark.parametrize("path", ["/held", "/stream", "/flood"])
async def test_a_reset_stream_is_a_client_gone_and_the_connection_goes_on(path: str) -> None:
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start(path)
        await app.until(app.begun, path)
        await trio.testing.wait_all_tasks_blocked(0.01)
        client.h2.reset_stream(stream_id)
        await client.flush()
        await app.until(app.ended, path)
        assert app.heard == [path]
        assert (await client.ask("/ok")).body == b"ok"


async def test_quarts_handlers_are_cancelled_too() -> None:
    async with serving(Mounted()) as server:
        first = await server.connect()
        await first.send_all(get("/quart-wait"))
        second = H2Client(await server.connect())
        await second.start("/quart-wait")
        await trio.testing.wait_all_tasks_blocked(0.01)
        await first.aclose()
        await second.stream.aclose()
        await server.handle.wait_connections(0)


async def test_the_reader_of_an_http_2_connection_is_not_held_by_its_writer(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The client reads nothing, asks something that must be answered, and resets its stream."""
    app = Bare()
    memory = MemoryListener(trio.testing.lockstep_stream_pair)
    async with serving(app, memory=memory) as server:
        client = H2Client(await server.connect())
        began = trio.current_time()
        stream_id = await client.start("/flood")
        await app.until(app.begun, "/flood")
        client.h2.ping(b"12345678")
        client.h2.reset_stream(stream_id)
        await client.flush()
        await app.until(app.heard, "/flood")
        assert trio.current_time() == began


@pytest.mark.parametrize("http_2", [False, True])
async def test_a_handler_that_does_not_listen_is_cancelled_after_the_abandon_timeout(
    http_2: bool, autojump_clock: trio.abc.Clock
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), abandon_timeout=12) as server:
        stream = await server.connect()
        await (H2Client(stream).start("/deaf") if http_2 else stream.send_all(get("/deaf")))
        await app.until(app.begun, "/deaf")
        left = trio.current_time()
        await stream.aclose()
        await server.handle.wait_connections(0)
        assert trio.current_time() - left == 12
        assert app.ended == ["/deaf"]


async def test_a_handler_that_goes_on_sending_may_do_so_into_the_void(
    autojump_clock: trio.abc.Clock,
) -> None:
    """It sees no exception, and every send lets others run."""
    sends = 0

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sends
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with trio.move_on_after(5):
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                sends += 1
                if sends > 1000:
                    await trio.sleep(1)

    async with serving(app, memory=MemoryListener()) as server:
        stream = await server.connect()
        await stream.send_all(get("/"))
        await stream.aclose()
        await server.handle.wait_connections(0)
        assert sends > 1000


async def test_a_window_that_never_opens_holds_no_handler_after_its_client() -> None:
    """HTTP/2's own way of not reading: the socket is read, the window stays shut."""
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        client.h2.update_settings({4: 0})  # SETTINGS_INITIAL_WINDOW_SIZE
        await client.flush()
        await client.until(h2.events.SettingsAcknowledged)
        stream_id = await client.start("/flood")
        await client.until(h2.events.ResponseReceived, stream_id)
        await client.stream.aclose()
        await app.until(app.heard, "/flood")
        await server.handle.wait_connections(0)
