"""Servers that say what they are told to, on real sockets, and a client that asks them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from bench._client import Client

HEAD = b"HTTP/1.1 200 OK\r\nx-omen-provider: sim\r\ntransfer-encoding: chunked\r\n\r\n"


class Scripted:
    """Answers every request with the same pieces, each a write of its own, then maybe hangs up."""

    def __init__(self, *pieces: bytes, then_close: bool = False) -> None:
        self._pieces = pieces
        self._then_close = then_close
        self.connections = 0
        self.ended = trio.Event()
        """Set once a client has closed its connection."""

    async def serve_connection(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async with stream:
            while await stream.receive_some():
                for piece in self._pieces:
                    await stream.send_all(piece)
                if self._then_close:
                    return
            self.ended.set()


@asynccontextmanager
async def asking(server: Scripted, patience: float = 30.0) -> AsyncIterator[Client]:
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, server.serve_connection, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        port = listeners[0].socket.getsockname()[1]
        client = Client("127.0.0.1", port, "/ask", timeout=patience)
        yield client
        client.close()
        nursery.cancel_scope.cancel()
