"""A websocket that began as an HTTP/1.1 request: hypercorn's events, as bytes."""

from __future__ import annotations

from hypercorn.protocol.events import (
    Body,
    Data,
    EndBody,
    Event,
    Request,
    StreamClosed,
)
from hypercorn.protocol.events import Response as ResponseEvent
from hypercorn.typing import ConnectionState

from omen.serving._exchange import Websocket
from omen.serving._h1_head import Head
from omen.serving._h1_response import Response, switching_response
from omen.serving._h1_target import Target
from omen.serving._h1_upgrade import handshake
from omen.serving._link import Link, Peer
from omen.serving._receive_queue import ReceiveQueue
from omen.serving._service import Service
from omen.serving._tasks import ConnectionTasks

_ID = 1


class H1Websocket:
    """One websocket. After a handshake that is refused, the connection closes."""

    def __init__(self, service: Service, tasks: ConnectionTasks, peer: Peer, link: Link) -> None:
        self._peer = peer
        self._link = link
        self._response = Response(b"GET", "1.1", closes=True)
        self._stream = Websocket(
            service.app,
            service.config,
            service.context,
            tasks,
            peer.tls,
            peer.client,
            peer.server,
            self._carry_out,
            _ID,
        )

    @property
    def queue(self) -> ReceiveQueue | None:
        """The messages that the handler has not read yet; None if there is no handler."""
        return self._stream.receive_queue

    async def open(self, head: Head, target: Target) -> None:
        """Pass the handshake on to the application, or refuse it."""
        await self._stream.handle(
            Request(
                stream_id=_ID,
                headers=handshake(target.headers),
                http_version=head.version,
                method=head.method.decode("ascii"),
                raw_path=target.path,
                state=ConnectionState(self._peer.state),
            )
        )

    async def receive(self, data: bytes) -> None:
        """Take bytes that arrived after the handshake."""
        await self._stream.handle(Data(stream_id=_ID, data=data))

    async def close(self) -> None:
        """Notify the handler that the client has left, or that the connection ends."""
        await self._stream.handle(StreamClosed(stream_id=_ID))

    async def _carry_out(self, event: Event) -> None:
        match event:
            case Data():
                await self._link.write(event.data)
            case ResponseEvent() if event.status_code == 101:
                await self._link.write(switching_response(event.headers))
            case ResponseEvent():
                self._response.begin(event.status_code, event.headers)
            case Body():
                await self._link.write(self._response.write(event.data, more=True))
            case EndBody():
                await self._link.write(self._response.write(b"", more=False))
            case StreamClosed():
                await self.close()
                await self._link.end()
