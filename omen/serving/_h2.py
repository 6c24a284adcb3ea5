"""HTTP/2: hypercorn's protocol over h2, cured.

One rule makes it simple: while the connection lives, one task writes. Whoever produces frames
leaves them in `_outgoing` and wakes that task, so frames keep the order in which h2 made them (and
its header compression depends on that order), a cancelled handler never takes half of them away
with it, and the task that reads the socket does not wait for one that cannot write.

**Source.** RFC 9113 sections 5.1, 5.3.2, 6.9, 8.1.1, 8.5, read 2026-11-22.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import h2.events
import h2.exceptions
import trio
from h2.errors import ErrorCodes
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, Request, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.utils import filter_pseudo_headers
from priority import priority

from omen.serving._exchange import Exchange, Websocket
from omen.serving._send_buffer import SendBuffer

MAX_OUTGOING = 64 * 1024
"""Frames that may wait to be written before the connection is no longer read: a client that makes
us answer (pings, settings) and does not read the answers must wait for itself."""

LAST_BYTES = 1.0
"""How long a client may take to accept what a handler sent before it failed."""


class H2(H2Protocol):
    """One HTTP/2 connection.

    **Shape.** A malformed request costs its stream, an unknown or finished stream's data is
    dropped and its flow control acknowledged, priorities are ignored. A body is acknowledged as
    its handler reads it, so that what one client may have waiting here is bounded by its windows.
    """

    streams: dict[int, Exchange | Websocket]  # type: ignore[assignment]
    stream_buffers: dict[int, SendBuffer]  # type: ignore[assignment]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._outgoing = bytearray()
        self._owed: dict[int, int] = {}
        # Room for the streams that are allowed and as many that are not yet taken out.
        self.priority = priority.PriorityTree(
            maximum_streams=2 * self.config.h2_max_concurrent_streams
        )

    @property
    def head_begun(self) -> bool:
        """Pings and settings come between requests, so no bytes here mean that one has begun."""
        return False

    async def handle(self, event: Event) -> None:
        await super().handle(event)
        if isinstance(event, Closed):
            # Wakes the handlers that wait for a window that will never open.
            for buffer in list(self.stream_buffers.values()):
                await buffer.close()
        elif len(self._outgoing) > MAX_OUTGOING:
            await self.flush()

    async def expire(self) -> None:
        """Tell the client which of its streams were seen, so that it can safely repeat the rest."""
        self.connection.close_connection()
        await self._flush()

    async def flush(self) -> None:
        """Write what waits to be written."""
        if self._outgoing:
            data, self._outgoing = bytes(self._outgoing), bytearray()
            await self.send(RawData(data))

    async def _flush(self) -> None:
        self._outgoing += self.connection.data_to_send()
        await self.has_data.set()

    async def send_task(self) -> None:
        while not self.closed:
            await self.flush()
            try:
                stream_id = next(self.priority)
            except priority.DeadlockError:
                await self.has_data.wait()
                await self.has_data.clear()
            else:
                await self._send_data(stream_id)

    async def stream_send(self, event: StreamEvent) -> None:
        if not isinstance(event, StreamClosed):
            await super().stream_send(event)
            # Nothing above waits while there is room, and a handler that always has something to
            # send must let others run. It was free to be cancelled before, not after the fact.
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        await self._end_unfinished(event.stream_id)
        await self._close_stream(event.stream_id)
        await self.send(Updated(idle=self.idle))

    async def _end_unfinished(self, stream_id: int) -> None:
        """Tell the client that no more comes on a stream whose handler ended before its response.

        A stream whose end is only waiting for a window is left to the writing task.
        """
        buffer = self.stream_buffers.get(stream_id)
        if buffer is None or buffer.ended:
            return
        if isinstance(self.streams.get(stream_id), Websocket):
            # Websockets end by a frame of their own, which may be waiting in front of this.
            buffer.set_complete()
        else:
            # What the handler had sent before it failed goes out if the client takes it.
            with trio.move_on_after(LAST_BYTES):
                while buffer.buffer:
                    await self._wake(stream_id)
                    await buffer.drain()
            with suppress(h2.exceptions.ProtocolError):  # The client was quicker.
                self.connection.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        await self._wake(stream_id)

    async def _wake(self, stream_id: int) -> None:
        """Have the writing task look at this stream."""
        with suppress(priority.MissingStreamError):
            self.priority.unblock(stream_id)
        await self._flush()

    async def _handle_events(self, events: list[h2.events.Event]) -> None:
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                await self._begin(event)
            elif isinstance(event, h2.events.DataReceived):
                await self._receive_body(event)
            elif isinstance(event, h2.events.StreamReset):
                await self._close_stream(event.stream_id)
                await self._forget(event.stream_id)
                await self.send(Updated(idle=self.idle))
            else:
                await super()._handle_events([event])
        await self._flush()

    async def _begin(self, event: h2.events.RequestReceived) -> None:
        pseudo = {name: value for name, value in event.headers if name.startswith(b":")}
        # The frame that ends the stream again may have come together with the one that opened it,
        # and h2 has seen both: then there is nobody to answer.
        with suppress(h2.exceptions.ProtocolError):
            if self.context.terminated.is_set():
                self.connection.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
                return
            if pseudo.get(b":method") == b"CONNECT" and pseudo.get(b":protocol") != b"websocket":
                self.connection.send_headers(
                    event.stream_id, [(b":status", b"501")], end_stream=True
                )
                return
            if not _well_formed(pseudo):
                self.connection.reset_stream(event.stream_id, ErrorCodes.PROTOCOL_ERROR)
                return
        await self.send(Updated(idle=False))
        await self._create_stream(event)

    async def _create_stream(self, request: h2.events.RequestReceived) -> None:
        pseudo = dict(request.headers)
        stream_id = request.stream_id
        stream_class = Websocket if pseudo[b":method"] == b"CONNECT" else Exchange
        stream = self.streams[stream_id] = stream_class(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            stream_id,
        )
        self.stream_buffers[stream_id] = SendBuffer()
        self.priority.insert_stream(stream_id)
        self.priority.block(stream_id)
        await stream.handle(
            Request(
                stream_id=stream_id,
                headers=filter_pseudo_headers(request.headers),
                http_version="2",
                method=pseudo[b":method"].decode("ascii").upper(),
                raw_path=pseudo[b":path"],
                state=self.connection_state,
            )
        )
        if stream.inbox is not None:
            stream.inbox.on_taken = partial(self._taken, stream_id)

    async def _receive_body(self, event: h2.events.DataReceived) -> None:
        stream_id = event.stream_id
        self._owed[stream_id] = self._owed.get(stream_id, 0) + event.flow_controlled_length
        stream = self.streams.get(stream_id)
        if stream is not None:
            await stream.handle(Body(stream_id=stream_id, data=event.data))
        await self._taken(stream_id)

    async def _taken(self, stream_id: int) -> None:
        stream = self.streams.get(stream_id)
        if stream is None or stream.inbox is None or not stream.inbox.full:
            await self._repay(stream_id)

    async def _repay(self, stream_id: int) -> None:
        owed = self._owed.pop(stream_id, 0)
        if owed:
            with suppress(h2.exceptions.ProtocolError):  # The connection is closing.
                self.connection.acknowledge_received_data(owed, stream_id)
            await self._flush()

    async def _close_stream(self, stream_id: int) -> None:
        await super()._close_stream(stream_id)
        await self._repay(stream_id)
        if stream_id in self.stream_buffers and not self.stream_buffers[stream_id].ended:
            await self._forget(stream_id)

    async def _forget(self, stream_id: int) -> None:
        """Take a stream out that has nothing more to write.

        hypercorn does so only when it next tries to write to it, which for a reset stream may be
        never: then they pile up in the tree until it is full and the connection dies.
        """
        buffer = self.stream_buffers.pop(stream_id, None)
        if buffer is not None:
            await buffer.close()
            self.priority.remove_stream(stream_id)

    async def _priority_updated(self, event: h2.events.PriorityUpdated) -> None:
        """Ignore it: priorities are deprecated, and 1000 of them used to end the process."""


def _well_formed(pseudo: dict[bytes, bytes]) -> bool:
    """Say whether an application can be asked this: h2 lets bytes through that are not text."""
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    return method.isascii() and path.isascii() and (path.startswith(b"/") or path == b"*")
