"""One HTTP/2 request with its response, one websocket: hypercorn's streams, with corrections."""

from __future__ import annotations

from typing import Any

import trio
from hypercorn.protocol.events import (
    Body,
    Data,
    EndBody,
    Event,
    Request,
    Response,
    StreamClosed,
)
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.protocol.ws_stream import ASGIWebsocketState, FrameTooLargeError, WSStream
from hypercorn.typing import ASGISendEvent, WebsocketAcceptEvent
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Message, Ping
from wsproto.frame_protocol import CloseReason
from wsproto.handshake import WEBSOCKET_VERSION

from omen.serving._receive_queue import ReceiveQueue
from omen.serving._settings import ProtocolConfig


class Exchange(HTTPStream):
    """One HTTP/2 request and its response.

    **Cancellation.** `app_send` may be cancelled before it has an effect, or while it waits for an
    HTTP/2 window. Bytes that the connection has taken are always written.
    """

    app_put: ReceiveQueue

    @property
    def receive_queue(self) -> ReceiveQueue | None:
        return getattr(self, "app_put", None)

    async def app_send(self, message: ASGISendEvent | None) -> None:
        if self.closed:
            # The client has left, or has its whole answer. Messages are dropped until the handler
            # notices. The checkpoint lets other tasks run meanwhile.
            await trio.lowlevel.checkpoint()
            return
        await trio.lowlevel.checkpoint_if_cancelled()
        await super().app_send(message)

    async def _send_closed(self) -> None:
        await self.send(EndBody(stream_id=self.stream_id))
        self.state = ASGIHTTPState.CLOSED
        # This delivers `http.disconnect`, and then quart-trio cancels the nursery of the task that
        # runs this line. Without the shield, the connection would be neither recycled nor closed.
        with trio.CancelScope(shield=True):
            await self.send(StreamClosed(stream_id=self.stream_id))


class Websocket(WSStream):
    """One websocket, over HTTP/1.1 or an HTTP/2 stream.

    A client whose machine lost power or network sends neither a close frame nor an EOF. So the
    server sends pings. A client that sends no byte for `websocket_patience` counts as gone.
    (hypercorn's own pings have no such timeout.)
    """

    app_put: ReceiveQueue | None
    config: ProtocolConfig
    _refused = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._last_bytes_at = trio.current_time()
        self._over = trio.Event()

    @property
    def receive_queue(self) -> ReceiveQueue | None:
        return self.app_put

    async def app_send(self, message: ASGISendEvent | None) -> None:
        if self.closed or self._refused:
            # hypercorn returns here without a checkpoint. A handler that sends in a loop would
            # never let its own receiving task run, and so never notice that its client left.
            await trio.lowlevel.checkpoint()
            return
        await trio.lowlevel.checkpoint_if_cancelled()
        await super().app_send(message)

    async def handle(self, event: Event) -> None:
        if self.closed:
            return
        self._last_bytes_at = trio.current_time()
        if isinstance(event, Request) and _is_another_version(event):
            await self._refuse_version(event)
        elif isinstance(event, (Body, Data)) and not self.handshake.accepted:
            await self._refuse_early_bytes()
        elif isinstance(event, EndBody):
            # On HTTP/2 a client may end the stream without a close frame.
            await self._end()
        else:
            await super().handle(event)
            await self._after(event)

    async def _after(self, event: Event) -> None:
        if self.closed:
            self._over.set()
        if isinstance(event, Request):
            # Compression is not offered. Chunks of JSON are small, and a compressed frame of 64 KiB
            # may inflate to 64 MiB before any limit is checked.
            self.handshake.extensions = None
            if self.receive_queue is None:
                # hypercorn has answered 400 or 404, and would leave the connection open.
                await self._end()
        elif self.buffer.length > self.buffer.max_length:
            # hypercorn has sent 1009 (message too big), but would go on collecting the message.
            await self._end()

    async def _refuse_early_bytes(self) -> None:
        """Answer 400: a client must wait for our half of the handshake (RFC 6455 section 4.1)."""
        if self.state is ASGIWebsocketState.HANDSHAKE:
            self._refused = True
            await self._send_error_response(400)
        await self._end()

    async def _refuse_version(self, request: Request) -> None:
        """Answer 426 with the version that is spoken, as RFC 6455 section 4.4 has it."""
        self.closed = True
        headers = [(b"content-length", b"0"), (b"sec-websocket-version", WEBSOCKET_VERSION)]
        if request.http_version == "1.1":
            headers += [(b"upgrade", b"websocket"), (b"connection", b"upgrade, close")]
        await self.send(Response(stream_id=self.stream_id, status_code=426, headers=headers))
        await self.send(EndBody(stream_id=self.stream_id))
        await self._end()

    async def _handle_events(self) -> None:
        """Take what the client has sent; say why the socket ends when a frame breaks the protocol.

        wsproto reports such a frame as a close, which hypercorn takes for the client's own: the
        client would see 1006, as if the network had failed, and connect again.
        """
        for event in self.connection.events():
            match event:
                case CloseConnection():
                    await self._answer_close(event)
                case Ping():
                    await self._send_wsproto_event(event.response())
                case Message() if not await self._take(event):
                    return

    async def _answer_close(self, event: CloseConnection) -> None:
        match self.connection.state:
            case ConnectionState.REMOTE_CLOSING:
                await self._send_wsproto_event(event.response())
            case ConnectionState.OPEN:  # nobody closes it but us: 1002, or 1007 for what is no text
                await self._send_wsproto_event(CloseConnection(code=event.code))
        await self.send(StreamClosed(stream_id=self.stream_id))

    async def _take(self, message: Message[Any]) -> bool:
        """Take a piece of a message; return False if the message is too large by now."""
        try:
            self.buffer.extend(message)
        except FrameTooLargeError:
            too_large = CloseConnection(code=CloseReason.MESSAGE_TOO_BIG)
            await self._send_wsproto_event(too_large)
            return False
        if message.message_finished and self.app_put is not None:
            await self.app_put(self.buffer.to_message())
            self.buffer.clear()
        return True

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        await super()._accept(message)
        self.task_group.spawn(self._watch)

    async def _watch(self) -> None:
        timeout = self.config.websocket_patience
        while not self._over.is_set():
            with trio.move_on_after(self.config.websocket_ping):
                await self._over.wait()
                return
            if self.receive_queue is not None and self.receive_queue.full:
                # We have stopped reading, because the handler does not read. So the client's
                # silence proves nothing.
                self._last_bytes_at = trio.current_time()
            elif trio.current_time() - self._last_bytes_at >= timeout:
                await self._end()
                return
            await self._send_wsproto_event(Ping())

    async def _end(self) -> None:
        self._over.set()
        await self.send(StreamClosed(stream_id=self.stream_id))


def _is_another_version(request: Request) -> bool:
    given = [value for name, value in request.headers if name == b"sec-websocket-version"]
    return bool(given) and given != [WEBSOCKET_VERSION]
