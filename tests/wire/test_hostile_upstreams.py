"""Whatever an upstream does, the caller is told the right thing and the transport is whole.

After each case: no exchange is under way, no file is left open, and the next request to the same
origin is answered.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

import httpx
import pytest
import trio

from omen.wire.transport import Transport
from tests.wire.hostile_upstreams import (
    ANSWER,
    BODY,
    GARBAGE,
    PLAIN,
    PROXY,
    TLS,
    Case,
)
from tests.wire.scripted import OK, Server
from tests.wire.sockets import HERE, gone, listening, open_files, raw, reset

LARGE = b"x" * 8_000_000
"""More than the kernel takes from us while nobody reads at the other end."""

SHORT = 0.05
"""Seconds that are waited for an upstream which is silent anyhow."""


class Dripping(trio.abc.Stream):
    """A socket that sends byte by byte, whatever is above it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.transport_stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        for byte in bytes(data):
            await self.transport_stream.send_all(bytes([byte]))

    async def wait_send_all_might_not_block(self) -> None:
        await self.transport_stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self.transport_stream.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self.transport_stream.aclose()


class Hostile:
    """An upstream that misbehaves on its first connection and is good on every later one.

    `done` is set when it has.
    """

    def __init__(self, case: Case, tls: ssl.SSLContext | None = None) -> None:
        self.case = case
        self._tls = tls
        self.connections = 0
        self.done = trio.Event()

    async def serve(self, server: Server) -> None:
        self.connections += 1
        with suppress(EOFError, trio.BrokenResourceError, trio.ClosedResourceError):
            if self.connections == 1:
                await self._misbehave(server)
            else:
                self._encrypt(server)
            while True:
                await server.answer(OK)

    async def _misbehave(self, server: Server) -> None:
        if self.case.stage == "in the handshake":
            await self._refuse_the_handshake(server)
            return
        self._encrypt(server)
        if self.case.reads == "all":
            await server.read_request()
        elif self.case.reads == "a bit":
            await server.read_on(100)
        await server.stream.send_all(self.case.says)
        await self._do_it(server)
        if self.case.behaviour == "drip" and self.case.reads != "all":
            await server.read_request()

    async def _refuse_the_handshake(self, server: Server) -> None:
        if self.case.behaviour == "drip":
            server.stream = Dripping(raw(server))
            self._encrypt(server)
            await server.answer(ANSWER)
        else:
            await server.stream.receive_some()
            await self._do_it(server)

    async def _do_it(self, server: Server) -> None:
        """Misbehave, and then wait for the other side to close, unless all was said in the end."""
        match self.case.behaviour:
            case "reset":
                await reset(server)
            case "close":
                await raw(server).send_eof()
            case "garbage":
                await server.stream.send_all(GARBAGE)
            case "torn":
                await raw(server).send_all(GARBAGE)
            case "drip":
                for byte in ANSWER[len(self.case.says) :]:
                    await server.stream.send_all(bytes([byte]))
        self.done.set()
        match self.case.behaviour:
            case "silence" if self.case.says != ANSWER:
                await trio.sleep_forever()
            case "close" | "garbage" | "torn":
                await gone(server)

    def _encrypt(self, server: Server) -> None:
        if self._tls is not None:
            server.stream = trio.SSLStream(server.stream, self._tls, server_side=True)


def timeouts_for(case: Case) -> httpx.Timeout:
    """Wait for what will not come a short time, and for anything else as long as it takes."""
    bounds = {
        httpx.ReadTimeout: {"read": SHORT},
        httpx.WriteTimeout: {"write": SHORT},
        httpx.ConnectTimeout: {"connect": SHORT},
    }
    return httpx.Timeout(30.0, **bounds.get(case.told, {}))  # type: ignore[call-overload]


async def check(upstream: Hostile, url: str, transport: Transport) -> None:
    """Meet the misbehaviour, then the good server."""
    case = upstream.case
    body = LARGE if case.reads == "a bit" else b"{}"
    async with httpx.AsyncClient(transport=transport, timeout=30) as client:
        request = client.build_request("POST", url, content=body, timeout=timeouts_for(case))
        if case.told is None:
            assert (await client.send(request)).content == BODY
        else:
            with pytest.raises(case.told) as raised:
                await client.send(request)
            assert raised.type is case.told or case.told is httpx.NetworkError
            assert transport.sockets_idle == 0
        assert transport.exchanges == ()
        if case.says == ANSWER:
            await upstream.done.wait()  # what is behind the end is met by the next request
        for _ in range(2):
            assert (await client.post(url, content=b"{}")).content == b"ok"
        origin = url.removesuffix("/")
        assert repr(transport) == f"<Transport: 0 in use (0 waiting), 1 idle ({origin} 1)>"


@pytest.mark.parametrize("case", PLAIN, ids=str)
async def test_over_tcp(case: Case, trusting: ssl.SSLContext) -> None:
    before = open_files()
    upstream = Hostile(case)
    async with listening(upstream.serve) as port:
        await check(upstream, f"http://{HERE}:{port}/", Transport(ssl_context=trusting))
    assert open_files() == before


@pytest.mark.parametrize("case", TLS, ids=str)
async def test_over_tls(case: Case, certified: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    before = open_files()
    upstream = Hostile(case, certified)
    async with listening(upstream.serve) as port:
        await check(upstream, f"https://{HERE}:{port}/", Transport(ssl_context=trusting))
    assert open_files() == before


class HostileProxy(Hostile):
    """A proxy that misbehaves on its first connection. Behind it is a good server."""

    async def serve(self, server: Server) -> None:
        if self.connections > 0:
            await server.answer(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await super().serve(server)

    async def _misbehave(self, server: Server) -> None:
        await server.answer(self.case.says)
        if self.case.stage == "in the tunnel":
            await server.stream.receive_some()  # the client's hello
        await self._do_it(server)


@pytest.mark.parametrize("case", PROXY, ids=str)
async def test_through_a_proxy(
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    certified: ssl.SSLContext,
    trusting: ssl.SSLContext,
) -> None:
    before = open_files()
    upstream = HostileProxy(case, certified)
    async with listening(upstream.serve) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{HERE}:{port}")
        await check(upstream, "https://localhost:4433/", Transport(ssl_context=trusting))
    assert open_files() == before
