"""The data of an HTTP/2 stream that its handler has sent and its client has not accepted yet."""

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
    """hypercorn's buffer, with back-pressure that works.

    hypercorn uses an event that any small read sets and that stays set. So a handler whose client
    has stopped reading is never held again. Here a handler that filled the buffer waits until the
    buffer is down to the low mark, and it tests that each time it is woken. So no wake-up can be
    mistaken for another, and none can be missed.
    """

    def __init__(self, patience: float, on_stall: Callable[[], Awaitable[None]]) -> None:
        """Create an empty buffer.

        `on_stall` is called in the handler's task, when the client has accepted nothing for
        `patience` seconds of waiting: its connection may be alive, but this stream is not.
        """
        super().__init__(EventWrapper)
        self._patience = patience
        self._on_stall = on_stall
        self._drained = trio.lowlevel.ParkingLot()
        self._taken_at = trio.current_time()

    @property
    def ended(self) -> bool:
        """Whether the handler has sent everything."""
        return self._complete

    def set_complete(self) -> None:
        """Record that the handler has sent everything. `drain` then also waits for the end.

        An empty buffer is not enough: END_STREAM has not been written yet, and the last GOAWAY of a
        draining connection could overtake it.
        """
        if not self._complete:
            self._is_empty = EventWrapper()
        super().set_complete()

    async def push(self, data: bytes) -> None:
        """Add bytes, and wait while the buffer is too full.

        **Cancellation.** The bytes are added even if the wait is cancelled.
        """
        if self._complete:
            raise BufferCompleteError
        self.buffer.extend(data)
        await self._is_empty.clear()
        if len(self.buffer) >= BUFFER_HIGH_WATER:
            await self._wait_patiently(self._room)

    async def drain(self) -> None:
        """Wait until everything has been written."""
        await self._wait_patiently(super().drain)

    async def pop(self, max_length: int) -> bytes:
        data = await super().pop(max_length)
        if data:
            self._taken_at = trio.current_time()
        if len(self.buffer) <= BUFFER_LOW_WATER:
            self._drained.unpark_all()
        return data

    async def close(self) -> None:
        await super().close()
        self._drained.unpark_all()

    async def _room(self) -> None:
        while len(self.buffer) > BUFFER_LOW_WATER and not self._complete:
            await self._drained.park()

    async def _wait_patiently(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Run `wait`; call `on_stall` if the client accepts nothing for `patience` seconds."""
        began = trio.current_time()
        # `_taken_at` may move while `wait` runs, so each deadline that passes is computed again.
        while (until := max(began, self._taken_at) + self._patience) > trio.current_time():
            with trio.move_on_at(until):
                await wait()
                return
        await self._on_stall()
