"""HTTP/1.1: hypercorn's protocol over h11, with corrections.

Rule: only the reading task parses. While a request runs, the socket is still read, so that the
client's disconnect is noticed. Bytes that the client sends ahead are held in `_h1_framing`, which
also decides where a request ends. When the response is complete and bytes are held, this class
sends `Resume`, and the connection's reading task parses them. hypercorn instead stops the reading
task until the response is complete. If any task parsed held bytes where it notices them, two tasks
would be in one parser.

**Protocols.** A connection that begins with HTTP/2's preface speaks HTTP/2 from its first byte.
After that, only a websocket's handshake changes the protocol. `Upgrade: h2c` is ignored, as
RFC 9113 allows: a proxy that forwards `Upgrade` for websockets would also tunnel h2c, and the
requests in the tunnel would bypass the proxy's rules and carry no sign of the proxy.

**Source.** RFC 9112 section 9.3.2 (pipelining), RFC 9110 sections 7.8 (Upgrade) and 9.1 (methods
are case-sensitive), RFC 9113 sections 3.1 and 3.3 (no upgrade; the preface), read 2026-11-30.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import h11
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, Data, EndBody, Request, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import (
    STREAM_ID,
    H2ProtocolAssumedError,
    H11Protocol,
    H11WSConnection,
)
from hypercorn.typing import H11SendableEvent

from omen.serving._exchange import Exchange, Websocket
from omen.serving._h1_framing import Framing, FramingError
from omen.serving._h1_target import Target, read_target
from omen.serving._h1_upgrade import handshake, names_websocket, wants_websocket
from omen.serving._tasks import ConnectionTasks

_WAITING = {h11.DONE, h11.MIGHT_SWITCH_PROTOCOL}  # type: ignore[attr-defined]
"""The client has sent its whole request (in the second case, with an upgrade we may ignore)."""
_SILENT = {h11.MUST_CLOSE, h11.CLOSED}
"""The client has sent its last request, with `Connection: close`, and should send nothing more.
Some clients send a stray line end after a body. To h11 this is an error, which would cost them the
answer; so such bytes are discarded."""
_CLOSE = (b"connection", b"close")


class Resume(Event):
    """The event for held bytes. From the protocol: bytes are held. To the protocol: parse them."""


class H1(H11Protocol):
    """One HTTP/1.1 connection.

    **Shape.** Up to `h11_max_incomplete_size` bytes that are sent ahead are held, and their
    requests are answered in order. If a client sends more ahead, it gets the running response, and
    then the connection is closed. Every client must be prepared for that, and repeats the rest.
    """

    stream: Exchange | Websocket | None
    _too_much_ahead = False
    _unsent = b""
    _last = False
    """Whether the connection ends with the running response."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._framing = Framing(self.config.h11_max_incomplete_size)
        self._fresh = True
        self._unread = cast(ConnectionTasks, self.task_group).unread

    @property
    def head_begun(self) -> bool:
        """Whether a part of a request's head is here, but not all of it."""
        return self.connection.their_state is h11.IDLE and self._framing.held > 0

    async def handle(self, event: Event) -> None:
        if not isinstance(event, RawData | Resume):
            await super().handle(event)
            return
        if isinstance(event, Resume):
            await self._handle_events()
        elif not self._is_discarded(event.data):
            self._framing.receive(event.data)
            await self._handle_events()
        # Back-pressure: the reading task waits here, after it has parsed, and so reads no more
        # until the handler has read. A handler that ends makes room as well.
        if self.stream is not None and self.stream.receive_queue is not None:
            await self.stream.receive_queue.room()
        await self._unread.room()

    async def expire(self) -> None:
        """Send a 408 if the client took too long over a request's head."""
        if self.head_begun and self.connection.our_state is h11.IDLE:
            await self._send_error_response(408)

    async def flush(self) -> None:
        """Do nothing: over HTTP/1.1 no complete output is held back."""

    def _is_discarded(self, data: bytes) -> bool:
        """Return whether these bytes are discarded: too many to hold, or after the last request."""
        state = self.connection.their_state
        if state in _WAITING:
            ahead = self._framing.held + len(data)
            self._too_much_ahead = (
                self._too_much_ahead or ahead > self.config.h11_max_incomplete_size
            )
        return self._too_much_ahead or state in _SILENT

    async def stream_send(self, event: StreamEvent) -> None:
        last = self._last or self.context.terminated.is_set()
        if last and isinstance(event, Response) and event.status_code >= 200:
            event = replace(event, headers=[*event.headers, _CLOSE])
        await super().stream_send(event)

    async def _handle_events(self) -> None:
        while self.connection.their_state not in _SILENT:
            try:
                event = self._next_event()
            except (FramingError, h11.RemoteProtocolError) as error:
                if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    await self._send_error_response(_status_of(error))
                await self.send(Closed())
                return
            if isinstance(event, (type, h11.ConnectionClosed)):
                return  # NEED_DATA and PAUSED are classes
            await self._deliver(event)

    def _next_event(self) -> h11.Event | Data | type:
        """Parse the received part of this request, and nothing that comes after the request.

        **Raises.** `FramingError`, `h11.RemoteProtocolError`; `H2ProtocolAssumedError` if the
        connection begins with HTTP/2's preface. hypercorn accepts `PRI * HTTP/2.0` as a preface
        anywhere on the connection and with any headers: a proxy may have sent such a request, with
        its own headers, after another client's request. Here only the very first bytes count, and
        they must match exactly.
        """
        if self._fresh and self._framing.is_preface():
            raise H2ProtocolAssumedError(self._framing.take_all())
        while (event := self.connection.next_event()) is h11.NEED_DATA:
            piece = self._framing.take()
            if not piece:
                break
            self._fresh = False
            self.connection.receive_data(piece)
        return event

    async def _deliver(self, event: h11.Event | Data) -> None:
        if isinstance(event, h11.Request):
            await self.send(Updated(idle=False))
            await self._create_stream(event)
        elif self.stream is None:
            pass  # the response was complete before its request: the connection is closing
        elif isinstance(event, h11.Data):
            await self.stream.handle(Body(stream_id=STREAM_ID, data=bytes(event.data)))
        elif isinstance(event, h11.EndOfMessage):
            await self.stream.handle(EndBody(stream_id=STREAM_ID))
        elif isinstance(event, Data):
            await self.stream.handle(event)

    async def _create_stream(self, request: h11.Request) -> None:
        target = _target(request)
        if isinstance(target, int):
            await self._send_error_response(target)
            await self.send(Closed())
            return
        websocket = wants_websocket(request)
        # Some proxies tunnel everything after a request that names websockets, whatever the answer.
        # A further request in such a tunnel would carry no sign of the proxy, so we read no further
        # one.
        self._last = not websocket and names_websocket(request)
        stream_class = Websocket if websocket else Exchange
        self.stream = stream_class(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        if websocket:
            self.connection = H11WSConnection(cast(h11.Connection, self.connection))
            self._framing.pass_through()
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=handshake(target.headers) if websocket else list(target.headers),
                http_version=request.http_version.decode("ascii"),
                method=request.method.decode("ascii"),
                raw_path=target.path,
                state=self.connection_state,
            )
        )
        if isinstance(self.stream, Exchange) and self.stream.receive_queue is not None:
            # RFC 9110, section 10.1.1: a handler that refuses the request without reading its body
            # spares the client sending it.
            self.stream.receive_queue.on_wanted = self._continue

    async def _continue(self) -> None:
        if self.connection.they_are_waiting_for_100_continue:
            await self._send_h11_event(
                h11.InformationalResponse(
                    status_code=100, headers=self.config.response_headers("h11")
                )
            )

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        """Write an event in its wire form. The head of a response waits for the next event.

        In ASGI the application sends the head and the first part of the body separately, but one
        right after the other. Joined, they are one packet, and the client's first token does not
        wait for two turns of the scheduler.
        """
        # The application has violated the protocol (more body than it announced, for example), and
        # has got an exception. h11 can send nothing more: the connection is about to close.
        if self.connection.our_state is h11.ERROR:
            return
        try:
            self._unsent += self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        if not isinstance(event, h11.Response):
            unsent, self._unsent = self._unsent, b""
            await self.send(RawData(data=unsent))

    async def _maybe_recycle(self) -> None:
        if self._too_much_ahead:
            await self._close_stream()
            await self.send(Closed())
            return
        await super()._maybe_recycle()
        # A handler's task is here. It must not parse; the reading task does, after `Resume`.
        if self.connection.their_state is h11.IDLE:
            self._framing.begin_next()
            if self._framing.held:
                await self.send(Resume())


def _status_of(error: FramingError | h11.RemoteProtocolError) -> int:
    return error.status if isinstance(error, FramingError) else error.error_status_hint


def _target(request: h11.Request) -> Target | int:
    """Return the target, or the status of the answer if it is not served."""
    if request.method == b"CONNECT" or not request.method.isupper():
        # No known method has small letters. To h11 `head` is not `HEAD`, and it would send a body.
        return 501
    return read_target(request.method, request.target, list(request.headers)) or 400
