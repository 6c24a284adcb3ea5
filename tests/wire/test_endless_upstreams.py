"""What has no end is cut after 64 KiB that are not body, and its socket is closed."""

from __future__ import annotations

import ssl
from contextlib import suppress

import httpx
import pytest
import trio

from omen.wire._http1 import MAX_OVERHEAD
from omen.wire.transport import Origin, Transport
from tests.wire.hostile_upstreams import ENDLESS, Endless
from tests.wire.scripted import Server, ask
from tests.wire.sockets import HERE, listening


class Flood(trio.abc.Stream):
    """A stream that says something endless, and counts how much of it was taken."""

    def __init__(self, case: Endless) -> None:
        self._next = case.says or case.again
        self._again = case.again
        self.taken = 0
        self.is_closed = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        piece, self._next = self._next, self._again
        self.taken += len(piece)
        return piece

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self.is_closed = True
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("case", ENDLESS, ids=str)
async def test_no_more_of_it_is_taken(case: Endless, autojump_clock: trio.abc.Clock) -> None:
    stream = Flood(case)

    async def dial(origin: Origin) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return stream

    with pytest.raises(httpx.RemoteProtocolError):
        await ask(Transport(dial=dial))
    assert stream.is_closed
    assert stream.taken <= MAX_OVERHEAD + len(case.says) + len(case.again)


@pytest.mark.parametrize("case", ENDLESS, ids=str)
async def test_its_socket_is_closed(case: Endless, trusting: ssl.SSLContext) -> None:
    cut = trio.Event()

    async def serve(server: Server) -> None:
        await server.read_request()
        await server.stream.send_all(case.says)
        with suppress(trio.BrokenResourceError):
            while True:
                await server.stream.send_all(case.again)
        cut.set()

    async with (
        listening(serve) as port,
        httpx.AsyncClient(transport=Transport(ssl_context=trusting)) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError, match=r"more than 65536 bytes|overflow"):
            await client.get(f"http://{HERE}:{port}/")
        await cut.wait()
