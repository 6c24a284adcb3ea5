"""Clients that are quiet, or slow to say what they want."""

from __future__ import annotations

import h2.events
import pytest
import trio
import trio.abc

from tests.serving.apps import Bare
from tests.serving.harness import H1Client, H2Client, MemoryListener, get, read_all, serving


async def test_a_connection_that_says_nothing_is_closed_after_the_header_timeout(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), header_timeout=30) as server:
        stream = await server.connect()
        began = trio.current_time()
        assert await read_all(stream) == b""
        assert trio.current_time() - began == 30


async def test_a_head_that_comes_byte_by_byte_is_answered_408_after_the_header_timeout(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), header_timeout=30) as server:
        client = H1Client(await server.connect())
        await client.ask(get("/ok"))
        await trio.sleep(100)
        began = trio.current_time()

        async def drip() -> None:
            for byte in get("/ok"):
                await client.stream.send_all(bytes([byte]))
                await trio.sleep(5)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            answer = await client.answer()
            assert answer.status == 408
            assert trio.current_time() - began == 30
            nursery.cancel_scope.cancel()


async def test_half_a_head_that_came_ahead_of_its_turn_is_timed_from_its_turn_on(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), header_timeout=30) as server:
        client = H1Client(await server.connect())
        await client.send(get("/held") + b"GET /o")
        await app.until(app.begun, "/held")
        await trio.sleep(100)
        app.release.set()
        assert (await client.answer()).body == b"held"
        began = trio.current_time()
        assert (await client.answer()).status == 408
        assert trio.current_time() - began == 30


async def test_the_head_timeout_does_not_lengthen_the_idle_one(
    autojump_clock: trio.abc.Clock,
) -> None:
    memory = MemoryListener()
    async with serving(Bare(), memory=memory, header_timeout=30, keep_alive_timeout=10) as server:
        client = H1Client(await server.connect())
        await client.ask(get("/ok"))
        began = trio.current_time()
        await client.send(b"GET /o")
        assert (await client.answer()).status == 408
        assert trio.current_time() - began == 10


async def test_an_idle_http_2_connection_is_told_goodbye(autojump_clock: trio.abc.Clock) -> None:
    """GOAWAY names the last stream that was seen, so that a client may repeat a later one."""
    async with serving(Bare(), memory=MemoryListener(), keep_alive_timeout=300) as server:
        client = H2Client(await server.connect())
        await trio.sleep(20)
        await client.ask("/ok")
        last = await client.start("/ok")
        await client.answer(last)
        began = trio.current_time()
        await client.until(h2.events.ConnectionTerminated)
        assert trio.current_time() - began == 300
        (goodbye,) = client.seen(h2.events.ConnectionTerminated)
        assert isinstance(goodbye, h2.events.ConnectionTerminated)
        assert (goodbye.error_code, goodbye.last_stream_id) == (0, last)


async def test_so_is_one_that_only_ever_said_hello(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener(), keep_alive_timeout=300) as server:
        client = H2Client(await server.connect())
        began = trio.current_time()
        await client.flush()
        await client.until(h2.events.ConnectionTerminated)
        assert trio.current_time() - began == 300


async def test_a_connection_whose_last_request_was_reset_is_idle(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), keep_alive_timeout=300) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start("/held")
        await app.until(app.begun, "/held")
        began = trio.current_time()
        client.h2.reset_stream(stream_id)
        await client.flush()
        await client.until(h2.events.ConnectionTerminated)
        assert trio.current_time() - began == 300


async def test_a_running_request_is_not_idle(autojump_clock: trio.abc.Clock) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener()) as server:
        first = H1Client(await server.connect())
        second = H2Client(await server.connect())
        await first.send(get("/held"))
        stream_id = await second.start("/held")
        await trio.sleep(80_000)
        app.release.set()
        assert (await first.answer()).body == b"held"
        assert (await second.answer(stream_id)).body == b"held"


@pytest.mark.parametrize("http_2", [False, True])
async def test_an_idle_connection_may_be_used_again_at_any_time_before(
    http_2: bool, autojump_clock: trio.abc.Clock
) -> None:
    async with serving(Bare(), memory=MemoryListener(), keep_alive_timeout=300) as server:
        stream = await server.connect()
        client = H2Client(stream) if http_2 else None
        plain = H1Client(stream)
        for _ in range(5):
            answer = await (client.ask("/ok") if client else plain.ask(get("/ok")))
            assert answer.body == b"ok"
            await trio.sleep(299)


async def test_more_than_a_thousand_requests_share_an_http_2_connection() -> None:
    """Hypercorn's own limit would say GOAWAY after 1000 and kill the streams in flight."""
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        for _ in range(21):
            started = [await client.start("/ok") for _ in range(50)]
            for stream_id in started:
                assert (await client.answer(stream_id)).body == b"ok"
            client.events.clear()
        assert server.handle.accepted == 1
        assert not client.seen(h2.events.ConnectionTerminated)
