"""Which connections are used again, for how long, and when one is replaced."""

from __future__ import annotations

import httpx
import pytest
import trio

from omen.wire._http1 import IncompleteResponse
from omen.wire.transport import Origin, Transport
from tests.wire.scripted import CHUNKED, OK, ScriptedUpstream, ask, chunk, post, read_all


async def test_a_clean_end_leaves_the_connection_for_the_next_request(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(upstream.serve, OK, CHUNKED + chunk(b"x") + b"0\r\n\r\n", OK)
    assert [await ask(transport) for _ in range(3)] == [b"ok", b"x", b"ok"]
    assert upstream.dialled == 1
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 1)


async def test_a_response_closed_at_its_end_without_reading_on_is_a_clean_end_too(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(upstream.serve, CHUNKED + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    response = await transport.handle_async_request(post())
    assert isinstance(response.stream, httpx.AsyncByteStream)
    assert await anext(aiter(response.stream)) == b"data: [DONE]\n\n"
    await response.stream.aclose()
    await response.stream.aclose()  # once more changes nothing
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 1)


async def test_the_connection_used_last_is_used_first(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    responses, servers = [], []

    async def answer() -> None:
        servers.append(await upstream.accept())
        await servers[-1].answer()

    for _ in range(2):
        nursery.start_soon(answer)
        responses.append(await transport.handle_async_request(post()))
    for response in responses:
        await read_all(response)
    nursery.start_soon(servers[1].answer)
    assert await ask(transport) == b"ok"
    assert transport.sockets_idle == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"more",
    ],
)
async def test_a_connection_that_is_not_to_be_kept_is_closed_at_the_end(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    answer: bytes,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(ask, transport)
    server = await upstream.accept()
    await server.answer(answer)
    start = trio.current_time()
    assert await server.closed_at() == start
    await trio.testing.wait_all_tasks_blocked()
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


@pytest.mark.parametrize(("idle", "served"), [(59.5, [[OK, OK]]), (60.0, [[OK], [OK]])])
async def test_an_idle_connection_expires_after_a_minute(
    *,
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    idle: float,
    served: list[list[bytes]],
    autojump_clock: trio.abc.Clock,
) -> None:
    for answers in served:
        nursery.start_soon(upstream.serve, *answers)
    await ask(transport)
    await trio.sleep(idle)
    await ask(transport)
    assert upstream.dialled == len(served)
    assert transport.sockets_idle == 1


async def test_expired_connections_of_other_origins_go_with_the_next_request(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(ask, transport, post("http://a.test"))
    a = await upstream.accept()
    await a.answer()
    await trio.sleep(100)
    nursery.start_soon(upstream.serve, OK)
    await ask(transport, post("http://b.test"))
    assert await a.closed_at() == 100
    assert repr(transport) == "<Transport: 0 in use (0 waiting), 1 idle (http://b.test:80 1)>"


async def test_no_more_than_so_many_stay_idle_and_the_longest_idle_goes(
    upstream: ScriptedUpstream, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    transport = Transport(dial=upstream.dial, max_idle_per_origin=1)
    responses, servers = [], []

    async def answer() -> None:
        servers.append(await upstream.accept())
        await servers[-1].answer()

    for _ in range(2):
        nursery.start_soon(answer)
        responses.append(await transport.handle_async_request(post()))
    for response in responses:
        await read_all(response)
    assert transport.sockets_idle == 1
    await servers[0].closed_at()
    nursery.start_soon(servers[1].answer)
    assert await ask(transport) == b"ok"


# Retry


@pytest.mark.parametrize("last_words", ["before the request", "after the request"])
async def test_a_kept_connection_that_dies_before_a_byte_is_replaced_once(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    last_words: str,
    autojump_clock: trio.abc.Clock,
) -> None:
    async def serve() -> None:
        first = await upstream.accept()
        await first.answer()
        if last_words == "after the request":
            await first.read_request()
        await first.stream.aclose()
        second = await upstream.accept()
        assert await second.answer() == request

    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: upstream.test\r\n"
    request += b"Accept-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}"
    nursery.start_soon(serve)
    assert [await ask(transport), await ask(transport)] == [b"ok", b"ok"]
    assert upstream.dialled == 2
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 1)


@pytest.mark.parametrize(
    ("worked", "connecting", "posts"),
    [(0.25, 0.0, 2), (0.26, 0.0, 1), (20.0, 0.0, 1), (0.3, 0.4, 2), (0.5, 0.4, 1)],
)
async def test_a_request_that_was_worked_on_is_not_sent_again(
    *,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    worked: float,
    connecting: float,
    posts: int,
    autojump_clock: trio.abc.Clock,
) -> None:
    """Core defect 16: what breaks later than a round trip may have been read, and billed."""
    read: list[float] = []

    async def dial(origin: Origin) -> trio.abc.Stream:
        await trio.sleep(connecting)
        return await upstream.dial(origin)

    async def serve() -> None:
        first = await upstream.accept()
        await first.answer()
        await first.read_request()
        read.append(trio.current_time())
        await trio.sleep(worked)
        await first.stream.aclose()
        second = await upstream.accept()
        await second.answer()
        read.append(trio.current_time())

    transport = Transport(dial=dial)
    nursery.start_soon(serve)
    await ask(transport)
    if posts == 2:
        assert await ask(transport) == b"ok"
    else:
        with pytest.raises(IncompleteResponse):
            await ask(transport)
    assert len(read) == posts
    assert transport.sockets_in_use == 0


async def test_a_kept_connection_that_dies_after_a_byte_is_not_replaced(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    async def serve() -> None:
        server = await upstream.accept()
        await server.answer()
        await server.answer(b"H")
        await server.stream.aclose()

    nursery.start_soon(serve)
    await ask(transport)
    with pytest.raises(IncompleteResponse):
        await ask(transport)
    assert upstream.dialled == 1
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_a_fresh_connection_that_dies_is_not_replaced(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    async def serve() -> None:
        server = await upstream.accept()
        await server.read_request()
        await server.stream.aclose()

    nursery.start_soon(serve)
    with pytest.raises(IncompleteResponse):
        await ask(transport)
    assert upstream.dialled == 1
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)
