"""HTTP/1.1: hypercorn's protocol over h11, cured.

One rule makes it simple: only the task that reads the socket parses. While a request runs the
socket is read on, so that a client's leaving is seen; what a client sends ahead of its turn is
held in h11's buffer. When the response is complete and bytes are held, the connection is asked
(`Resume`) to send its reader back here. hypercorn instead stops the reader until the response is
complete, and a cure that parses wherever it notices held bytes has two tasks in one parser.

**Source.** RFC 9112 sections 3.2 (targets) and 9.3.2 (pipelining), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import h11
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, Data, EndBody, Request, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.typing import H11SendableEvent

from omen.serving._exchange import Exchange, Websocket

_WAITING = {h11.DONE, h11.MIGHT_SWITCH_PROTOCOL}  # type: ignore[attr-defined]
"""The client has sent its whole request (in the second case, with an upgrade we may ignore)."""


_SILENT = {h11.MUST_CLOSE, h11.CLOSED}
"""The client has sent its last request, says `Connection: close`, and should say nothing more. The
stray line end that some send after a body is an error to h11, and would cost them the answer."""


_CLOSE = (b"connection", b"close")


class Resume(Event):
    """To the connection: complete bytes may be held here. To the protocol: parse them."""


class H1(H11Protocol):
    """One HTTP/1.1 connection.

    **Shape.** Up to `h11_max_incomplete_size` bytes sent ahead are held and answered in order. A
    client that sends more than that ahead of its turn has the response that is running, then its
    connection is closed; it must be prepared for that anyway, and send the rest again.
    """

    stream: Exchange | Websocket | None
    _surplus = False
    _unsent = b""

    @property
    def head_begun(self) -> bool:
        """Whether part of a request's head has come, and not the rest of it."""
        return self.connection.their_state is h11.IDLE and bool(self._held())

    async def handle(self, event: Event) -> None:
        if isinstance(event, Resume):
            await self._handle_events()
        elif not (isinstance(event, RawData) and self._is_surplus(event.data)):
            await super().handle(event)
        if self.stream is not None and self.stream.inbox is not None:
            await self.stream.inbox.room()

    async def expire(self) -> None:
        """Say why, if there is something to say: the client took too long over a request's head."""
        if self.head_begun and self.connection.our_state is h11.IDLE:
            await self._send_error_response(408)

    async def flush(self) -> None:
        """Nothing is ever kept back here."""

    def _held(self) -> bytes:
        return self.connection.trailing_data[0]

    def _is_surplus(self, data: bytes) -> bool:
        """Say whether these bytes are too many to be held, or belong to no request at all."""
        state = self.connection.their_state
        if state in _WAITING:
            ahead = len(self._held()) + len(data)
            self._surplus = self._surplus or ahead > self.config.h11_max_incomplete_size
        return self._surplus or state in _SILENT

    async def stream_send(self, event: StreamEvent) -> None:
        draining = self.context.terminated.is_set()
        if draining and isinstance(event, Response) and event.status_code >= 200:
            event = replace(event, headers=[*event.headers, _CLOSE])
        await super().stream_send(event)

    async def _handle_events(self) -> None:
        while self.connection.their_state not in _SILENT:
            try:
                event = self.connection.next_event()
            except h11.RemoteProtocolError as error:
                if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    await self._send_error_response(error.error_status_hint)
                await self.send(Closed())
                return
            if isinstance(event, (type, h11.ConnectionClosed)):
                return  # NEED_DATA and PAUSED are classes.
            if (
                isinstance(event, h11.Request)
                and _size(event) > self.config.h11_max_incomplete_size
            ):
                # h11 counts what is incomplete, so one whose last part is large gets through.
                await self._send_error_response(431)
                await self.send(Closed())
                return
            await self._deliver(event)

    async def _check_protocol(self, event: h11.Request) -> None:
        # RFC 9113, section 3.1: over TLS there is no upgrade, HTTP/2 is agreed on in the handshake.
        if not self.ssl or event.method == b"PRI":
            await super()._check_protocol(event)

    async def _deliver(self, event: h11.Event | Data) -> None:
        if isinstance(event, h11.Request):
            await self.send(Updated(idle=False))
            await self._check_protocol(event)
            await self._create_stream(event)
        elif self.stream is None:
            pass  # The response is complete before its request is; the connection is closing.
        elif isinstance(event, h11.Data):
            await self.stream.handle(Body(stream_id=STREAM_ID, data=bytes(event.data)))
        elif isinstance(event, h11.EndOfMessage):
            await self.stream.handle(EndBody(stream_id=STREAM_ID))
        elif isinstance(event, Data):
            await self.stream.handle(event)

    async def _create_stream(self, request: h11.Request) -> None:
        path = _path(request)
        if path is None:
            await self._send_error_response(501 if request.method == b"CONNECT" else 400)
            await self.send(Closed())
            return
        websocket = _wants_websocket(request)
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
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode("ascii"),
                method=request.method.decode("ascii").upper(),
                raw_path=path,
                state=self.connection_state,
            )
        )
        if isinstance(self.stream, Exchange) and self.stream.inbox is not None:
            # RFC 9110, section 10.1.1: a handler that refuses the request without reading its body
            # spares the client sending it.
            self.stream.inbox.on_wanted = self._continue

    async def _continue(self) -> None:
        if self.connection.they_are_waiting_for_100_continue:
            await self._send_h11_event(
                h11.InformationalResponse(
                    status_code=100, headers=self.config.response_headers("h11")
                )
            )

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        """Write what an event is on the wire; a response's head waits for what comes behind it.

        ASGI has the application send the head and the first of the body apart, but one after the
        other; together they are one packet, and a client's first token is not behind two turns of
        the scheduler.
        """
        # After the application has broken the rules (more body than it announced, say), it has
        # been told by an exception and h11 can send nothing more: the connection is about to close.
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
        if self._surplus:
            await self._close_stream()
            await self.send(Closed())
            return
        await super()._maybe_recycle()
        if self.connection.their_state is h11.IDLE and self._held():
            await self.send(Resume())


def _size(request: h11.Request) -> int:
    fields = sum(len(name) + len(value) + 4 for name, value in request.headers)
    return len(request.method) + len(request.target) + fields


def _path(request: h11.Request) -> bytes | None:
    """Return the path (and query) that a request's target means, or None when it means none."""
    target = request.target
    if target.startswith(b"/") or (target == b"*" and request.method == b"OPTIONS"):
        return target
    scheme, separator, rest = target.partition(b"://")
    if separator and scheme.lower() in {b"http", b"https"}:
        # The absolute form, as sent to proxies: every server must accept it.
        return b"/" + rest.partition(b"/")[2]
    return None


def _wants_websocket(request: h11.Request) -> bool:
    return (
        request.method == b"GET"
        and b"upgrade" in _tokens(request, b"connection")
        and b"websocket" in _tokens(request, b"upgrade")
    )


def _tokens(request: h11.Request, name: bytes) -> Iterator[bytes]:
    for key, value in request.headers:
        if key == name:
            yield from (token.strip().lower() for token in value.split(b","))
