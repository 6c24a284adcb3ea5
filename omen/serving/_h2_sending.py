"""HTTP/2: hypercorn's protocol over h2, with corrections. The sending side.

Rule: while the connection lives, one task writes. Every other task puts its frames into `_outgoing`
and wakes the writing task. So frames keep the order in which h2 made them (its header compression
depends on that order), a cancelled handler cannot leave half of its frames unsent, and the reading
task does not wait for a blocked write.

**Source.** RFC 9113 sections 5.1, 6.8 (the two GOAWAYs of a graceful end), 6.9, read 2026-11-30.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import h2.exceptions
import trio
from h2.errors import ErrorCodes
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hyperframe.frame import GoAwayFrame
from priority.priority import DeadlockError, MissingStreamError

from omen.serving._allowance import Allowance
from omen.serving._exchange import Exchange, Websocket
from omen.serving._h2_connection import Connection
from omen.serving._h2_frames import ANSWER_EARNS
from omen.serving._round_robin import RoundRobin
from omen.serving._send_buffer import SendBuffer
from omen.serving._settings import ProtocolConfig

LAST_BYTES = 1.0
"""How long a client may take to accept the data that a handler sent before its failure."""

FRAMES_AT_ONCE = 3000
FRAMES_PER_SECOND = 300
"""How many frames that serve no request a client may send; see `_h2_frames`. At 30 µs each,
`FRAMES_PER_SECOND` is 1 % of a core."""

_EVERY_STREAM = 2**31 - 1
_SIZEABLE = 1024


class SendingSide(H2Protocol):
    """The way of the handlers' frames to the client."""

    config: ProtocolConfig
    connection: Connection
    streams: dict[int, Exchange | Websocket]  # type: ignore[assignment]
    stream_buffers: dict[int, SendBuffer]  # type: ignore[assignment]
    priority: RoundRobin  # type: ignore[assignment]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connection = Connection(self.config.h2_max_concurrent_streams)
        self.priority = RoundRobin()
        self._outgoing = bytearray()
        self._frames_left = Allowance(FRAMES_AT_ONCE, FRAMES_PER_SECOND)
        self._client_leaves = False

    async def flush(self) -> None:
        """Write the waiting frames."""
        if self._outgoing:
            # The buffer is replaced before the await: frames made during it go into the next write.
            data, self._outgoing = bytes(self._outgoing), bytearray()
            await self.send(RawData(data))

    async def _flush(self) -> None:
        self._outgoing += self.connection.data_to_send()
        await self.has_data.set()

    async def expire(self) -> None:
        """Send a GOAWAY with the last processed stream: the client can safely repeat later ones."""
        self.connection.close_connection()
        await self._flush()

    async def announce_end(self) -> None:
        """Send a first GOAWAY: the client opens no more streams, and running ones go on.

        h2 sends nothing after its own GOAWAY, so this one is written without h2. The final GOAWAY,
        with the last processed stream, is sent by `expire`.
        """
        if self.closed:
            return
        await self._flush()
        self._outgoing += GoAwayFrame(0, last_stream_id=_EVERY_STREAM).serialize()
        await self.has_data.set()

    async def _note_idle(self) -> None:
        """Report whether a request runs. If none does and the client sent GOAWAY, end."""
        idle = self.idle
        await self.send(Updated(idle=idle))
        if idle and self._client_leaves:
            await self.expire()
            await self.send(Closed())

    async def send_task(self) -> None:
        while not self.closed:
            await self.flush()
            try:
                stream_id = next(self.priority)
            except DeadlockError:
                await self.has_data.wait()
                await self.has_data.clear()
            else:
                await self._send_data(stream_id)

    async def _send_data(self, stream_id: int) -> None:
        """Send a frame of a stream, and credit the client the frames with which it may respond.

        A frame that is small because of a small window gives no credit. Otherwise a client could
        make us send an answer byte by byte.
        """
        window = self.connection.outbound_flow_control_window
        await super()._send_data(stream_id)
        sent = window - self.connection.outbound_flow_control_window
        buffer = self.stream_buffers.get(stream_id)
        if sent >= _SIZEABLE or (sent and (buffer is None or not buffer.buffer)):
            self._frames_left.spend(-ANSWER_EARNS)

    async def stream_send(self, event: StreamEvent) -> None:
        if not isinstance(event, StreamClosed):
            await super().stream_send(event)
            # Nothing above waits while the buffer has room, but a handler that sends all the time
            # must let other tasks run. The checkpoint is shielded: the event has been sent, so a
            # cancel here would report a send that took place as cancelled.
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        await self._end_unfinished(event.stream_id)
        await self._close_stream(event.stream_id)
        await self._note_idle()

    async def _end_unfinished(self, stream_id: int) -> None:
        """End a stream whose handler ended before its response was complete.

        A complete stream that waits only for a window is left to the writing task.
        """
        buffer = self.stream_buffers.get(stream_id)
        if buffer is None or buffer.ended:
            return
        if isinstance(self.streams.get(stream_id), Websocket):
            # A websocket ends by its own close frame, which may still be in the buffer.
            buffer.set_complete()
        else:
            # The data that the handler sent before its failure are written if the client accepts
            # them in time.
            with trio.move_on_after(LAST_BYTES):
                while buffer.buffer:
                    await self._wake(stream_id)
                    await buffer.drain()
            with suppress(h2.exceptions.ProtocolError):  # the client reset it first
                self.connection.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        await self._wake(stream_id)

    async def _wake(self, stream_id: int) -> None:
        """Wake the writing task for this stream."""
        with suppress(MissingStreamError):
            self.priority.unblock(stream_id)
        await self._flush()
