"""The transport over memory streams, in virtual time: exchanges, reuse, retry, errors."""

from __future__ import annotations

import httpx
import pytest
import trio
from trio.testing import lockstep_stream_pair

from omen.wire._http1 import IncompleteResponse
from omen.wire.transport import Origin, Transport
from tests.wire.scripted import CHUNKED, OK, URL, ScriptedUpstream, chunk, post, read_all

EOF_FRAMED = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture
def upstream() -> ScriptedUpstream:
    return ScriptedUpstream()


@pytest.fixture
def transport(upstream: ScriptedUpstream) -> Transport:
    return Transport(dial=upstream.dial)


async def ask(transport: Transport, request: httpx.Request | None = None) -> bytes:
    return await read_all(await transport.handle_async_request(request or post()))


# Exchanges


async def test_a_small_request_goes_out_in_one_piece(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(ask, transport)
    server = await upstream.accept()
    assert await server.stream.receive_some() == (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: upstream.test\r\n"
        b"Accept-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}"
    )
    await server.stream.send_all(OK)


async def test_a_large_request_arrives_whole(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    body = b"x" * 1_000_000
    nursery.start_soon(ask, transport, post(body=body))
    server = await upstream.accept()
    assert (await server.answer()).endswith(b"\r\n\r\n" + body)


async def test_what_arrives_together_comes_out_as_one_piece(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(
        upstream.serve, CHUNKED + chunk(b"a\n\n") + chunk(b"b\n\n") + chunk(b"c") + b"0\r\n\r\n"
    )
    response = await transport.handle_async_request(post())
    assert isinstance(response.stream, httpx.AsyncByteStream)
    assert [piece async for piece in response.stream] == [b"a\n\nb\n\nc"]


@pytest.mark.parametrize("status", [204, 307, 429, 500])
async def test_any_status_is_returned_as_it_is(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    status: int,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(
        upstream.serve,
        b"HTTP/1.1 %d X\r\nLocation: http://else.where\r\nContent-Length: 0\r\n\r\n" % status,
    )
    response = await transport.handle_async_request(post())
    assert response.status_code == status
    assert response.headers["location"] == "http://else.where"
    assert await read_all(response) == b""
    assert upstream.dialled == 1


async def test_a_refusal_while_a_large_body_is_still_being_sent_is_heard(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    upstream = ScriptedUpstream(lockstep_stream_pair)
    transport = Transport(dial=upstream.dial)

    async def refuse() -> None:
        server = await upstream.accept()
        await server.stream.receive_some(10)
        assert isinstance(server.stream, trio.StapledStream)
        await server.stream.receive_stream.aclose()
        await server.stream.send_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    nursery.start_soon(refuse)
    response = await transport.handle_async_request(post(body=b"x" * 100_000))
    assert response.status_code == 413
    assert await read_all(response) == b""
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)  # half sent: not reusable


# Reuse


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
    assert repr(transport) == "<Transport: 0 in use, 1 idle (http://b.test:80 1)>"


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
    assert await servers[0].stream.receive_some() == b""
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


# Errors


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        CHUNKED + chunk(b"hel"),
        CHUNKED + b"5\r\nhel",
    ],
)
async def test_a_body_cut_short_is_an_error_after_what_came(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    answer: bytes,
    autojump_clock: trio.abc.Clock,
) -> None:
    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(answer)
        await server.stream.aclose()

    nursery.start_soon(serve)
    response = await transport.handle_async_request(post())
    assert isinstance(response.stream, httpx.AsyncByteStream)
    body = aiter(response.stream)
    assert await anext(body) == b"hel"
    with pytest.raises(httpx.RemoteProtocolError):
        await anext(body)
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_a_body_without_a_length_ends_with_the_connection(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(EOF_FRAMED + b"hello")
        await server.stream.aclose()

    nursery.start_soon(serve)
    assert await ask(transport) == b"hello"
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_nonsense_in_the_body_closes_the_socket_at_once(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    closed = []

    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(CHUNKED + chunk(b"hel") + b"nonsense\r\n")
        closed.append(await server.closed_at())

    nursery.start_soon(serve)
    response = await transport.handle_async_request(post())
    assert isinstance(response.stream, httpx.AsyncByteStream)
    body = aiter(response.stream)
    assert await anext(body) == b"hel"
    with pytest.raises(httpx.RemoteProtocolError, match="not HTTP"):
        await anext(body)
    await trio.testing.wait_all_tasks_blocked()
    assert closed == [0]


async def test_a_compressed_answer_is_refused_and_its_socket_closed(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(
        upstream.serve, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"
    )
    with pytest.raises(httpx.DecodingError):
        await ask(transport)
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_connecting_is_bounded(autojump_clock: trio.abc.Clock) -> None:
    async def dial(origin: Origin) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    transport = Transport(dial=dial)
    with pytest.raises(httpx.ConnectTimeout):
        await ask(transport)
    assert trio.current_time() == 10
    assert transport.sockets_in_use == 0


@pytest.mark.parametrize("error", [OSError("refused"), trio.BrokenResourceError("handshake")])
async def test_a_failure_to_connect_is_a_connect_error_with_its_cause(
    error: Exception, autojump_clock: trio.abc.Clock
) -> None:
    async def dial(origin: Origin) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise error

    transport = Transport(dial=dial)
    with pytest.raises(httpx.ConnectError) as raised:
        await ask(transport)
    assert raised.value.__cause__ is error
    assert transport.sockets_in_use == 0


async def test_only_http_and_https_are_spoken(
    transport: Transport, autojump_clock: trio.abc.Clock
) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        await ask(transport, httpx.Request("GET", "ftp://a.test"))
    assert transport.sockets_in_use == 0


# Cancellation


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
    assert repr(transport) == "<Transport: 1 in use, 0 idle>"
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


# The transport as a whole


async def test_closing_the_transport_closes_what_is_idle_and_refuses_what_is_new(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(ask, transport)
    idle = await upstream.accept()
    await idle.answer()
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(ask, transport, post("http://busy.test"))
    busy = await upstream.accept()
    await busy.read_request()
    assert repr(transport) == "<Transport: 1 in use, 1 idle (http://upstream.test:80 1)>"
    await transport.aclose()
    assert await idle.stream.receive_some() == b""
    with pytest.raises(httpx.ConnectError, match="closed"):
        await ask(transport)
    await busy.stream.send_all(OK)  # what is under way ends as it will, and is not kept
    assert await busy.stream.receive_some() == b""
    await trio.testing.wait_all_tasks_blocked()
    assert repr(transport) == "<Transport: closed, 0 in use, 0 idle>"


async def test_it_serves_as_the_transport_of_an_httpx_client(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(upstream.serve, OK)
    async with httpx.AsyncClient(transport=transport) as client:
        assert (await client.post(URL, json={})).text == "ok"
