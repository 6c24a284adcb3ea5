"""HTTP/2: hypercorn's protocol over h2, cured. This is what it sends.

One rule makes it simple: while the connection lives, one task writes. Whoever produces frames
leaves them in `_outgoing` and wakes that task, so frames keep the order in which h2 made them (and
its header compression depends on that order), a cancelled handler never takes half of them away
with it, and the task that reads the socket does not wait for one that cannot write.

**Source.** RFC 9113 sections 5.1, 6.9, read 2026-11-22.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import h2.exceptions
import trio
from h2.errors import ErrorCodes
from hypercorn.events import RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from priority.priority import DeadlockError, MissingStreamError

from omen.serving._exchange import Exchange, Websocket
from omen.serving._round_robin import RoundRobin
from omen.serving._send_buffer import SendBuffer
from omen.serving._settings import ProtocolConfig

LAST_BYTES = 1.0
"""How long a client may take to accept what a handler sent before it failed."""


class SendingSide(H2Protocol):
    """What handlers send, on its way to the client."""

    config: ProtocolConfig
    streams: dict[int, Exchange | Websocket]  # type: ignore[assignment]
    stream_buffers: dict[int, SendBuffer]  # type: ignore[assignment]
    priority: RoundRobin  # type: ignore[assignment]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._outgoing = bytearray()

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
            except DeadlockError:
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
        with suppress(MissingStreamError):
            self.priority.unblock(stream_id)
        await self._flush()
