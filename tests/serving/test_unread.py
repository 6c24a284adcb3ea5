"""How much may wait for handlers on all connections together."""

from __future__ import annotations

import pytest
import trio
import trio.abc
import trio.testing

from omen.serving._unread import LITTLE, Unread, UnreadPool
from tests.serving.apps import Bare
from tests.serving.harness import H1Client, H2Client, MemoryListener, get, post, serving
from tests.serving.hostile import fields
from tests.serving.test_http_2_windows import FRAME, fill, open_up


async def test_while_too_much_waits_a_connection_with_more_than_a_little_is_not_read(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Others are, and those whose handlers read are not even slowed down."""
    app = Bare()
    limit = 300_000
    listener = MemoryListener(trio.testing.lockstep_stream_pair)
    async with serving(app, memory=listener, max_unread_in_all=limit) as server:
        async with trio.open_nursery() as nursery:
            deaf = [await server.connect() for _ in range(8)]
            for stream in deaf:
                nursery.start_soon(stream.send_all, post("/deaf", bytes(900_000)))
            two = H2Client(await server.connect())
            nursery.start_soon(keep_sending, two)
            await trio.testing.wait_all_tasks_blocked()
            pool = next(iter(server.handle._live))._service.unread  # type: ignore[attr-defined]
            assert limit < pool.total < limit + 10 * 2 * LITTLE
            reader = H1Client(await server.connect())
            nursery.start_soon(reader.send, post("/echo", bytes(2_000_000)))
            assert len((await reader.answer()).body) == 2_000_000
            nursery.cancel_scope.cancel()


async def keep_sending(client: H2Client) -> None:
    stream_id = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream_id, fields(method=b"POST", path=b"/deaf"))
    while client.h2.local_flow_control_window(stream_id):
        size = min(client.h2.local_flow_control_window(stream_id), FRAME)
        client.h2.send_data(stream_id, bytes(size))
        await client.flush()


async def test_over_http_2_too_though_its_windows_would_allow_more(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), max_unread_in_all=0) as server:
        client = H2Client(await server.connect())
        await open_up(client)
        await keep_sending(client)
        await trio.testing.wait_all_tasks_blocked()
        pool = next(iter(server.handle._live))._service.unread  # type: ignore[attr-defined]
        assert LITTLE < pool.total < 3 * LITTLE


@pytest.mark.parametrize("by", ["its own handler", "another connection"])
async def test_and_it_is_read_again_when_something_has_been_read(
    by: str, autojump_clock: trio.abc.Clock
) -> None:
    pool = UnreadPool(200_000)
    mine, other = Unread(pool), Unread(pool)
    mine.count(100_000)
    other.count(150_000)
    assert mine.crowded
    assert other.crowded
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mine.room)
        await trio.testing.wait_all_tasks_blocked()
        if by == "its own handler":
            mine.count(LITTLE - 100_000)
        else:
            other.count(-60_000)
    assert not mine.crowded


async def test_what_an_ended_handler_has_not_read_is_not_counted_any_more() -> None:
    app = Bare()
    async with serving(app) as server:
        one, two = H1Client(await server.connect()), H2Client(await server.connect())
        await one.ask(get("/ok"))
        pool = next(iter(server.handle._live))._service.unread  # type: ignore[attr-defined]
        await one.send(post("/held", bytes(50_000)))
        held = await two.start("/held", method="POST", end=False)
        await fill(two, held, 50_000)
        early = await two.start("/early", method="POST", end=False)
        await fill(two, early, 10_000)
        await two.answer(early)
        app.release.set()
        await one.answer()
        await two.answer(held)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert pool.total == 0
