"""Real sockets on this machine: an upstream that listens, and what the kernel knows of them."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from omen.wire.transport import Origin
from tests.wire.scripted import Server

Handler = Callable[[Server], Awaitable[None]]
HERE = "127.0.0.1"
ABANDONS_GENERATORS = pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*async_generator:pytest.PytestUnraisableExceptionWarning"
)
"""httpx reads streams through generators of its own, which it does not close when it breaks off."""


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a free port while the block runs; every connection is closed when it ends."""

    async def handle(stream: trio.SocketStream) -> None:
        over = trio.SSLStream(stream, tls, server_side=True) if tls else stream
        async with stream:
            await handler(Server(over, Origin("", "", 0)))

    with trio.fail_after(20):  # real time, for a test that would hang
        async with trio.open_nursery() as nursery:
            [listener] = await nursery.start(partial(trio.serve_tcp, handle, 0, host=HERE))
            try:
                yield listener.socket.getsockname()[1]
            finally:
                nursery.cancel_scope.cancel()


def raw(server: Server) -> trio.SocketStream:
    """Give the TCP stream under a server's stream."""
    stream = server.stream
    while not isinstance(stream, trio.SocketStream):
        stream = stream.transport_stream  # type: ignore[attr-defined]
    return stream


async def reset(server: Server) -> None:
    """Close with an RST: whoever reads or writes at the other end gets an error."""
    stream = raw(server)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()


async def finish(server: Server) -> None:
    """Close with a FIN, having said all there is to say, and wait for the other side to close."""
    await raw(server).send_eof()
    await gone(server)


async def gone(server: Server) -> None:
    """Wait until the other side has closed, in whatever way."""
    stream = raw(server)
    try:
        while await stream.receive_some():
            pass
    except trio.BrokenResourceError:
        return


def open_files() -> set[int]:
    """Give this process's file descriptors, as Linux tells them."""
    return set(map(int, os.listdir("/proc/self/fd")))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens outside of trio: in a thread, or in the kernel."""
    with trio.fail_after(10):
        while not condition():
            await wait_all_tasks_blocked(0.001)


def url_of(port: int, path: str = "/", scheme: str = "http") -> str:
    return f"{scheme}://{HERE}:{port}{path}"


class Answering:
    """A server that gives these answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.left = trio.Event()

    async def __call__(self, server: Server) -> None:
        self.connections += 1
        with suppress(EOFError, trio.BrokenResourceError):
            while self._answers:
                self.requests.append(await server.read_request())
                await server.stream.send_all(self._answers.pop(0))
            await gone(server)
            self.left.set()


def public_class(error: BaseException) -> type:
    """Give the class of httpx's that an error is, if it is one."""
    return next(c for c in type(error).__mro__ if c.__module__.startswith(("httpx", "builtins")))
