"""HTTP/2: hypercorn's protocol over h2, cured. This is what it receives; see `_h2_sending`.

A client can make work for us that costs it next to nothing: streams that it opens and resets, or
that it has us reset because they are malformed, and frames that serve no request. What is normal
for clients that hedge and cancel, measure and prioritise is allowed; beyond it the connection ends
with ENHANCE_YOUR_CALM.

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

from omen.serving._allowance import Allowance
from omen.serving._exchange import Exchange, Websocket
from omen.serving._h2_connection import MAX_HEAD
from omen.serving._h2_frames import REQUEST_EARNS, Frames, Work
from omen.serving._h2_refusal import NOT_NOW, Refusal, refusal_of
from omen.serving._h2_sending import SendingSide
from omen.serving._send_buffer import SendBuffer
from omen.serving._tasks import ConnectionTasks

MAX_OUTGOING = 64 * 1024
"""Frames that may wait to be written before the connection is no longer read: a client that makes
us answer (pings, settings) and does not read the answers must wait for itself."""

RESETS_AT_ONCE = 500
RESETS_PER_SECOND = 50
"""How many streams of a connection may end by a reset. An editor that cancels with every key
pressed resets a few a second; a proxy may bring many of them over one connection."""


class _TooMuchWorkError(Exception):
    """The client has spent its allowance."""


class H2(SendingSide):
    """One HTTP/2 connection.

    **Shape.** A malformed request costs its stream, an unknown or finished stream's data is
    dropped and its flow control acknowledged, priorities are ignored. A body is acknowledged as
    its handler reads it, so what one client may have waiting here is bounded by its windows.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._owed: dict[int, int] = {}
        self._begun: set[int] = set()
        self._frames = Frames()
        self._greeted = False
        self._resets = Allowance(RESETS_AT_ONCE, RESETS_PER_SECOND)
        self._unread = cast(ConnectionTasks, self.task_group).unread

    @property
    def head_begun(self) -> bool:
        """Whether the client has begun to greet, or a request, and does not go on."""
        return not self._frames.greeted or self._frames.head_begun

    async def initiate(
        self, headers: list[tuple[bytes, bytes]] | None = None, settings: bytes | None = None
    ) -> None:
        """Greet. There is no upgrade, so nothing that one would have brought along."""
        await super().initiate(headers, settings)
        self.connection.open_window()
        await self._flush()

    async def handle(self, event: Event) -> None:
        try:
            if isinstance(event, RawData):
                self._charge(self._frames.follow(event.data))
            await super().handle(event)
        except _TooMuchWorkError:
            await self._give_up(ErrorCodes.ENHANCE_YOUR_CALM)
            return
        if isinstance(event, Closed):
            # Wakes the handlers that wait for a window that will never open.
            for buffer in list(self.stream_buffers.values()):
                await buffer.close()
        if self.closed:
            return
        if self._frames.oversized:
            await self._give_up(ErrorCodes.FRAME_SIZE_ERROR)
        elif not self._greeted and self._frames.greeted:
            self._greeted = True
            await self.send(Updated(idle=self.idle))
        if len(self._outgoing) > MAX_OUTGOING:
            await self.flush()
        await self._unread.room()

    async def _give_up(self, why: ErrorCodes) -> None:
        """End the connection, and say why."""
        self.connection.close_connection(why)
        await self._flush()
        await self.send(Closed())

    async def _handle_events(self, events: list[h2.events.Event]) -> None:
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                await self._begin(event)
            elif isinstance(event, h2.events.DataReceived):
                await self._receive_body(event)
            elif isinstance(event, h2.events.StreamReset):
                await self._drop(event.stream_id)
                self._count_reset()
            elif isinstance(event, h2.events.ConnectionTerminated) and not event.error_code:
                # The client opens no more streams, and waits for those that run.
                self._client_leaves = True
                await self._note_idle()
            else:
                await super()._handle_events([event])
        await self._flush()

    async def _begin(self, event: h2.events.RequestReceived) -> None:
        refusal = self._refusal_of(event)
        if refusal is None:
            self._begun.add(event.stream_id)
            await self.send(Updated(idle=False))
            await self._create_stream(event)
            return
        # The frame that ends the stream again may have come together with the one that opened it,
        # and h2 has seen both: then there is nobody to answer.
        with suppress(h2.exceptions.ProtocolError):
            if refusal.reset is None:
                status = [(b":status", refusal.status)]
                self.connection.send_headers(event.stream_id, status, end_stream=True)
            else:
                self.connection.reset_stream(event.stream_id, refusal.reset)
        if not self._is_ending:  # Then it is we who end, and the client may not have heard yet.
            self._count_reset()

    @property
    def _is_ending(self) -> bool:
        return self._client_leaves or self.context.terminated.is_set()

    def _refusal_of(self, event: h2.events.RequestReceived) -> Refusal | None:
        if self._is_ending or self._is_full():
            return NOT_NOW
        return refusal_of(event.headers, MAX_HEAD)

    def _is_full(self) -> bool:
        """Whether as many streams are open as may be.

        A stream that is answered counts until its client has said all it wants to. h2 counts, too,
        but it has seen a whole read's requests when we begin with the first of them.
        """
        limit = self.config.h2_max_concurrent_streams
        if len(self._begun) >= limit:
            known = self.connection.streams
            self._begun = {s for s in self._begun if s in known and not known[s].closed}
        return len(self._begun) >= limit

    def _count_reset(self) -> None:
        if not self._resets.spend():
            raise _TooMuchWorkError

    def _charge(self, work: Work) -> None:
        """Charge the client for its frames; a request that is not refused anyway earns some."""
        per_request = 1 if self._is_ending else -REQUEST_EARNS
        if not self._frames_left.spend(work.cost + work.requests * per_request):
            raise _TooMuchWorkError

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
        if stream.inbox is not None:
            stream.inbox.on_taken = partial(self._repay, stream_id)

    async def _receive_body(self, event: h2.events.DataReceived) -> None:
        stream_id = event.stream_id
        self._owed[stream_id] = self._owed.get(stream_id, 0) + event.flow_controlled_length
        stream = self.streams.get(stream_id)
        if stream is not None:
            await stream.handle(Body(stream_id=stream_id, data=event.data))
        await self._repay(stream_id)

    async def _repay(self, stream_id: int) -> None:
        """Give back the window of what is read, or will not be."""
        owed = self._owed.pop(stream_id, 0)
        stream = self.streams.get(stream_id)
        if stream is not None and stream.inbox is not None:
            # Many small messages weigh more than what the window counts of them.
            unread = owed if stream.inbox.full else min(owed, stream.inbox.payload)
            if unread:
                self._owed[stream_id] = unread
                owed -= unread
        if owed:
            with suppress(h2.exceptions.ProtocolError):  # The connection is closing.
                self.connection.give_back(owed, stream_id)
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

    async def _stalled(self, stream_id: int) -> None:
        """Give up a stream whose client is there and takes nothing of it."""
        with suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(stream_id, ErrorCodes.CANCEL)
        await self._drop(stream_id)
        await self._flush()

    async def _drop(self, stream_id: int) -> None:
        await self._close_stream(stream_id)
        await self._forget(stream_id)
        await self._note_idle()

    async def _priority_updated(self, event: h2.events.PriorityUpdated) -> None:
        """Ignore it: priorities are deprecated, and 1000 of them used to end the process."""
