"""What goes wrong has httpx's own class for it, over our transport as over httpx's."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
import pytest
import trio

from omen.wire.transport import Transport
from tests.wire.scripted import CHUNKED, Server
from tests.wire.sockets import (
    ABANDONS_GENERATORS,
    HERE,
    Answering,
    Handler,
    gone,
    listening,
    public_class,
    raw,
    reset,
    url_of,
)


async def cut_the_head(server: Server) -> None:
    await server.answer(b"HTTP/1.1 200 OK\r\nContent-Le")
    await raw(server).send_eof()
    await gone(server)


async def cut_the_body(server: Server) -> None:
    await server.answer(CHUNKED + b"5\r\nhel")
    await raw(server).send_eof()
    await gone(server)


async def say_nothing(server: Server) -> None:
    await server.read_request()
    await raw(server).send_eof()
    await gone(server)


async def hang(server: Server) -> None:
    await gone(server)


async def reset_the_head(server: Server) -> None:
    await server.answer(b"HTTP/1.1")
    await reset(server)


async def reset_the_body(server: Server) -> None:
    await server.answer(CHUNKED + b"5\r\nhel")
    await reset(server)


async def say_garbage(server: Server) -> None:
    await server.answer(b"\0garbage\r\n\r\n")
    await gone(server)


async def hang_in_the_body(server: Server) -> None:
    await server.answer(CHUNKED + b"5\r\nhel")
    await gone(server)


ERRORS: dict[str, tuple[Handler, type[Exception]]] = {
    "no answer": (say_nothing, httpx.RemoteProtocolError),
    "half a head": (cut_the_head, httpx.RemoteProtocolError),
    "half a body": (cut_the_body, httpx.RemoteProtocolError),
    "garbage": (say_garbage, httpx.RemoteProtocolError),
    "a reset in the head": (reset_the_head, httpx.ReadError),
    "a reset in the body": (reset_the_body, httpx.ReadError),
    "silence": (hang, httpx.ReadTimeout),
    "silence in the body": (hang_in_the_body, httpx.ReadTimeout),
}


@pytest.mark.parametrize(("serve", "expected"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("read", ["whole", "stream"])
async def test_what_an_upstream_does_has_its_class(
    either: httpx.AsyncBaseTransport, serve: Handler, expected: type[Exception], read: str
) -> None:
    timeout = httpx.Timeout(20, read=0.05 if expected is httpx.ReadTimeout else 20)
    async with (
        listening(serve) as port,
        httpx.AsyncClient(transport=either, timeout=timeout) as client,
    ):
        with pytest.raises(httpx.RequestError) as raised:
            if read == "whole":
                await client.get(url_of(port))
            else:
                async with client.stream("GET", url_of(port)) as response:
                    async for piece in response.aiter_bytes():
                        assert piece == b"hel"
    assert public_class(raised.value) is expected
    assert raised.value.request.url == url_of(port)


async def test_a_port_where_nobody_listens(either: httpx.AsyncBaseTransport) -> None:
    with trio.socket.socket() as nobody:
        await nobody.bind((HERE, 0))
        async with httpx.AsyncClient(transport=either) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(url_of(nobody.getsockname()[1]))


async def test_a_certificate_for_somebody_else(
    either: httpx.AsyncBaseTransport, certified: ssl.SSLContext
) -> None:
    async def serve(server: Server) -> None:
        with suppress(trio.BrokenResourceError):
            await server.stream.receive_some()

    async with listening(serve, certified) as port, httpx.AsyncClient(transport=either) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://127.0.0.2:{port}")


async def test_a_handshake_that_hangs(either: httpx.AsyncBaseTransport) -> None:
    timeout = httpx.Timeout(20, connect=0.05)
    async with (
        listening(hang) as port,
        httpx.AsyncClient(transport=either, timeout=timeout) as client,
    ):
        with pytest.raises(httpx.ConnectTimeout):
            await client.get(url_of(port, scheme="https"))


@ABANDONS_GENERATORS
async def test_an_upstream_that_does_not_read(either: httpx.AsyncBaseTransport) -> None:
    timeout = httpx.Timeout(20, write=0.05)

    async def serve(server: Server) -> None:
        await trio.sleep_forever()

    async with (
        listening(serve) as port,
        httpx.AsyncClient(transport=either, timeout=timeout) as client,
    ):
        with pytest.raises(httpx.WriteTimeout):
            await client.post(url_of(port), content=b"x" * 8_000_000)


@pytest.mark.parametrize("kind", ["ours", "httpx's"])
async def test_a_full_pool(kind: str, trusting: ssl.SSLContext) -> None:
    full: httpx.AsyncBaseTransport = (
        Transport(ssl_context=trusting, max_in_use_per_origin=1)
        if kind == "ours"
        else httpx.AsyncHTTPTransport(verify=trusting, limits=httpx.Limits(max_connections=1))
    )
    timeout = httpx.Timeout(20, pool=0.05)
    async with (
        listening(Answering(CHUNKED)) as port,
        httpx.AsyncClient(transport=full, timeout=timeout) as client,
        client.stream("GET", url_of(port)),
    ):
        with pytest.raises(httpx.PoolTimeout):
            await client.get(url_of(port))


BAD_REQUESTS: dict[str, tuple[Callable[[httpx.AsyncClient], Awaitable[object]], type]] = {
    "a scheme that nobody speaks": (lambda c: c.get("ftp://a.test"), httpx.UnsupportedProtocol),
    "no scheme": (lambda c: c.get("//a.test"), httpx.UnsupportedProtocol),
    "a header with a line break": (
        lambda c: c.get("http://a.test", headers={"X": "a\nb"}),
        httpx.LocalProtocolError,
    ),
    "a header with a blank in its name": (
        lambda c: c.get("http://a.test", headers={"X Y": "a"}),
        httpx.LocalProtocolError,
    ),
}


@pytest.mark.parametrize(("ask", "expected"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_a_request_that_cannot_be_sent(
    trusting: ssl.SSLContext,
    ask: Callable[[httpx.AsyncClient], Awaitable[object]],
    expected: type[Exception],
) -> None:
    async with httpx.AsyncClient(transport=Transport(ssl_context=trusting)) as client:
        with pytest.raises(expected):
            await ask(client)
