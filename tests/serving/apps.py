"""The applications that the tests serve: a bare ASGI callable, and quart-trio behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import trio
from quart import Response
from quart_trio import QuartTrio

from omen.serving import ASGIApp, Receive, Scope, Send

CHUNK = b"x" * 16 * 1024


def http(handler: ASGIApp) -> ASGIApp:
    """Make an application of a handler that knows nothing of a lifespan."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await handler(scope, receive, send)

    return app


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    return body


class Bare:
    """A bare ASGI application that notes what happens to its handlers.

    Each path is a way to behave. `heard` has the path of every handler that got
    `http.disconnect` (or `websocket.disconnect`), `begun` and `ended` of every one that did.
    """

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.heard: list[str] = []
        self.ended: list[str] = []
        self.changed = trio.lowlevel.ParkingLot()
        self.release = trio.Event()

    async def until(self, notes: list[str], path: str, times: int = 1) -> None:
        while notes.count(path) < times:
            await self.changed.park()

    def note(self, notes: list[str], path: str) -> None:
        notes.append(path)
        self.changed.unpark_all()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        path = scope["path"]
        self.note(self.begun, path)
        try:
            if scope["type"] == "websocket":
                await self.websocket(path, receive, send)
            else:
                await getattr(self, path.strip("/").replace("-", "_"), self.ok)(path, receive, send)
        finally:
            self.note(self.ended, path)

    async def ok(self, path: str, receive: Receive, send: Send) -> None:
        await answer(send, b"ok")

    async def echo(self, path: str, receive: Receive, send: Send) -> None:
        await answer(send, await read_body(receive))

    async def early(self, path: str, receive: Receive, send: Send) -> None:
        """Answer without looking at the body."""
        await answer(send, b"early")

    async def held(self, path: str, receive: Receive, send: Send) -> None:
        """Answer when the test says so, or end when the client leaves."""
        async with self.watching(path, receive) as cancel:
            await self.release.wait()
            await answer(send, b"held")
            cancel.cancel()

    async def stream(self, path: str, receive: Receive, send: Send) -> None:
        """Send a first piece, then wait for the client to leave."""
        async with self.watching(path, receive):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await trio.sleep_forever()

    async def flood(self, path: str, receive: Receive, send: Send) -> None:
        """Send for ever."""
        async with self.watching(path, receive):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": CHUNK, "more_body": True})

    async def deaf(self, path: str, receive: Receive, send: Send) -> None:
        """Never look whether the client is there."""
        await trio.sleep_forever()

    async def fail(self, path: str, receive: Receive, send: Send) -> None:
        raise RuntimeError("a prompt is in this text")

    async def fail_late(self, path: str, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("an answer is in this text")

    @asynccontextmanager
    async def watching(self, path: str, receive: Receive) -> AsyncIterator[trio.CancelScope]:
        """Run the block until it is done or the client leaves, as a hot route does."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, path, receive, nursery.cancel_scope)
            yield nursery.cancel_scope

    async def _watch(self, path: str, receive: Receive, scope: trio.CancelScope) -> None:
        while not (await receive())["type"].endswith(".disconnect"):
            pass
        self.note(self.heard, path)
        scope.cancel()

    async def websocket(self, path: str, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        if path == "/ws-flood":
            await self.websocket_flood(path, receive, send)
            return
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
        self.note(self.heard, path)

    async def websocket_flood(self, path: str, receive: Receive, send: Send) -> None:
        """Send for ever, with a task that reads beside it."""
        async with self.watching(path, receive):
            while True:
                await send({"type": "websocket.send", "text": "x"})


def quart_app() -> QuartTrio:
    app = QuartTrio("quart_app")

    @app.route("/quart")
    async def plain() -> str:
        await trio.lowlevel.checkpoint()
        return "from quart"

    @app.route("/quart-stream")
    async def stream() -> Response:
        await trio.lowlevel.checkpoint()

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                await trio.lowlevel.checkpoint()
                yield b"piece"

        response = Response(pieces())
        response.timeout = None
        return response

    @app.route("/quart-wait")
    async def wait() -> str:
        await trio.sleep_forever()
        return "never"

    @app.websocket("/quart-ws")
    async def socket() -> None:
        await trio.sleep_forever()

    return app


class Mounted:
    """Hot routes to a bare callable, the rest (and the lifespan) to quart: as OMEN mounts them."""

    def __init__(self) -> None:
        self.bare = Bare()
        self.quart = quart_app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith("/quart"):
            await cast(ASGIApp, self.quart)(scope, receive, send)
        else:
            await self.bare(scope, receive, send)
