"""The same bytes are the same answer or the same error, or else the difference is meant."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest

from omen.wire.transport import Transport
from tests.wire.odd_answers import BAD_BODIES, BAD_HEADS, GOOD, MILDER, NO_BODY, STRICTER
from tests.wire.scripted import CHUNKED, Server, chunk
from tests.wire.sockets import (
    HERE,
    Answering,
    gone,
    listening,
    public_class,
    raw,
    url_of,
)


@pytest.mark.parametrize(
    ("name", "method", "answer"),
    [
        *((name, "POST", data) for name, (data, _) in GOOD.items()),
        *((name, how, data) for name, (how, data, _) in NO_BODY.items() if how != "CONNECT"),
        *((name, "POST", data) for name, data in BAD_HEADS.items()),
        *((name, "POST", CHUNKED + data) for name, data in BAD_BODIES.items()),
    ],
)
async def test_the_same_bytes_are_the_same_answer_or_the_same_error(
    name: str, method: str, answer: bytes, trusting: ssl.SSLContext
) -> None:
    async def serve(server: Server) -> None:
        await server.answer(answer)
        await raw(server).send_eof()
        await gone(server)

    async def outcome(transport: httpx.AsyncBaseTransport, port: int) -> Any:
        async with httpx.AsyncClient(transport=transport) as client:
            try:
                response = await client.request(method, url_of(port))
            except httpx.RequestError as error:
                return public_class(error)
        headers = [(name, value.lower()) for name, value in response.headers.raw]
        return response.status_code, response.reason_phrase, headers, response.content

    async with listening(serve) as port:
        ours = await outcome(Transport(ssl_context=trusting), port)
        theirs = await outcome(httpx.AsyncHTTPTransport(verify=trusting), port)
    if name in STRICTER:
        assert (ours, theirs == ours) == (httpx.RemoteProtocolError, False)
    elif name in MILDER:
        assert (theirs, theirs == ours) == (httpx.RemoteProtocolError, False)
    else:
        assert ours == theirs


# What differs on purpose


async def test_a_compressed_answer_is_refused(trusting: ssl.SSLContext) -> None:
    server = Answering(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\0\0"
    )
    transport = Transport(ssl_context=trusting)
    async with listening(server) as port, httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx.DecodingError):
            await client.get(url_of(port))
        await server.left.wait()
        assert b"Accept-Encoding: identity\r\n" in server.requests[0]


async def test_no_timeout_leaves_connecting_bounded(trusting: ssl.SSLContext) -> None:
    transport = Transport(ssl_context=trusting, connect_timeout=0.05)
    async with (
        listening(gone) as port,
        httpx.AsyncClient(transport=transport, timeout=None) as client,
    ):
        with pytest.raises(httpx.ConnectTimeout):
            await client.get(url_of(port, scheme="https"))


async def test_a_response_outlives_its_client(trusting: ssl.SSLContext) -> None:
    server = Answering(CHUNKED + chunk(b"a") + chunk(b"b") + b"0\r\n\r\n")
    transport = Transport(ssl_context=trusting)
    async with listening(server) as port:
        async with httpx.AsyncClient(transport=transport) as client:
            response = await client.send(client.build_request("GET", url_of(port)), stream=True)
        assert transport.sockets_in_use == 1
        assert await response.aread() == b"ab"
        await server.left.wait()  # and is not kept
        assert (transport.sockets_in_use, transport.sockets_idle) == (0, 0)


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
async def test_a_port_that_does_not_exist_is_the_urls_fault(
    trusting: ssl.SSLContext, port: str
) -> None:
    async with httpx.AsyncClient(transport=Transport(ssl_context=trusting)) as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(f"http://{HERE}:{port}/")
