"""An upstream played by hand: it accepts dials and gives the test its end of each connection."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import trio
from trio.testing import memory_stream_pair

from omen.wire.transport import Origin, Transport

URL = "http://upstream.test/v1/chat/completions"

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

Pair = tuple[trio.abc.Stream, trio.abc.Stream]


def post(url: str = URL, body: bytes = b"{}", **headers: str) -> httpx.Request:
    return httpx.Request("POST", url, content=body, headers=headers)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def read_all(response: httpx.Response) -> bytes:
    """Read a response as httpx's client does: to the end, then close."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        return b"".join([piece async for piece in response.stream])
    finally:
        with trio.move_on_after(1, shield=True):
            await response.stream.aclose()


async def ask(transport: Transport, request: httpx.Request | None = None) -> bytes:
    """Send a request and read the whole answer, in an hour of virtual time at most."""
    with trio.fail_after(3600):
        return await read_all(await transport.handle_async_request(request or post()))


class Server:
    """The upstream's end of one connection."""

    def __init__(self, stream: trio.abc.Stream, origin: Origin) -> None:
        self.stream = stream
        self.origin = origin
        self._unread = bytearray()

    async def read_request(self) -> bytes:
        """Read one request, head and body; EOFError when there is none any more."""
        while (end := self._unread.find(b"\r\n\r\n")) < 0:
            await self.read_on()
        lines = bytes(self._unread[:end]).split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line[:15] == b"Content-Length:"), 0)
        while len(self._unread) < end + 4 + length:
            await self.read_on()
        request = bytes(self._unread[: end + 4 + length])
        del self._unread[: end + 4 + length]
        return request

    async def read_on(self, most: int | None = None) -> None:
        """Read a bit more of a request, for `read_request` to give."""
        with trio.fail_after(3600):  # of virtual time: rather a failed test than a hanging one
            piece = await self.stream.receive_some(most)
        if not piece:
            raise EOFError
        self._unread += piece

    async def answer(self, data: bytes = OK) -> bytes:
        """Read one request and answer it."""
        request = await self.read_request()
        await self.stream.send_all(data)
        return request

    async def closed_at(self) -> float:
        """Wait until the other side has closed, and say when that was."""
        with trio.fail_after(3600):
            while await self.stream.receive_some():
                pass
        return trio.current_time()


class ScriptedUpstream:
    """Dials lead here. `dialled` counts them."""

    def __init__(self, make_pair: Callable[[], Pair] = memory_stream_pair) -> None:
        self._make_pair = make_pair
        self._accept, self._accepted = trio.open_memory_channel[Server](100)
        self.dialled = 0

    async def dial(self, origin: Origin) -> trio.abc.Stream:
        client, server = self._make_pair()
        self.dialled += 1
        await self._accept.send(Server(server, origin))
        return client

    async def accept(self) -> Server:
        """Wait for the next dial."""
        with trio.fail_after(3600):
            return await self._accepted.receive()

    async def serve(self, *answers: bytes) -> None:
        """Accept one connection and answer one request after another on it."""
        server = await self.accept()
        for answer in answers:
            await server.answer(answer)
