"""Clients of the websocket, which leave by closing the connection or by a `cancel` frame."""

from __future__ import annotations

import json
import time

import trio
import trio_websocket

from bench._client import Exchange

WebSocket = trio_websocket.WebSocketConnection
_MESSAGE = 16 * 1024 * 1024
_GOODBYE_SECONDS = 5.0
_HEARD = b'"code":"cancelled"'


class SocketClient:
    """A socket for each request."""

    def __init__(self, host: str, port: int, path: str, *, timeout: float) -> None:
        self._host, self._port, self._path = host, port, path
        self._timeout = timeout
        self.closed_unix = 0.0

    async def ask(self, body: bytes = b"", exchange: Exchange | None = None) -> Exchange:
        """Send one request over a socket of its own. **Cancellation.** Leaves the request."""
        exchange = Exchange() if exchange is None else exchange
        with trio.move_on_after(self._timeout) as patience:
            stream = await trio.open_tcp_stream(self._host, self._port)
            try:
                await self._visit(stream, body, exchange)
            finally:
                stream.socket.close()
        if patience.cancelled_caught:
            exchange.failure = f"not complete within {self._timeout:g} s"
        return exchange

    def close(self) -> None:
        """Do nothing: no connection is kept."""

    async def _visit(self, stream: trio.SocketStream, body: bytes, exchange: Exchange) -> None:
        async with trio.open_nursery() as nursery:
            socket = await trio_websocket.wrap_client_stream(
                nursery, stream, self._host, self._path, max_message_size=_MESSAGE
            )
            await self._converse(socket, stream, body, exchange)
            nursery.cancel_scope.cancel()

    async def _converse(
        self, socket: WebSocket, stream: trio.SocketStream, body: bytes, exchange: Exchange
    ) -> None:
        asked = {"type": "request", "id": "a", "body": json.loads(body)}
        exchange.sent_at = trio.current_time()
        try:
            await socket.send_message(json.dumps(asked))
            while not exchange.complete:
                self._take(json.loads(await socket.get_message()), exchange)
        except trio.Cancelled:
            with trio.move_on_after(_GOODBYE_SECONDS, shield=True):
                await self._leave(socket, stream)
            raise
        except trio_websocket.ConnectionClosed:
            exchange.failure = "the socket was closed"

    def _take(self, frame: dict[str, object], exchange: Exchange) -> None:
        kind, event = frame["type"], frame.get("event")
        if kind == "event" and isinstance(event, dict) and event["kind"] == "committed":
            exchange.headers["x-omen-provider"] = event["provider"]
        elif kind == "chunk" and not exchange.status:
            exchange.status = 200
            if exchange.on_head is not None:
                exchange.on_head()
        elif kind in ("done", "error"):
            exchange.complete = True
            exchange.failure = "" if kind == "done" else "an error"

    async def _leave(self, socket: WebSocket, stream: trio.SocketStream) -> None:
        """Close the connection without a closing frame."""
        self.closed_unix = time.time()


class PoliteSocketClient(SocketClient):
    """A client that sends `cancel` and waits for the request's end."""

    async def _leave(self, socket: WebSocket, stream: trio.SocketStream) -> None:
        self.closed_unix = time.time()
        await socket.send_message(json.dumps({"type": "cancel", "id": "a"}))
        # The library's reading task has been cancelled together with this one.
        while _HEARD not in await stream.receive_some():
            pass
