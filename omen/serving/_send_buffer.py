"""What an HTTP/2 stream's handler has sent and its client has not taken yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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

    def __init__(self, patience: float, on_stall: Callable[[], Awaitable[None]]) -> None:
        """Make one.

        `on_stall` is called, in the handler's task, when it has waited for `patience` seconds in
        which the client took nothing: its connection may be alive, but this stream is not.
        """
        super().__init__(EventWrapper)
        self._patience = patience
        self._on_stall = on_stall
        self._readers_progress = trio.lowlevel.ParkingLot()
        self._taken_at = trio.current_time()

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
            await self._wait_patiently(self._room)

    async def drain(self) -> None:
        """Wait until all of it has been taken."""
        await self._wait_patiently(super().drain)

    async def pop(self, max_length: int) -> bytes:
        data = await super().pop(max_length)
        if data:
            self._taken_at = trio.current_time()
        if len(self.buffer) <= BUFFER_LOW_WATER:
            self._readers_progress.unpark_all()
        return data

    async def close(self) -> None:
        await super().close()
        self._readers_progress.unpark_all()

    async def _room(self) -> None:
        while len(self.buffer) > BUFFER_LOW_WATER and not self._complete:
            await self._readers_progress.park()

    async def _wait_patiently(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Wait for as long as the client takes something now and then."""
        began = trio.current_time()
        while (until := max(began, self._taken_at) + self._patience) > trio.current_time():
            with trio.move_on_at(until):
                await wait()
                return
        await self._on_stall()
