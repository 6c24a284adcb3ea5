"""What an HTTP/2 stream's handler has sent and its client has not taken yet."""

from __future__ import annotations

import trio
from hypercorn.protocol.h2 import (
    BUFFER_HIGH_WATER,
    BUFFER_LOW_WATER,
    BufferCompleteError,
    StreamBuffer,
)
from hypercorn.trio.worker_context import EventWrapper


class SendBuffer(StreamBuffer):
    """hypercorn's buffer with a back-pressure that holds.

    hypercorn keeps an event that any small read sets and that stays set, so a handler whose client
    has stopped reading is let through for ever. Here the handler that filled the buffer goes on
    when the buffer itself is down to the low mark, and it looks each time it is woken: no wake-up
    can be taken for another, and none can be missed.
    """

    def __init__(self) -> None:
        super().__init__(EventWrapper)
        self._readers_progress = trio.lowlevel.ParkingLot()

    @property
    def ended(self) -> bool:
        """Whether the handler has sent all it will."""
        return self._complete

    def set_complete(self) -> None:
        """Note that the handler has sent all; `drain` then waits for the end to be written too.

        An empty buffer is not enough. The end of the stream would still be to come, and the
        goodbye of a draining connection could overtake it.
        """
        if not self._complete:
            self._is_empty = EventWrapper()
        super().set_complete()

    async def push(self, data: bytes) -> None:
        """Take these bytes, and wait while there are too many.

        **Cancellation.** The bytes are taken even if the wait is cancelled.
        """
        if self._complete:
            raise BufferCompleteError
        self.buffer.extend(data)
        await self._is_empty.clear()
        if len(self.buffer) >= BUFFER_HIGH_WATER:
            while len(self.buffer) > BUFFER_LOW_WATER and not self._complete:
                await self._readers_progress.park()

    async def pop(self, max_length: int) -> bytes:
        data = await super().pop(max_length)
        if len(self.buffer) <= BUFFER_LOW_WATER:
            self._readers_progress.unpark_all()
        return data

    async def close(self) -> None:
        await super().close()
        self._readers_progress.unpark_all()
