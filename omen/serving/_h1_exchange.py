"""One HTTP/1.1 request and its response, between the application and the protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote

import trio

from omen.serving._asgi import ON_DISCONNECT, Message, Scope
from omen.serving._h1_head import Head
from omen.serving._h1_response import CONTINUE, Response, ResponseError, whole_response
from omen.serving._h1_target import Target
from omen.serving._link import Peer
from omen.serving._receive_queue import ReceiveQueue


class Owner(Protocol):
    """What an exchange needs of its connection."""

    @property
    def is_draining(self) -> bool: ...

    @property
    def is_body_coming(self) -> bool: ...

    async def write(self, data: bytes) -> None:
        """Write the bytes. If the client has gone, close the exchange instead."""
        ...

    async def end_exchange(self) -> None:
        """Close the exchange: its response is complete, or can never be."""
        ...


class H1Exchange:
    """One request. `receive_body` and `close` are called by the reading task, `send` by handlers.

    **Cancellation.** `send` may be cancelled before it has an effect. Bytes that the connection has
    taken are always written.
    """

    __slots__ = ("_awaits_continue", "_callbacks", "_owner", "closed", "queue", "response")

    def __init__(self, head: Head, queue: ReceiveQueue, owner: Owner, *, closes: bool) -> None:
        self.closed = False
        """Whether the client has left, or has its whole response."""
        self.queue = queue
        self.response = Response(head.method, head.version, closes=closes)
        self._owner = owner
        self._callbacks: tuple[Callable[[bool], None], ...] = ()
        self._awaits_continue = False
        if head.expects_continue and head.has_body:
            # RFC 9110, section 10.1.1: a handler that refuses the request without reading its body
            # spares the client sending it.
            self._awaits_continue = True
            queue.on_wanted = self._continue

    def receive_body(self, data: bytes, *, more: bool) -> None:
        """Pass a part of the request's body on to the handler."""
        self._awaits_continue = False
        self.queue.put({"type": "http.request", "body": data, "more_body": more})

    def close(self) -> None:
        """Notify the handler that the exchange is over. What it sends from here on is dropped."""
        self.closed = True
        self.queue.put({"type": "http.disconnect"})
        for callback in self._callbacks:
            callback(self.response.complete)

    def on_disconnect(self, callback: Callable[[bool], None]) -> None:
        """Call this function when the exchange is closed; at once, if it is."""
        if self.closed:
            callback(self.response.complete)
        else:
            self._callbacks = (*self._callbacks, callback)

    async def send(self, message: Message | None) -> None:
        """Carry out a message of the handler; None when it has ended.

        **Raises.** `ResponseError` if the message breaks a rule of HTTP or ASGI.
        """
        if message is None:
            self._callbacks = ()
        if self.closed or self.response.complete:
            # Messages are dropped until the handler notices. The checkpoint lets other tasks run;
            # behind the last message the task ends, and they run anyway.
            if message is not None:
                await trio.lowlevel.checkpoint()
        elif message is None:
            await self._finish()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            await self._carry_out(message)

    async def _carry_out(self, message: Message) -> None:
        kind, response = message["type"], self.response
        if kind == "http.response.body" and response.begun:
            more = message.get("more_body", False)
            data = response.write(message.get("body", b""), more=more)
            if data:
                await self._owner.write(data)
            if not more and not self.closed:
                await self._finish()
        elif kind == "http.response.start" and not response.begun:
            # The rest of a body that nobody wants is not read, so no request can come after it. A
            # client that is not told would send one, and lose it.
            if self._owner.is_draining or self._owner.is_body_coming:
                response.closes = True
            response.begin(int(message["status"]), message.get("headers", ()))
        else:
            raise ResponseError(f"a message of type {kind!r} is not expected here")

    async def _finish(self) -> None:
        """End the exchange; answer 500 if the handler brought about no response at all."""
        if not self.response.sent:
            await self._owner.write(whole_response(500))
        if not self.closed:
            await self._owner.end_exchange()

    async def _continue(self) -> None:
        if self._awaits_continue and not self.response.sent and not self.closed:
            self._awaits_continue = False
            await self._owner.write(CONTINUE)


def make_scope(head: Head, target: Target, peer: Peer, exchange: H1Exchange) -> Scope:
    """Return the ASGI scope of a request."""
    path, _, query = target.path.partition(b"?")
    text = path.decode("ascii")
    return {
        "type": "http",
        "http_version": head.version,
        "asgi": {"version": "3.0", "spec_version": "2.1"},
        "method": head.method.decode("ascii"),
        "scheme": "https" if peer.tls else "http",
        "path": unquote(text) if "%" in text else text,
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": target.headers,
        "client": peer.client,
        "server": peer.server,
        "state": peer.state.copy(),
        "extensions": {ON_DISCONNECT: exchange.on_disconnect},
    }
