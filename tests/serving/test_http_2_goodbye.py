"""GOAWAY, from either side, ends no answer that runs."""

from __future__ import annotations

import pytest
import trio
import trio.abc
import trio.testing
from h2.errors import ErrorCodes
from hyperframe.frame import GoAwayFrame

from omen.serving._h2_sending import FRAMES_AT_ONCE
from omen.serving._server import UNTIL_ANNOUNCED
from tests.serving.apps import Bare
from tests.serving.frames_client import FramesClient
from tests.serving.harness import H1Client, MemoryListener, get, serving
from tests.serving.hostile import START, data, fields, request, ws_frame
from tests.serving.test_http_2_honest import token_by_token

GOODBYE = GoAwayFrame(0).serialize()
POST = {"method": b"POST", "path": b"/echo"}


# The client's -----------------------------------------------------------------------------------


async def test_after_the_clients_goodbye_its_answers_go_on_and_then_the_connection_ends(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Node's `session.close()` sends one and waits."""
    app = Bare()
    async with serving(app, memory=MemoryListener(), keep_alive_timeout=300) as server:
        client = FramesClient(await server.connect())
        began = trio.current_time()
        await client.send(START, request(1, path=b"/held"), request(3, end=False, **POST))
        await client.send(GOODBYE, data(3, b"body"))
        await app.until(app.begun, "/held")
        await trio.sleep(100)
        await client.send(data(3, b"", "END_STREAM"))
        await client.until(lambda: client.ended(3))
        assert client.goodbyes == []
        app.release.set()
        await client.end()
        assert (client.body(1), client.body(3)) == (b"held", b"body")
        assert [goodbye.error_code for goodbye in client.goodbyes] == [ErrorCodes.NO_ERROR]
        assert client.goodbyes[0].last_stream_id == 3
        assert trio.current_time() - began == 100


async def test_a_long_answer_that_waits_for_its_window_goes_on_too(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(token_by_token, memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1), GOODBYE)
        await client.end()
        assert client.body(1) == b"token" * 10_000 + b"end"


async def test_a_goodbye_on_an_idle_connection_ends_it_at_once(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        began = trio.current_time()
        await client.send(START, request(1))
        await client.until(lambda: client.ended(1))
        await client.send(GOODBYE)
        await client.end()
        assert trio.current_time() == began
        assert len(client.goodbyes) == 1


async def test_a_request_behind_the_goodbye_is_refused(autojump_clock: trio.abc.Clock) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1, path=b"/held"), GOODBYE, request(3), GOODBYE)
        await client.until(lambda: client.reset(3) is not None)
        assert client.reset(3) == ErrorCodes.REFUSED_STREAM
        app.release.set()
        await client.until(lambda: client.ended(1))
        assert app.begun == ["/held"]


async def test_a_goodbye_for_a_reason_ends_the_connection_at_once(
    autojump_clock: trio.abc.Clock,
) -> None:
    """It says that the client has met an error, and closes: RFC 9113, section 5.4.1."""
    app = Bare()
    async with serving(app, memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        goodbye = GoAwayFrame(0, error_code=ErrorCodes.INTERNAL_ERROR).serialize()
        await client.send(START, request(1, path=b"/held"), goodbye)
        await client.end()
        await app.until(app.heard, "/held")


async def test_a_websocket_goes_on_after_the_goodbye(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        socket = {"method": b"CONNECT", "protocol": b"websocket", "path": b"/ws"}
        version = (b"sec-websocket-version", b"13")
        await client.send(START, request(1, version, end=False, **socket), GOODBYE)
        await client.until(lambda: client.status(1) == "200")
        await client.send(data(1, ws_frame(1, b"hello")))
        await client.until(lambda: b"hello" in client.body(1))
        await client.send(data(1, ws_frame(8, b"\x03\xe8")))
        await client.end()
        assert len(client.goodbyes) == 1


# The server's: while it drains ------------------------------------------------------------------


async def test_while_the_server_drains_the_client_is_told_to_open_no_more_streams(
    autojump_clock: trio.abc.Clock,
) -> None:
    """By a first goodbye that is about no stream, and at the end by one about those it saw."""
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1, path=b"/held"))
        await app.until(app.begun, "/held")
        began = trio.current_time()
        server.shutdown.set()
        await client.until(lambda: client.goodbyes)
        assert trio.current_time() - began == UNTIL_ANNOUNCED
        await trio.sleep(20)
        app.release.set()
        await client.end()
        assert client.body(1) == b"held"
        first, last = client.goodbyes
        assert (first.last_stream_id, first.error_code) == (2**31 - 1, ErrorCodes.NO_ERROR)
        assert (last.last_stream_id, last.error_code) == (1, ErrorCodes.NO_ERROR)
        ended = next(f for f in client.of(1) if "END_STREAM" in f.flags)
        assert client.frames.index(ended) < client.frames.index(last)


async def test_an_answer_that_ends_soon_is_not_disturbed(autojump_clock: trio.abc.Clock) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1, path=b"/held"))
        await app.until(app.begun, "/held")
        server.shutdown.set()
        await trio.sleep(UNTIL_ANNOUNCED / 2)
        app.release.set()
        await client.end()
        assert client.body(1) == b"held"
        (last,) = client.goodbyes
        assert last.last_stream_id == 1


async def test_a_running_websocket_is_told_too(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener(), drain=30) as server:
        client = FramesClient(await server.connect())
        pseudo = fields(method=b"CONNECT", protocol=b"websocket", path=b"/ws")
        nothing = dict.fromkeys(("method", "scheme", "authority", "path"))
        version = (b"sec-websocket-version", b"13")
        await client.send(START, request(1, *pseudo, version, end=False, **nothing))
        await client.until(lambda: client.status(1) == "200")
        server.shutdown.set()
        await client.until(lambda: client.goodbyes)


@pytest.mark.parametrize("late", [600, FRAMES_AT_ONCE - 10])
async def test_what_is_refused_because_the_server_drains_cuts_no_running_answer(
    late: int, autojump_clock: trio.abc.Clock
) -> None:
    """It is we who end. A client that has not heard yet is not one that resets for fun."""
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1, path=b"/held"))
        await app.until(app.begun, "/held")
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked()
        numbers = range(3, 3 + 2 * late, 2)
        await client.send(*map(request, numbers))
        await client.until(lambda: client.reset(numbers[-1]) is not None)
        assert {client.reset(n) for n in numbers[:50]} == {ErrorCodes.REFUSED_STREAM}
        app.release.set()
        await client.until(lambda: client.ended(1))
        assert client.body(1) == b"held"
        assert app.begun == ["/held"]


async def test_a_flood_of_requests_is_one_while_the_server_drains_too(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1, path=b"/held"))
        await app.until(app.begun, "/held")
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.end)
            await client.send(*map(request, range(3, 3 + 4 * FRAMES_AT_ONCE, 2)))
        assert client.goodbyes[-1].error_code == ErrorCodes.ENHANCE_YOUR_CALM


async def test_http_1_is_not_told_anything(autojump_clock: trio.abc.Clock) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        client = H1Client(await server.connect())
        await client.send(get("/held"))
        await app.until(app.begun, "/held")
        server.shutdown.set()
        await trio.sleep(2 * UNTIL_ANNOUNCED)
        app.release.set()
        assert (await client.answer()).body == b"held"
