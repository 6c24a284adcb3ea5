"""Frames to the gateway: one task writes them, whole and in order.

After half a frame, the gateway would read the next frame as the rest of it. So a write must not be
cancelled by its sender. The sender waits for the writing task, and may stop waiting. The frame is
written all the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from omen.client._errors import ConnectionLost

WRITE_SECONDS = 10.0
"""How long the write of one frame may take. After that the gateway counts as gone, and the socket
is not usable, because it may have a part of the frame."""


@dataclass(slots=True, eq=False)
class OutgoingFrame:
    """A frame to write. `done` is set when it was written, or when it will not be."""

    text: str
    done: trio.Event = field(default_factory=trio.Event)
    written: bool = False


class Outbox:
    """The frames to write to one socket."""

    def __init__(self) -> None:
        self._waiting: deque[OutgoingFrame] = deque()
        self._arrivals = trio.lowlevel.ParkingLot()
        self._lost: ConnectionLost | None = None

    def post(self, text: str) -> OutgoingFrame:
        """Queue a frame."""
        frame = OutgoingFrame(text)
        if self._lost is not None:
            frame.done.set()
        else:
            self._waiting.append(frame)
            self._arrivals.unpark_all()
        return frame

    async def send(self, text: str) -> None:
        """Queue a frame and wait until it is written. **Raises.** `ConnectionLost`.

        **Cancellation.** The frame is written all the same.
        """
        frame = self.post(text)
        await frame.done.wait()
        if self._lost is not None and not frame.written:
            raise ConnectionLost(str(self._lost), self._lost.code)

    async def run(self, write: Callable[[str], Awaitable[None]]) -> ConnectionLost:
        """Write queued frames until the gateway does not accept one. Return the error for that."""
        while True:
            while not self._waiting:
                await self._arrivals.park()
            frame = self._waiting[0]
            with trio.move_on_after(WRITE_SECONDS):
                await write(frame.text)
                frame.written = True
            if not frame.written:
                message = f"the gateway did not accept a frame within {WRITE_SECONDS:g} s"
                return ConnectionLost(message)
            self._waiting.popleft()
            frame.done.set()

    def close(self, lost: ConnectionLost) -> None:
        """Wake all waiting senders with this error: nothing more is written."""
        self._lost = lost
        while self._waiting:
            self._waiting.popleft().done.set()
