"""A response as attempts see it: pieces, a proper end, and failures in our own words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import trio

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import WireRequest
from omen.wire.transport import Origin, Transport
from omen.wire.upstream import UpstreamRequests, joined, open_response
from tests.wire.scripted import CHUNKED, OK, URL, ScriptedUpstream, chunk

SECRET = "sk-very-secret"
REQUEST = WireRequest("POST", URL + f"?key={SECRET}", {"authorization": f"Bearer {SECRET}"}, b"{}")


class ScriptedStream(httpx.AsyncByteStream):
    """Gives its pieces, raising those that are errors; remembers that it was closed."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = list(pieces)
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await trio.lowlevel.checkpoint()
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def aclose(self) -> None:
        self.closed = True


def mock(stream: httpx.AsyncByteStream, **kwargs: object) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(200, stream=stream, **kwargs))  # type: ignore[arg-type]


def failing(error: Exception) -> httpx.MockTransport:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return httpx.MockTransport(handler)


async def test_the_request_arrives_as_it_was_written() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    async with open_response(httpx.MockTransport(handler), REQUEST):
        pass
    assert (seen[0].method, str(seen[0].url), seen[0].content) == ("POST", REQUEST.url, b"{}")
    assert seen[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_the_body_comes_in_pieces_and_ends_with_an_empty_one() -> None:
    stream = ScriptedStream(b"a", b"", b"b")
    async with open_response(mock(stream), REQUEST) as response:
        assert [await response.receive() for _ in range(4)] == [b"a", b"b", b"", b""]
        assert not stream.closed
    assert stream.closed


async def test_header_names_are_lower_case_and_repeated_ones_joined() -> None:
    transport = httpx.MockTransport(
        lambda _: httpx.Response(429, headers=[("Retry-After", "3"), ("X", "1"), ("x", "2")])
    )
    async with open_response(transport, REQUEST) as response:
        assert response.status == 429
        assert response.headers == {"retry-after": "3", "x": "1, 2"}
        assert repr(response) == "<UpstreamResponse 429>"


@pytest.mark.parametrize(("limit", "expected"), [(3, b"abc"), (6, b"abcdef"), (100, b"abcdefg")])
async def test_a_whole_body_is_cut_at_the_limit(limit: int, expected: bytes) -> None:
    async with open_response(mock(ScriptedStream(b"abcd", b"efg")), REQUEST) as response:
        assert await response.read_body(limit) == expected


async def test_a_plain_body_of_a_mock_is_read_too() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"whole"))
    async with open_response(transport, REQUEST) as response:
        assert await response.read_body() == b"whole"


@pytest.mark.parametrize("leave", [lambda: None, lambda: 1 / 0])
async def test_the_stream_is_closed_on_every_way_out(leave: Callable[[], object]) -> None:
    stream = ScriptedStream(b"a", b"b")
    try:
        async with open_response(mock(stream), REQUEST) as response:
            assert await response.receive() == b"a"
            leave()
    except ZeroDivisionError:
        pass
    assert stream.closed


async def test_the_stream_is_closed_on_cancellation_however_long_its_closing_takes(
    autojump_clock: trio.abc.Clock,
) -> None:
    class Slow(ScriptedStream):
        async def aclose(self) -> None:
            self.closed = True
            await trio.sleep_forever()

    stream = Slow(b"a")
    with trio.CancelScope() as scope:
        async with open_response(mock(stream), REQUEST):
            scope.cancel()
            await trio.sleep_forever()
    assert stream.closed
    assert trio.current_time() == 1


BEFORE = [
    (httpx.ConnectError(SECRET), FailureKind.CONNECTION, "could not connect"),
    (httpx.ProxyError(SECRET), FailureKind.CONNECTION, "could not connect through the proxy"),
    (httpx.ConnectTimeout(SECRET), FailureKind.TIMEOUT, "could not connect in time"),
    (httpx.ReadTimeout(SECRET), FailureKind.TIMEOUT, "did not answer in time"),
    (httpx.ReadError(SECRET), FailureKind.CONNECTION, "broke before the answer began"),
    (httpx.WriteError(SECRET), FailureKind.CONNECTION, "broke before the answer began"),
    (httpx.RemoteProtocolError(SECRET), FailureKind.PROTOCOL, "not valid HTTP"),
    (httpx.DecodingError(SECRET), FailureKind.PROTOCOL, "compressed"),
    (httpx.LocalProtocolError(SECRET), FailureKind.UPSTREAM_MISCONFIGURED, "cannot be written"),
    (httpx.UnsupportedProtocol(SECRET), FailureKind.UPSTREAM_MISCONFIGURED, "cannot be written"),
]


@pytest.mark.parametrize(("error", "kind", "message"), BEFORE)
async def test_a_failure_before_the_body_is_renamed_with_its_cause(
    error: Exception, kind: FailureKind, message: str
) -> None:
    with pytest.raises(UpstreamFailure, match=message) as raised:
        async with open_response(failing(error), REQUEST):
            raise AssertionError
    assert raised.value.kind is kind
    assert raised.value.__cause__ is error
    assert raised.value.failover
    assert SECRET not in raised.value.message


@pytest.mark.parametrize(
    "request_",
    [
        WireRequest("POST", f"http://a.test:{SECRET}/", {}),
        WireRequest("POST", f"ftp://a.test/{SECRET}", {}),
        WireRequest("POST", URL, {"authorization": f"Bearer {SECRET}\n"}),
        WireRequest("POST", URL, {"authorization": f"Bearer {SECRET}\u00e9"}),
    ],
)
async def test_a_request_that_cannot_be_written_is_the_operators_fault(
    request_: WireRequest,
) -> None:
    async def dial(origin: Origin) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise AssertionError

    with pytest.raises(UpstreamFailure) as raised:
        async with open_response(Transport(dial=dial), request_):
            raise AssertionError
    assert raised.value.kind is FailureKind.UPSTREAM_MISCONFIGURED
    assert SECRET not in raised.value.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ReadError(SECRET), FailureKind.TRUNCATED),
        (httpx.ReadTimeout(SECRET), FailureKind.TIMEOUT),
        (httpx.RemoteProtocolError(SECRET), FailureKind.PROTOCOL),
    ],
)
async def test_a_failure_inside_the_body_is_renamed_with_its_cause(
    error: Exception, kind: FailureKind
) -> None:
    async with open_response(mock(ScriptedStream(b"a", error)), REQUEST) as response:
        assert await response.receive() == b"a"
        with pytest.raises(UpstreamFailure) as raised:
            await response.receive()
    assert raised.value.kind is kind
    assert raised.value.__cause__ is error
    assert SECRET not in raised.value.message


async def test_the_response_of_an_earlier_request_is_closed_before_the_next_is_sent() -> None:
    streams = [ScriptedStream(b"first"), ScriptedStream(b"second")]
    closed: list[list[bool]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        closed.append([stream.closed for stream in streams])
        return httpx.Response(200, stream=streams[len(closed) - 1])

    async with UpstreamRequests(httpx.MockTransport(handler)) as requests:
        await requests.send(REQUEST)
        response = await requests.send(REQUEST)
        assert await response.receive() == b"second"
    assert closed == [[False, False], [True, False]]
    assert streams[1].closed


# Over our own transport


async def test_a_body_is_known_to_have_ended_once_its_last_piece_was_taken(
    nursery: trio.Nursery,
) -> None:
    upstream = ScriptedUpstream()

    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(CHUNKED + chunk(b"all") + b"0\r\n\r\n")

    nursery.start_soon(serve)
    async with open_response(Transport(dial=upstream.dial), REQUEST) as response:
        assert not response.has_ended
        assert await response.receive() == b"all"
        assert response.has_ended


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", FailureKind.CONNECTION),
        (b"HTTP/1.1 200 OK\r\n", FailureKind.CONNECTION),
        (b"SSH-2.0\r\n", FailureKind.PROTOCOL),
        (CHUNKED, FailureKind.TRUNCATED),
        (CHUNKED + chunk(b"a"), FailureKind.TRUNCATED),
        (CHUNKED + b"nonsense\r\n", FailureKind.PROTOCOL),
    ],
)
async def test_an_answer_that_breaks_off_says_where(
    answer: bytes, kind: FailureKind, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = ScriptedUpstream()
    transport = Transport(dial=upstream.dial)

    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(answer)
        await server.stream.aclose()

    nursery.start_soon(serve)
    with pytest.raises(UpstreamFailure) as raised:
        async with open_response(transport, REQUEST) as response:
            await response.read_body()
    assert raised.value.kind is kind
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_a_port_that_does_not_answer_is_a_timeout(autojump_clock: trio.abc.Clock) -> None:
    async def dial(origin: Origin) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.raises(UpstreamFailure) as raised:
        async with open_response(Transport(dial=dial), REQUEST):
            raise AssertionError
    assert raised.value.kind is FailureKind.TIMEOUT
    assert trio.current_time() == 10


async def test_receive_may_be_cancelled_and_repeated(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = ScriptedUpstream()
    transport = Transport(dial=upstream.dial)

    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(CHUNKED)
        await trio.sleep(2.5)
        await server.stream.send_all(chunk(b"late") + b"0\r\n\r\n")

    nursery.start_soon(serve)
    async with open_response(transport, REQUEST) as response:
        for _ in range(2):
            with trio.move_on_after(1) as scope:
                await response.receive()
            assert scope.cancelled_caught
        assert [await response.receive(), await response.receive()] == [b"late", b""]
        assert trio.current_time() == 2.5
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 1)


async def test_leaving_early_closes_the_socket_in_the_same_instant(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = ScriptedUpstream()
    transport = Transport(dial=upstream.dial)
    closed: list[float] = []

    async def serve() -> None:
        server = await upstream.accept()
        await server.answer(CHUNKED + chunk(b"a"))
        closed.append(await server.closed_at())

    nursery.start_soon(serve)
    with trio.move_on_after(3):
        async with open_response(transport, REQUEST) as response:
            while True:
                await response.receive()
    await trio.testing.wait_all_tasks_blocked()
    assert closed == [3]
    assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


async def test_read_to_its_end_the_connection_serves_again(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = ScriptedUpstream()
    transport = Transport(dial=upstream.dial)
    nursery.start_soon(upstream.serve, OK, OK)
    for _ in range(2):
        async with open_response(transport, REQUEST) as response:
            assert await response.read_body() == b"ok"
    assert upstream.dialled == 1


@pytest.mark.parametrize(
    "raw",
    [
        [],
        [(b"Content-Type", b"text/event-stream"), (b"X-One", b"1")],
        [(b"Set-Cookie", b"a"), (b"set-cookie", b"b"), (b"SET-COOKIE", b"c")],
        [(b"x-name", "ü".encode())],
        [(b"x-name", b"\xfc"), (b"x-ascii", b"a")],
    ],
)
def test_headers_are_joined_and_decoded_as_httpx_does_it(raw: list[tuple[bytes, bytes]]) -> None:
    assert joined(raw) == dict(httpx.Headers(raw).items())


async def test_a_request_has_the_same_bytes_with_and_without_httpx() -> None:
    headers = {"Authorization": "Bearer k", "Content-Type": "application/json", "X-Two": "2"}
    url, upstream, sent = f"{URL}?a=b", ScriptedUpstream(), list[bytes]()
    async with Transport(dial=upstream.dial) as transport, trio.open_nursery() as nursery:
        plain = httpx.Request("POST", url, content=b"{}", headers=headers)
        nursery.start_soon(transport.handle_async_request, plain)
        sent.append(await (await upstream.accept()).read_request())
        nursery.start_soon(transport.open, WireRequest("POST", url, headers, b"{}"), None, None)
        sent.append(await (await upstream.accept()).read_request())
        nursery.cancel_scope.cancel()
    assert sent[0] == sent[1]
    assert b"Host: upstream.test\r\n" in sent[0]
