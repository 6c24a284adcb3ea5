"""HTTP/2: hypercorn's protocol over h2, cured. This is what it receives; see `_h2_sending`.

A client can make work for us that costs it next to nothing: streams that it opens and resets, or
that it has us reset because they are malformed. What is normal for clients that hedge and cancel is
allowed; beyond it the connection ends with ENHANCE_YOUR_CALM.

**Source.** RFC 9113 sections 4.2, 5.1.2, 5.3.2, 6.8, 6.9, 10.5, read 2026-11-22 and 2026-11-26.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import h2.events
import h2.exceptions
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings
from hypercorn.events import Closed, Event, Updated
from hypercorn.protocol.events import Body, Request
from hypercorn.utils import filter_pseudo_headers

from omen.serving._allowance import Allowance
from omen.serving._exchange import Exchange, Websocket
from omen.serving._frames import MAX_FRAME, has_begun_a_head, is_greeted, is_oversized
from omen.serving._h2_refusal import NOT_NOW, Refusal, refusal_of
from omen.serving._h2_sending import SendingSide
from omen.serving._round_robin import RoundRobin
from omen.serving._send_buffer import SendBuffer

MAX_OUTGOING = 64 * 1024
"""Frames that may wait to be written before the connection is no longer read: a client that makes
us answer (pings, settings) and does not read the answers must wait for itself."""

RESETS_AT_ONCE = 500
RESETS_PER_SECOND = 50
"""How many streams of a connection may end by a reset. An editor that cancels with every key
pressed resets a few a second; a proxy may bring many of them over one connection."""

_NO_LIMIT = 2**31 - 1


class _TooManyResetsError(Exception):
    """The client has spent its allowance."""


class H2(SendingSide):
    """One HTTP/2 connection.

    **Shape.** A malformed request costs its stream, an unknown or finished stream's data is
    dropped and its flow control acknowledged, priorities are ignored. A body is acknowledged as
    its handler reads it, so that what one client may have waiting here is bounded by its windows.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._owed: dict[int, int] = {}
        self._begun: set[int] = set()
        self._greeted = False
        self._resets = Allowance(RESETS_AT_ONCE, RESETS_PER_SECOND)
        self.connection.max_inbound_frame_size = MAX_FRAME
        self.priority = RoundRobin()

    @property
    def head_begun(self) -> bool:
        """Whether the client has begun to greet, or a request, and does not go on."""
        return not self._greeted or has_begun_a_head(self.connection)

    async def initiate(
        self, headers: list[tuple[bytes, bytes]] | None = None, settings: bytes | None = None
    ) -> None:
        """Greet, and begin the request that an upgrade brought along."""
        await super().initiate(headers, settings)
        # The limit of streams has been told. h2 would end the connection, and every stream on it,
        # over one too many, which any client may send before it has read what we allow.
        kept = {SettingCodes(key): value for key, value in self.connection.local_settings.items()}
        kept[SettingCodes.MAX_CONCURRENT_STREAMS] = _NO_LIMIT
        self.connection.local_settings = Settings(client=False, initial_values=kept)

    async def handle(self, event: Event) -> None:
        try:
            await super().handle(event)
        except _TooManyResetsError:
            await self._give_up(ErrorCodes.ENHANCE_YOUR_CALM)
            return
        if isinstance(event, Closed):
            # Wakes the handlers that wait for a window that will never open.
            for buffer in list(self.stream_buffers.values()):
                await buffer.close()
        if self.closed:
            return
        if is_oversized(self.connection):
            await self._give_up(ErrorCodes.FRAME_SIZE_ERROR)
        elif not self._greeted and is_greeted(self.connection):
            self._greeted = True
            await self.send(Updated(idle=self.idle))
        if len(self._outgoing) > MAX_OUTGOING:
            await self.flush()

    async def expire(self) -> None:
        """Tell the client which of its streams were seen, so that it can safely repeat the rest."""
        self.connection.close_connection()
        await self._flush()

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
        self._count_reset()

    def _refusal_of(self, event: h2.events.RequestReceived) -> Refusal | None:
        if self.context.terminated.is_set() or self._is_full():
            return NOT_NOW
        return refusal_of({k: v for k, v in event.headers if k.startswith(b":")})

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
            raise _TooManyResetsError

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

    async def _stalled(self, stream_id: int) -> None:
        """Give up a stream whose client is there and takes nothing of it."""
        with suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(stream_id, ErrorCodes.CANCEL)
        await self._drop(stream_id)
        await self._flush()

    async def _drop(self, stream_id: int) -> None:
        await self._close_stream(stream_id)
        await self._forget(stream_id)
        await self.send(Updated(idle=self.idle))

    async def _priority_updated(self, event: h2.events.PriorityUpdated) -> None:
        """Ignore it: priorities are deprecated, and 1000 of them used to end the process."""
