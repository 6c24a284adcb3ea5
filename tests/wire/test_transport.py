"""The transport over memory streams, in virtual time: exchanges and their errors."""

from __future__ import annotations

import httpx
import pytest
import trio
from trio.testing import lockstep_stream_pair

from omen.wire.transport import Origin, Transport
from tests.wire.scripted import CHUNKED, OK, URL, ScriptedUpstream, ask, chunk, post, read_all

EOF_FRAMED = b"HTTP/1.1 200 OK\r\n\r\n"


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
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
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
    assert transport.sockets_in_use == 1  # the socket is closed, but somebody holds the response
    await response.stream.aclose()
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
    assert (
        repr(transport) == "<Transport: 1 in use (0 waiting), 1 idle (http://upstream.test:80 1)>"
    )
    await transport.aclose()
    await idle.closed_at()
    with pytest.raises(httpx.ConnectError, match="closed"):
        await ask(transport)
    await busy.stream.send_all(OK)  # what is under way ends as it will, and is not kept
    await busy.closed_at()
    await trio.testing.wait_all_tasks_blocked()
    assert repr(transport) == "<Transport: closed, 0 in use (0 waiting), 0 idle>"


async def test_it_serves_as_the_transport_of_an_httpx_client(
    transport: Transport,
    upstream: ScriptedUpstream,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    nursery.start_soon(upstream.serve, OK)
    async with httpx.AsyncClient(transport=transport) as client:
        assert (await client.post(URL, json={})).text == "ok"
