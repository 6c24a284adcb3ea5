"""httpx's four timeouts, as users of its client know them; and what is bounded without them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from trio.testing import lockstep_stream_pair

from omen.wire import _connection
from omen.wire.transport import Origin, Transport
from tests.wire.scripted import CHUNKED, OK, URL, ScriptedUpstream, ask, chunk, post

NEVER = {"connect": 100.0, "read": 100.0, "write": 100.0, "pool": 100.0}


async def time_of(call: Any, error: type[Exception]) -> float:
    """Say how long it took to fail like this."""
    start = trio.current_time()
    with pytest.raises(error) as raised:
        await call
    assert raised.type is error
    return trio.current_time() - start


async def dial_for_ever(origin: Origin) -> trio.abc.Stream:
    await trio.sleep_forever()
    raise AssertionError


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [
        ({}, 10.0),
        ({"timeout": {"connect": 3.0}}, 3.0),
        ({"timeout": {"connect": 30.0}}, 30.0),
        ({"timeout": {"connect": None, "read": 1.0, "write": 1.0, "pool": 1.0}}, 10.0),
    ],
)
async def test_connecting_is_bounded_by_the_request_or_else_by_the_transport(
    autojump_clock: trio.abc.Clock, timeouts: dict[str, Any], expected: float
) -> None:
    transport = Transport(dial=dial_for_ever)
    request = httpx.Request("GET", URL, extensions=timeouts)
    assert await time_of(ask(transport, request), httpx.ConnectTimeout) == expected
    assert transport.sockets_in_use == 0


async def serve_dripping(upstream: ScriptedUpstream, *pieces: bytes, every: float) -> float:
    """Answer piece by piece; say when the other side closed."""
    server = await upstream.accept()
    await server.read_request()
    for piece in pieces:
        await trio.sleep(every)
        await server.stream.send_all(piece)
    return await server.closed_at()


@pytest.mark.parametrize(
    ("pieces", "fails_at"),
    [
        ((), 5.0),
        ((b"HTTP/1.1 ", b"200 OK\r\n"), 13.0),
        ((CHUNKED, chunk(b"a")), 13.0),
        ((CHUNKED, chunk(b"a"), b"0\r\n\r\n"), None),
    ],
)
async def test_each_wait_for_bytes_is_bounded_in_head_and_body(
    *,
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
    pieces: tuple[bytes, ...],
    fails_at: float | None,
) -> None:
    closed: list[float] = []

    async def serve() -> None:
        closed.append(await serve_dripping(upstream, *pieces, every=4.0))

    nursery.start_soon(serve)
    async with httpx.AsyncClient(transport=transport, timeout=5) as client:
        if fails_at is None:
            assert (await client.get(URL)).content == b"a"
            assert (trio.current_time(), transport.sockets_idle) == (12.0, 1)
            return
        assert await time_of(client.get(URL), httpx.ReadTimeout) == fails_at
        await trio.testing.wait_all_tasks_blocked()
        assert closed == [fails_at]
        assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_a_body_closed_for_its_slowness_stays_so(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(upstream.serve, CHUNKED)
    request = httpx.Request("GET", URL, extensions={"timeout": {"read": 2.0}})
    response = await transport.handle_async_request(request)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    body = aiter(response.stream)
    assert await time_of(anext(body), httpx.ReadTimeout) == 2.0
    assert await time_of(anext(body), httpx.ReadError) == 0.0
    await response.aclose()
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_sending_is_bounded(nursery: trio.Nursery, autojump_clock: trio.abc.Clock) -> None:
    upstream = ScriptedUpstream(lockstep_stream_pair)  # nothing is sent that is not read
    transport = Transport(dial=upstream.dial)
    closed: list[float] = []

    async def serve() -> None:
        server = await upstream.accept()
        await server.stream.receive_some(10)
        await trio.sleep_until(5.5)
        closed.append(await server.closed_at())

    nursery.start_soon(serve)
    async with httpx.AsyncClient(transport=transport, timeout=5) as client:
        assert await time_of(client.post(URL, content=b"{}"), httpx.WriteTimeout) == 5.0
        assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)
    await trio.sleep_until(6)
    assert closed == [5.5]


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.WriteTimeout])
async def test_a_kept_connection_that_is_slow_is_not_replaced(
    error: type[Exception], nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = ScriptedUpstream(lockstep_stream_pair)
    transport = Transport(dial=upstream.dial)
    kept = []

    async def serve() -> None:
        kept.append(await upstream.accept())
        await kept[0].answer()
        if error is httpx.ReadTimeout:
            await kept[0].read_request()
        await trio.sleep_forever()

    nursery.start_soon(serve)
    async with httpx.AsyncClient(transport=transport, timeout=5) as client:
        await client.post(URL, content=b"{}")
        assert transport.sockets_idle == 1
        assert await time_of(client.post(URL, content=b"{}"), error) == 5.0
    assert upstream.dialled == 1
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)
    nursery.cancel_scope.cancel()


async def test_the_timeouts_of_one_request_are_not_those_of_the_next(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    async def serve() -> None:
        server = await upstream.accept()
        await server.answer()
        await server.read_request()
        await trio.sleep(50)
        await server.stream.send_all(OK)

    nursery.start_soon(serve)
    await ask(transport, httpx.Request("GET", URL, extensions={"timeout": {"read": 1.0}}))
    assert await ask(transport) == b"ok"
    assert (trio.current_time(), upstream.dialled) == (50.0, 1)


async def test_a_timeout_of_the_client_is_not_mistaken_for_the_callers_own(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(upstream.serve, CHUNKED)
    async with httpx.AsyncClient(transport=transport, timeout=5) as client:
        with trio.move_on_after(3) as mine:
            await client.get(URL)
    assert mine.cancelled_caught
    assert (trio.current_time(), transport.sockets_in_use) == (3.0, 0)


async def test_a_request_without_timeouts_enters_no_scope_for_them(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.abc.Clock,
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{}"

    def forbidden(self: object, *args: object) -> None:
        raise AssertionError

    nursery.start_soon(upstream.serve, OK, OK)
    monkeypatch.setattr(_connection.Connection, "_receive_in_time", forbidden)
    monkeypatch.setattr(_connection.Connection, "_send_in_time", forbidden)
    assert await ask(transport, post()) == b"ok"
    async with httpx.AsyncClient(transport=transport, timeout=None) as client:
        assert (await client.post(URL, content=body())).content == b"ok"
