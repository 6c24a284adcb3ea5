"""A kept connection that dies, or says too much, between two requests: over real sockets."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import trio

from omen.wire._http1 import IncompleteResponse
from omen.wire.transport import Transport
from tests.wire.scripted import OK, Server
from tests.wire.sockets import HERE, gone, listening, open_files, raw, reset

LARGE = b"x" * 8_000_000
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


async def die(server: Server, how: str) -> None:
    if how == "RST":
        await reset(server)
        return
    if how == "last words":
        await server.stream.send_all(TIMED_OUT)
    await raw(server).send_eof()


class Mortal:
    """A server whose first connections (`dying` of them) answer once and then die.

    `when`: idle, as soon as the test says so; "writing", when a second request has begun to come;
    "written", when it is there; "answering", after the first byte of the answer to it.
    """

    def __init__(self, when: str, how: str, dying: int = 1) -> None:
        self._when = when
        self._how = how
        self._dying = dying
        self.connections = 0
        self.requests: list[int] = []
        self.idle, self.may_die, self.dead = trio.Event(), trio.Event(), trio.Event()

    async def serve(self, server: Server) -> None:
        self.connections += 1
        with suppress(EOFError, trio.BrokenResourceError, trio.ClosedResourceError):
            if self.connections > self._dying:
                while True:
                    await self._answer(server)
            if self.connections == 1:
                await self._answer(server)
            await self._expire(server)
            await gone(server)

    async def _answer(self, server: Server) -> None:
        self.requests.append(len(await server.read_request()))
        await server.stream.send_all(OK)

    async def _expire(self, server: Server) -> None:
        if self._when == "idle":
            self.idle.set()
            await self.may_die.wait()
        elif self._when == "writing":
            await server.read_on(100)
        else:
            await server.read_request()
        if self._when == "answering":
            await server.stream.send_all(b"H")
        await die(server, self._how)
        self.dead.set()


@asynccontextmanager
async def first_answered(
    server: Mortal, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None
) -> AsyncIterator[tuple[httpx.AsyncClient, Transport, str]]:
    """Give a client with one kept connection to this server."""
    before = open_files()
    theirs, ours = tls or (None, None)
    # A machine that is busy must not make "at once" late: that rule has tests in virtual time.
    transport = Transport(ssl_context=ours, repeat_within=60.0)
    async with (
        listening(server.serve, theirs) as port,
        httpx.AsyncClient(transport=transport, timeout=20) as client,
    ):
        url = f"{'https' if tls else 'http'}://{HERE}:{port}/"
        assert (await client.post(url, content=b"{}")).content == b"ok"
        assert transport.sockets_idle == 1
        yield client, transport, url
        assert transport.exchanges == ()
    assert open_files() == before


@pytest.mark.parametrize("how", ["FIN", "RST", "last words"])
@pytest.mark.parametrize("tls", [False, True])
async def test_one_that_died_while_idle_is_not_used(
    how: str, tls: bool, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    server = Mortal("idle", how)
    contexts = (certified, trusting) if tls else None
    async with first_answered(server, contexts) as (client, transport, url):
        await server.idle.wait()
        server.may_die.set()
        await server.dead.wait()
        assert (await client.post(url, content=b"{}")).status_code == 200
        assert (server.connections, len(server.requests)) == (2, 2)
        assert transport.sockets_idle == 1


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("when", ["writing", "written"])
@pytest.mark.parametrize("tls", [False, True])
async def test_one_that_dies_as_we_write_is_replaced_and_the_request_sent_once_more(
    *, how: str, when: str, tls: bool, certified: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    server = Mortal(when, how)
    contexts = (certified, trusting) if tls else None
    async with first_answered(server, contexts) as (client, transport, url):
        assert (await client.post(url, content=LARGE)).content == b"ok"
        assert server.connections == 2
        assert [size > len(LARGE) for size in server.requests] == [False, True]
        assert transport.sockets_idle == 1


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("when", ["writing", "written"])
async def test_it_is_sent_once_more_and_not_twice(how: str, when: str) -> None:
    server = Mortal(when, how, dying=2)
    async with first_answered(server) as (client, transport, url):
        with pytest.raises(httpx.TransportError) as raised:
            await client.post(url, content=LARGE)
        assert isinstance(raised.value, httpx.NetworkError if how == "RST" else IncompleteResponse)
        assert (server.connections, transport.sockets_idle) == (2, 0)
        assert (await client.post(url, content=b"{}")).content == b"ok"


@pytest.mark.parametrize(("how", "error"), [("FIN", IncompleteResponse), ("RST", httpx.ReadError)])
async def test_one_that_dies_after_a_byte_of_the_answer_is_an_error(
    how: str, error: type[Exception]
) -> None:
    server = Mortal("answering", how)
    async with first_answered(server) as (client, transport, url):
        with pytest.raises(error) as raised:
            await client.post(url, content=b"{}")
        assert raised.type is error
        assert (server.connections, transport.sockets_idle) == (1, 0)
        assert (await client.post(url, content=b"{}")).content == b"ok"


async def test_last_words_that_meet_a_request_are_the_answer_to_it() -> None:
    """They might be; and whoever sent them has closed, so nothing else is to be had there."""
    server = Mortal("written", "last words")
    async with first_answered(server) as (client, transport, url):
        assert (await client.post(url, content=b"{}")).status_code == 408
        assert (server.connections, transport.sockets_idle) == (1, 0)


class Corked(trio.abc.Stream):
    """Holds back what is sent, so that several TLS records leave in one packet."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.transport_stream = stream
        self._held = bytearray()
        self.is_corked = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._held += data
        if not self.is_corked:
            await self.transport_stream.send_all(bytes(self._held))
            self._held.clear()

    async def wait_send_all_might_not_block(self) -> None:
        await self.transport_stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self.transport_stream.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self.transport_stream.aclose()


@pytest.mark.parametrize("layers", [1, 2], ids=["TLS", "TLS in TLS"])
async def test_an_answer_in_a_record_behind_the_answer_is_not_taken_for_the_next_one(
    layers: int,
    monkeypatch: pytest.MonkeyPatch,
    certified: ssl.SSLContext,
    trusting: ssl.SSLContext,
) -> None:
    """It has left the socket with the record before it, and lies in the TLS layer unread."""
    poison = OK.replace(b"ok", b"no")

    async def serve(server: Server) -> None:
        if layers == 2:  # a proxy that is reached over TLS, and a tunnel through it
            server.stream = trio.SSLStream(server.stream, certified, server_side=True)
            await server.answer(b"HTTP/1.1 200 Connection established\r\n\r\n")
        cork = Corked(server.stream)
        server.stream = trio.SSLStream(cork, certified, server_side=True)
        await server.read_request()
        cork.is_corked = True
        await server.stream.send_all(OK)
        cork.is_corked = False
        await server.stream.send_all(poison)
        await gone(server)

    async with listening(serve) as port:
        if layers == 2:
            monkeypatch.setenv("HTTPS_PROXY", f"https://{HERE}:{port}")
        transport = Transport(ssl_context=trusting)
        async with httpx.AsyncClient(transport=transport, timeout=20) as client:
            for _ in range(2):
                assert (await client.get(f"https://{HERE}:{port}/")).content == b"ok"
