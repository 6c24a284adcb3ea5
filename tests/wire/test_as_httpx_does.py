"""What a user of `httpx.AsyncClient` may count on, over our transport as over httpx's own.

Every test here runs over both, on real sockets, with one and the same assertion; so do those of
errors (test_as_httpx_fails.py) and of odd answers (test_same_bytes.py). What differs, on purpose:

- An answer that is compressed is a `DecodingError`, because we ask for identity.
- No HTTP/2, no SOCKS, no `network_stream` extension; a 101 is a `RemoteProtocolError`.
- A connection that ends too early is `IncompleteResponse`, a subclass of httpx's class for it.
- A timeout of None leaves connecting and queueing bounded by the transport's own.
- A body that is an iterator is read first and sent whole, with its length.
- A request on a kept connection that had died is sent once more.
- A client that is closed lets a response that is open be read to its end.
- What odd_answers.py lists under STRICTER is refused, and under MILDER accepted.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import trio

from tests.wire.scripted import CHUNKED, OK, Server, chunk
from tests.wire.sockets import ABANDONS_GENERATORS, Answering, gone, listening, url_of

LINES = b"data: one\r\n\ndata: \xc3\xa9\xe2\x80\xa8two\n" * 20
STREAM = CHUNKED + b"".join(chunk(LINES[i : i + 7]) for i in range(0, len(LINES), 7)) + b"0\r\n\r\n"


# Requests and responses


async def test_a_response_has_all_that_was_said(either: httpx.AsyncBaseTransport) -> None:
    answer = (
        b"HTTP/1.1 418 I'm a teapot\r\nX-A: 1\r\nx-b:  2 \r\nX-A: 3\r\nSet-Cookie: c=d\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\nt\xc3\xa9!"
    )
    server = Answering(answer, OK)
    async with listening(server) as port, httpx.AsyncClient(transport=either) as client:
        response = await client.get(url_of(port, "/tea?x=%20y#z"))
        assert (response.status_code, response.reason_phrase) == (418, "I'm a teapot")
        assert response.http_version == "HTTP/1.1"
        assert response.headers.raw[:4] == [
            (b"X-A", b"1"),
            (b"x-b", b"2"),
            (b"X-A", b"3"),
            (b"Set-Cookie", b"c=d"),
        ]
        assert response.text == "té!"
        assert (response.is_closed, response.is_stream_consumed) == (True, True)
        assert response.num_bytes_downloaded == 4
        assert response.elapsed.total_seconds() > 0
        assert server.requests[0].startswith(b"GET /tea?x=%20y HTTP/1.1\r\nHost: ")
        await client.get(url_of(port))
        assert b"Cookie: c=d\r\n" in server.requests[1]
        assert server.connections == 1


async def in_pieces() -> AsyncIterator[bytes]:
    for piece in (b"a", b"", b"bc"):
        await trio.lowlevel.checkpoint()
        yield piece


BODIES: dict[str, tuple[dict[str, Any], bytes]] = {
    "nothing": ({}, b""),
    "bytes": ({"content": b"abc"}, b"abc"),
    "text": ({"content": "é"}, b"\xc3\xa9"),
    "json": ({"json": {"a": [1]}}, b'{"a":[1]}'),
    "a form": ({"data": {"a": "1 2"}}, b"a=1+2"),
    "much": ({"content": b"x" * 3_000_000}, b"x" * 3_000_000),
    "an iterator": ({"content": in_pieces}, b"abc"),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
async def test_request_bodies_of_every_kind_arrive(
    either: httpx.AsyncBaseTransport, body: dict[str, Any], expected: bytes
) -> None:
    got: list[bytes] = []

    async def serve(server: Server) -> None:
        request = await server.read_request()
        if b"transfer-encoding: chunked" in request.lower():
            while b"0\r\n\r\n" not in request:
                request += await server.stream.receive_some()
        got.append(request)
        await server.stream.send_all(OK)
        await gone(server)

    if callable(body.get("content")):
        body = {"content": body["content"]()}
    async with listening(serve) as port, httpx.AsyncClient(transport=either) as client:
        assert (await client.post(url_of(port), **body)).content == b"ok"
    _, _, sent = got[0].partition(b"\r\n\r\n")
    chunked = b"".join(sent.split(b"\r\n")[1::2])
    assert expected in (sent, chunked)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
async def test_every_method_is_sent_as_it_is(either: httpx.AsyncBaseTransport, method: str) -> None:
    server = Answering(b"HTTP/1.1 204 No Content\r\n\r\n")
    async with listening(server) as port, httpx.AsyncClient(transport=either) as client:
        assert (await client.request(method, url_of(port))).status_code == 204
    assert server.requests[0].startswith(method.encode() + b" / HTTP/1.1\r\n")


@pytest.mark.parametrize("follow", [False, True])
async def test_a_redirect_is_for_the_client_to_follow(
    either: httpx.AsyncBaseTransport, follow: bool
) -> None:
    server = Answering(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 2\r\n\r\nno", OK)
    async with listening(server) as port, httpx.AsyncClient(transport=either) as client:
        response = await client.get(url_of(port, "/a"), follow_redirects=follow)
        assert (response.status_code, len(server.requests)) == ((200, 2) if follow else (302, 1))
        assert [r.status_code for r in response.history] == ([302] if follow else [])


async def test_many_at_once(either: httpx.AsyncBaseTransport) -> None:
    async def serve(server: Server) -> None:
        with suppress(EOFError):
            while True:
                await server.answer()

    got: list[bytes] = []

    async def get(client: httpx.AsyncClient, url: str) -> None:
        got.append((await client.get(url)).content)

    async with listening(serve) as port, httpx.AsyncClient(transport=either) as client:
        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(get, client, url_of(port))
        assert got == [b"ok"] * 30


# Streams


@pytest.mark.parametrize("how", ["aiter_raw", "aiter_bytes", "aiter_text", "aiter_lines"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_stream_can_be_read_in_every_way(
    either: httpx.AsyncBaseTransport, how: str, scheme: str, certified: ssl.SSLContext
) -> None:
    whole = LINES.decode()
    expected = {
        "aiter_raw": LINES,
        "aiter_bytes": LINES,
        "aiter_text": whole,
        "aiter_lines": whole.splitlines(),
    }
    server, tls = Answering(STREAM), certified if scheme == "https" else None
    async with listening(server, tls) as port, httpx.AsyncClient(transport=either) as client:
        async with client.stream("GET", url_of(port, scheme=scheme)) as response:
            with pytest.raises(httpx.ResponseNotRead):
                _ = response.content
            got = [piece async for piece in getattr(response, how)()]
            with pytest.raises(httpx.StreamConsumed):
                await anext(response.aiter_raw())
        assert response.is_closed
        joined = got if how == "aiter_lines" else type(got[0])().join(got)
        assert joined == expected[how]


async def test_pieces_of_a_size_that_was_asked_for(either: httpx.AsyncBaseTransport) -> None:
    server = Answering(STREAM)
    async with (
        listening(server) as port,
        httpx.AsyncClient(transport=either) as client,
        client.stream("GET", url_of(port)) as response,
    ):
        sizes = [len(piece) async for piece in response.aiter_bytes(100)]
    assert sizes == [100] * (len(LINES) // 100) + [len(LINES) % 100]


@ABANDONS_GENERATORS
@pytest.mark.parametrize("leave", ["break", "aclose", "without a look"])
async def test_a_stream_that_is_left_is_closed_and_the_next_request_served(
    either: httpx.AsyncBaseTransport, leave: str
) -> None:
    left = trio.Event()
    connections = 0

    async def serve(server: Server) -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            await server.answer()
            return
        await server.answer(CHUNKED + chunk(b"first"))
        await gone(server)
        left.set()

    async with listening(serve) as port, httpx.AsyncClient(transport=either) as client:
        async with client.stream("GET", url_of(port)) as response:
            if leave != "without a look":
                async for piece in response.aiter_bytes():
                    assert piece == b"first"
                    break
            if leave == "aclose":
                await response.aclose()
                await response.aclose()
        await left.wait()
        with pytest.raises((httpx.StreamConsumed, httpx.StreamClosed)):
            await anext(response.aiter_raw())
        assert (await client.get(url_of(port))).content == b"ok"


async def test_a_stream_may_be_read_as_a_whole_after_all(either: httpx.AsyncBaseTransport) -> None:
    server = Answering(STREAM, OK)
    async with listening(server) as port, httpx.AsyncClient(transport=either) as client:
        async with client.stream("GET", url_of(port)) as response:
            assert await response.aread() == LINES
        assert response.content == LINES
        assert (await client.get(url_of(port))).content == b"ok"
        assert server.connections == 1
