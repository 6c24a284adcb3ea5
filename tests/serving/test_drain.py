"""Shutting down: nothing new, what runs may end, then nothing is left."""

from __future__ import annotations

import random

import h2.errors
import h2.events
import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import Bare, Mounted, http
from tests.serving.harness import (
    H1Client,
    H2Client,
    MemoryListener,
    get,
    read_all,
    read_until,
    serving,
)


async def test_no_connection_is_accepted_any_more() -> None:
    async with serving(Bare()) as server:
        client = H1Client(await server.connect())
        await client.send(get("/held"))
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(OSError, match="connect"):
            await server.connect()


async def test_idle_connections_are_closed_at_once(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener()) as server:
        fresh = await server.connect()
        used = H1Client(await server.connect())
        await used.ask(get("/ok"))
        two = H2Client(await server.connect())
        await two.ask("/ok")
        await server.handle.wait_connections(3)
        began = trio.current_time()
        server.shutdown.set()
        assert await read_all(fresh) == b""
        assert await read_all(used.stream) == b""
        await two.until(h2.events.ConnectionTerminated)
        assert trio.current_time() == began
        for stream in (fresh, used.stream, two.stream):
            await stream.aclose()
        await server.ended.wait()
        assert trio.current_time() == began


async def test_an_idle_one_is_kept_while_a_request_runs_and_served_once_more(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Its client may have sent a request before it could know: /ready, say, which then is a 503."""
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        busy, idle = H1Client(await server.connect()), H1Client(await server.connect())
        await idle.ask(get("/ok"))
        await busy.send(get("/held"))
        await app.until(app.begun, "/held")
        server.shutdown.set()
        await trio.sleep(5)
        told = await idle.ask(get("/ok"))
        assert (told.body, told.headers[b"connection"]) == (b"ok", b"close")
        assert await read_all(idle.stream) == b""
        app.release.set()
        assert (await busy.answer()).headers[b"connection"] == b"close"


async def test_and_closed_when_the_last_request_has_ended(autojump_clock: trio.abc.Clock) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        busy, idle = H1Client(await server.connect()), H1Client(await server.connect())
        mute, half = await server.connect(), await server.connect()
        await idle.ask(get("/ok"))
        await busy.send(get("/held"))
        await half.send_all(b"GET /o")
        await app.until(app.begun, "/held")
        began = trio.current_time()
        server.shutdown.set()
        await trio.sleep(7)
        app.release.set()
        for stream in (idle.stream, mute, half):
            assert b" 200 " not in await read_all(stream)
            assert trio.current_time() - began == 7
            await stream.aclose()
        await busy.answer()
        await busy.stream.aclose()
        await server.ended.wait()
        assert trio.current_time() - began == 7


async def test_an_idle_http_2_connection_is_closed_at_once_because_nothing_more_is_taken_on_it(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        busy, idle = H1Client(await server.connect()), H2Client(await server.connect())
        await idle.ask("/ok")
        await busy.send(get("/held"))
        await app.until(app.begun, "/held")
        began = trio.current_time()
        server.shutdown.set()
        await idle.until(h2.events.ConnectionTerminated)
        assert trio.current_time() == began
        app.release.set()
        await busy.answer()


async def test_a_running_request_is_answered_and_then_its_connection_closed(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        client = H1Client(await server.connect())
        await client.send(get("/held"))
        await app.until(app.begun, "/held")
        began = trio.current_time()
        server.shutdown.set()
        await trio.sleep(29)
        app.release.set()
        assert (await client.answer()).body == b"held"
        assert await read_all(client.stream) == b""
        await client.stream.aclose()
        await server.ended.wait()
        assert trio.current_time() - began == 29


async def test_on_http_2_too_and_a_new_request_is_refused_so_that_it_may_be_repeated(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        client = H2Client(await server.connect())
        running = [await client.start("/held") for _ in range(5)]
        await app.until(app.begun, "/held", 5)
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked()
        late = await client.start("/ok")
        await client.until(h2.events.StreamReset, late)
        (refusal,) = client.seen(h2.events.StreamReset, late)
        assert isinstance(refusal, h2.events.StreamReset)
        assert refusal.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
        app.release.set()
        for stream_id in running:
            assert (await client.answer(stream_id)).body == b"held"
        await client.until(h2.events.ConnectionTerminated)
        await client.stream.aclose()
        await server.ended.wait()
    assert app.begun == ["/held"] * 5


@pytest.mark.parametrize("seed", range(20))
async def test_a_connection_that_comes_in_the_last_moment_delays_nothing(
    seed: int, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    scheduler.seed(seed)
    async with serving(Bare(), memory=MemoryListener(), linger=0) as server:
        began = trio.current_time()
        await trio.testing.wait_all_tasks_blocked()
        await server.connect()
        for _ in range(seed % 3):
            await trio.lowlevel.checkpoint()
        server.shutdown.set()
        await server.ended.wait()
        assert trio.current_time() == began


@pytest.mark.parametrize("seed", range(10))
async def test_every_response_in_flight_ends_before_the_goodbye(
    seed: int, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    """In whatever order: the end of a stream must not be overtaken by the GOAWAY."""
    scheduler.seed(seed)
    dice = random.Random(seed)

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(dice.randrange(5)):
            await trio.sleep(dice.choice([0, 0.001, 0.002]))
            await send({"type": "http.response.body", "body": bytes(7000), "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    async with serving(app, memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        running = [await client.start("/") for _ in range(40)]
        await trio.testing.wait_all_tasks_blocked()
        server.shutdown.set()
        await client.until(h2.events.ConnectionTerminated)
        for stream_id in running:
            assert client.seen(h2.events.StreamEnded, stream_id)


@pytest.mark.parametrize("http_2", [False, True])
async def test_what_still_runs_after_the_drain_is_cancelled(
    http_2: bool, autojump_clock: trio.abc.Clock
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), drain=30) as server:
        stream = await server.connect()
        await (H2Client(stream).start("/deaf") if http_2 else stream.send_all(get("/deaf")))
        await app.until(app.begun, "/deaf")
        began = trio.current_time()
        server.shutdown.set()
        await server.ended.wait()
        assert trio.current_time() - began == 30
        assert app.ended == ["/deaf"]
        assert server.handle.connections == 0


async def test_with_nothing_to_do_it_ends_at_once(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Mounted(), memory=MemoryListener()) as server:
        began = trio.current_time()
        server.shutdown.set()
        await server.ended.wait()
        assert trio.current_time() == began


async def test_over_sockets_a_stream_is_read_to_its_end() -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/held"))
        await app.until(app.begun, "/held")
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked(0.01)
        app.release.set()
        assert (await read_until(stream, b"held")).endswith(b"held")
        await stream.aclose()
        await server.ended.wait()
