"""HTTP/2: hypercorn's protocol over h2, with corrections. The receiving side; see `_h2_sending`.

A client can cause work for us that costs it next to nothing: streams that it opens and resets,
malformed streams that we must reset, and frames that serve no request. The limits allow the normal
rate of clients that hedge and cancel, measure and prioritise. Beyond them the connection ends with
ENHANCE_YOUR_CALM.

**Source.** RFC 9113 sections 4.2, 5.1.2, 5.3.2, 6.8, 6.9, 10.5, read 2026-11-22 and 2026-11-30.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, cast

import h2.events
import h2.exceptions
from h2.errors import ErrorCodes
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, Request
from hypercorn.utils import filter_pseudo_headers

from omen.serving import _admission
from omen.serving._allowance import Allowance
from omen.serving._exchange import Exchange, Websocket
from omen.serving._h2_connection import MAX_HEAD
from omen.serving._h2_frames import REQUEST_EARNS, Frames, Work
from omen.serving._h2_refusal import NOT_NOW, Refusal, refusal_of
from omen.serving._h2_sending import SendingSide
from omen.serving._send_buffer import SendBuffer
from omen.serving._tasks import ConnectionTasks

MAX_OUTGOING = 64 * 1024
"""Bytes of frames that may wait to be written. Beyond it the connection is not read, so that a
client that causes answers (to pings, to settings) and does not read them is itself slowed down."""

RESETS_AT_ONCE = 500
RESETS_PER_SECOND = 50
"""How many streams of a connection may end by a reset. An editor that cancels at every key press
resets a few a second, and a proxy may carry many editors over one connection."""


class _FloodError(Exception):
    """The client has used up its allowance."""


class H2(SendingSide):
    """One HTTP/2 connection.

    **Shape.** A malformed request ends its stream only. Data of an unknown or finished stream are
    dropped, and their window is returned. Priorities are ignored. The window of a body is returned
    as its handler reads, so the windows bound the bytes that one client may have waiting here.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._unacknowledged: dict[int, int] = {}
        self._open_requests: set[int] = set()
        self._frames = Frames()
        self._greeted = False
        self._resets = Allowance(RESETS_AT_ONCE, RESETS_PER_SECOND)
        self._unread = cast(ConnectionTasks, self.task_group).unread

    @property
    def head_begun(self) -> bool:
        """Whether the preface, or the head of a request, is here only in part."""
        return not self._frames.greeted or self._frames.head_begun

    async def initiate(
        self, headers: list[tuple[bytes, bytes]] | None = None, settings: bytes | None = None
    ) -> None:
        """Send our preface. `headers` and `settings` come with h2c upgrades, which are ignored."""
        await super().initiate(headers, settings)
        self.connection.open_window()
        await self._flush()

    async def handle(self, event: Event) -> None:
        try:
            if isinstance(event, RawData):
                self._charge(self._frames.follow(event.data))
            await super().handle(event)
        except _FloodError:
            await self._abort(ErrorCodes.ENHANCE_YOUR_CALM)
            return
        if isinstance(event, Closed):
            # Wake the handlers that wait for a window: it will never open.
            for buffer in list(self.stream_buffers.values()):
                await buffer.close()
        if self.closed:
            return
        if self._frames.oversized:
            await self._abort(ErrorCodes.FRAME_SIZE_ERROR)
        elif not self._greeted and self._frames.greeted:
            self._greeted = True
            await self.send(Updated(idle=self.idle))
        # The reading task itself writes here, and so waits for a client that does not read.
        if len(self._outgoing) > MAX_OUTGOING:
            await self.flush()
        await self._unread.room()

    async def _abort(self, code: ErrorCodes) -> None:
        """End the connection with a GOAWAY that has this error code."""
        self.connection.close_connection(code)
        await self._flush()
        await self.send(Closed())

    async def _handle_events(self, events: list[h2.events.Event]) -> None:
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                await self._begin_request(event)
            elif isinstance(event, h2.events.DataReceived):
                await self._receive_body(event)
            elif isinstance(event, h2.events.StreamReset):
                await self._drop(event.stream_id)
                self._count_reset()
            elif isinstance(event, h2.events.ConnectionTerminated) and not event.error_code:
                # The client opens no more streams, and waits for its running ones.
                self._client_leaves = True
                await self._note_idle()
            else:
                await super()._handle_events([event])
        await self._flush()

    async def _begin_request(self, event: h2.events.RequestReceived) -> None:
        refusal = self._refusal_of(event)
        if refusal is None:
            busy = self._considered(event)
            if busy is not None:
                self._send_refusal(event, busy)
                return
            self._open_requests.add(event.stream_id)
            await self.send(Updated(idle=False))
            await self._create_stream(event)
            return
        # h2 may already have processed a reset of this stream that arrived in the same read. Then
        # it raises, and no answer is needed.
        with suppress(h2.exceptions.ProtocolError):
            if refusal.reset is None:
                status = [(b":status", refusal.status)]
                self.connection.send_headers(event.stream_id, status, end_stream=True)
            else:
                self.connection.reset_stream(event.stream_id, refusal.reset)
        # While we drain, the client may not have read our GOAWAY yet: that is not its fault.
        if not self._is_ending:
            self._count_reset()

    def _considered(self, event: h2.events.RequestReceived) -> _admission.Refusal | None:
        admission = self.config.admission
        if admission is None:
            return None
        fields, client = dict(event.headers), self.client[0] if self.client else None
        path = fields.get(b":path", b"")
        return admission.consider(fields[b":method"], path, event.headers, client)

    def _send_refusal(self, event: h2.events.RequestReceived, refusal: _admission.Refusal) -> None:
        """Answer a request that admission refuses. Its client sends no more of it."""
        status = (b":status", b"%d" % refusal.status)
        with suppress(h2.exceptions.ProtocolError):  # the client reset it, or has no window for it
            self.connection.send_headers(
                event.stream_id, [status, *refusal.headers], end_stream=not refusal.body
            )
            if refusal.body:
                self.connection.send_data(event.stream_id, refusal.body, end_stream=True)
            if event.stream_ended is None:
                self.connection.reset_stream(event.stream_id, ErrorCodes.NO_ERROR)

    @property
    def _is_ending(self) -> bool:
        return self._client_leaves or self.context.terminated.is_set()

    def _refusal_of(self, event: h2.events.RequestReceived) -> Refusal | None:
        if self._is_ending or self._is_full():
            return NOT_NOW
        return refusal_of(event.headers, MAX_HEAD)

    def _is_full(self) -> bool:
        """Whether the limit of open streams is reached.

        An answered stream counts until its client has ended its side, too. h2's own count is of no
        use here: when we begin with the first request of a read, h2 has processed all of them.
        """
        limit = self.config.h2_max_concurrent_streams
        if len(self._open_requests) >= limit:
            # Closed streams are removed only here, so that a request costs no scan below the limit.
            known = self.connection.streams
            self._open_requests = {
                s for s in self._open_requests if s in known and not known[s].closed
            }
        return len(self._open_requests) >= limit

    def _count_reset(self) -> None:
        if not self._resets.spend():
            raise _FloodError

    def _charge(self, work: Work) -> None:
        """Charge the client for its frames. Each request credits some, except in a drain."""
        per_request = 1 if self._is_ending else -REQUEST_EARNS
        if not self._frames_left.spend(work.cost + work.requests * per_request):
            raise _FloodError

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
        self.stream_buffers[stream_id] = SendBuffer(
            self.config.write_timeout, partial(self._stalled, stream_id)
        )
        self.priority.insert_stream(stream_id)
        self.priority.block(stream_id)
        await stream.handle(
            Request(
                stream_id=stream_id,
                headers=filter_pseudo_headers(request.headers),
                http_version="2",
                method=pseudo[b":method"].decode("ascii"),
                raw_path=pseudo[b":path"],
                state=self.connection_state,
            )
        )
        if stream.receive_queue is not None:
            stream.receive_queue.on_taken = partial(self._acknowledge, stream_id)

    async def _receive_body(self, event: h2.events.DataReceived) -> None:
        stream_id = event.stream_id
        self._unacknowledged[stream_id] = (
            self._unacknowledged.get(stream_id, 0) + event.flow_controlled_length
        )
        stream = self.streams.get(stream_id)
        if stream is not None:
            await stream.handle(Body(stream_id=stream_id, data=event.data))
        await self._acknowledge(stream_id)

    async def _acknowledge(self, stream_id: int) -> None:
        """Return the window of the bytes that were read, or that no handler will read."""
        size = self._unacknowledged.pop(stream_id, 0)
        stream = self.streams.get(stream_id)
        if stream is not None and stream.receive_queue is not None:
            # A full queue returns no window: many small messages use more memory than the window
            # counts for them.
            unread = size if stream.receive_queue.full else min(size, stream.receive_queue.payload)
            if unread:
                self._unacknowledged[stream_id] = unread
                size -= unread
        if size:
            with suppress(h2.exceptions.ProtocolError):  # the connection is closing
                self.connection.give_back(size, stream_id)
            await self._flush()

    async def _close_stream(self, stream_id: int) -> None:
        await super()._close_stream(stream_id)
        await self._acknowledge(stream_id)
        if stream_id in self.stream_buffers and not self.stream_buffers[stream_id].ended:
            await self._forget(stream_id)

    async def _forget(self, stream_id: int) -> None:
        """Remove a stream that has nothing more to write.

        hypercorn removes it only at its next write to the stream, which never comes for a reset
        stream. Such streams would fill its tree, and a full tree ends the connection.
        """
        buffer = self.stream_buffers.pop(stream_id, None)
        if buffer is not None:
            await buffer.close()
            self.priority.remove_stream(stream_id)

    async def _stalled(self, stream_id: int) -> None:
        """Reset a stream of which a connected client accepts nothing."""
        with suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(stream_id, ErrorCodes.CANCEL)
        await self._drop(stream_id)
        await self._flush()

    async def _drop(self, stream_id: int) -> None:
        await self._close_stream(stream_id)
        await self._forget(stream_id)
        await self._note_idle()

    async def _priority_updated(self, event: h2.events.PriorityUpdated) -> None:
        """Ignore the event: priorities are deprecated, and hypercorn's tree fails beyond 1000."""
