"""Wherever a request is cancelled, no socket is left and the counters are right."""

from __future__ import annotations

import httpx
import pytest
import trio
from trio.testing import lockstep_stream_pair

from omen.wire.transport import Origin, Transport
from tests.wire.scripted import CHUNKED, ScriptedUpstream, ask, chunk, post


async def test_a_cancelled_read_may_be_repeated_and_nothing_is_lost(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(CHUNKED)
        await trio.sleep(2.5)
        await server.stream.send_all(chunk(b"late") + b"0\r\n\r\n")

    nursery.start_soon(serve)
    response = await transport.handle_async_request(post())
    assert isinstance(response.stream, httpx.AsyncByteStream)
    body = aiter(response.stream)
    for _ in range(2):
        with trio.move_on_after(1) as scope:
            await anext(body)
        assert scope.cancelled_caught
    assert await anext(body) == b"late"
    assert trio.current_time() == 2.5
    assert await anext(body, None) is None
    assert (transport.sockets_in_use, transport.sockets_idle) == (1, 0)  # until it is closed
    await response.stream.aclose()
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 1)


async def test_closing_an_unfinished_answer_closes_the_socket_in_the_same_instant(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    closed = []

    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(CHUNKED + chunk(b"a"))
        closed.append(await server.closed_at())

    nursery.start_soon(serve)
    response = await transport.handle_async_request(post())
    assert repr(transport) == "<Transport: 1 in use (0 waiting), 0 idle>"
    await trio.sleep(3)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    await response.stream.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert closed == [3]
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)
    assert await anext(aiter(response.stream)) == b"a"  # it had come already
    with pytest.raises(httpx.StreamClosed):
        await anext(aiter(response.stream))


async def test_cancelled_while_dialing_nothing_is_left(autojump_clock: trio.abc.Clock) -> None:
    async def dial(origin: Origin) -> trio.abc.Stream:
        assert transport.sockets_in_use == 1
        await trio.sleep_forever()
        raise AssertionError

    transport = Transport(dial=dial)
    with trio.move_on_after(1) as scope:
        await ask(transport)
    assert scope.cancelled_caught
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


@pytest.mark.parametrize(
    ("reads", "answer"),
    [
        pytest.param(0, b"", id="writing"),
        pytest.param(10, b"", id="writing on"),
        pytest.param(1 << 20, b"", id="waiting for the head"),
        pytest.param(1 << 20, b"HTTP/1.1 200 OK\r\nContent-", id="reading the head"),
        pytest.param(1 << 20, CHUNKED, id="waiting for the body"),
        pytest.param(1 << 20, CHUNKED + b"5\r\nhe", id="reading the body"),
    ],
)
@pytest.mark.parametrize("kept", [False, True])
async def test_cancelled_anywhere_the_socket_is_closed_and_the_counters_are_right(
    reads: int, answer: bytes, kept: bool, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = ScriptedUpstream(lockstep_stream_pair)
    transport = Transport(dial=upstream.dial)
    closed = []

    async def serve() -> None:
        server = await upstream.accept()
        if kept:
            await server.answer()
        if reads:
            await server.stream.receive_some(reads)
        if answer:
            await server.stream.send_all(answer)
        await trio.sleep_until(1)  # a lockstep stream holds the sender until it is read
        closed.append(await server.closed_at())

    nursery.start_soon(serve)
    if kept:
        await ask(transport)
    with trio.move_on_after(1) as scope:
        await ask(transport)
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert closed == [1]
    assert upstream.dialled == 1
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_cancelled_from_the_start_nothing_is_left_either(
    transport: Transport, upstream: ScriptedUpstream, autojump_clock: trio.abc.Clock
) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await ask(transport)
    assert scope.cancelled_caught
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)
