"""Frames on their way to the gateway: one task writes them, whole and in order.

A frame that is half written cannot be taken back, and what follows it would be read as the rest of
it. So nobody's cancellation reaches a write. Whoever sends waits for that task, and may stop
waiting: the frame goes out all the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from omen.client._errors import ConnectionLost

WRITE_SECONDS = 10.0
"""How long a frame may take to be written, once it was begun. A gateway that takes longer has gone,
and a part of the frame is with it."""


@dataclass(slots=True, eq=False)
class Posted:
    """A frame that is, or was, to be written."""

    text: str
    over: trio.Event = field(default_factory=trio.Event)
    written: bool = False


class Outbox:
    """What is to be written to one socket."""

    def __init__(self) -> None:
        self._waiting: deque[Posted] = deque()
        self._arrivals = trio.lowlevel.ParkingLot()
        self._lost: ConnectionLost | None = None

    def post(self, text: str) -> Posted:
        """Have a frame written, in its turn."""
        posted = Posted(text)
        if self._lost is not None:
            posted.over.set()
        else:
            self._waiting.append(posted)
            self._arrivals.unpark_all()
        return posted

    async def send(self, text: str) -> None:
        """Have a frame written, and wait until it is. **Raises.** `ConnectionLost`.

        **Cancellation.** The frame is written all the same.
        """
        posted = self.post(text)
        await posted.over.wait()
        if self._lost is not None and not posted.written:
            raise ConnectionLost(str(self._lost), self._lost.code)

    async def run(self, write: Callable[[str], Awaitable[None]]) -> ConnectionLost:
        """Write what is posted, until a frame is not taken; return what that means."""
        while True:
            while not self._waiting:
                await self._arrivals.park()
            posted = self._waiting[0]
            with trio.move_on_after(WRITE_SECONDS):
                await write(posted.text)
                posted.written = True
            if not posted.written:
                words = f"the gateway did not take a frame within {WRITE_SECONDS:g} s"
                return ConnectionLost(words)
            self._waiting.popleft()
            posted.over.set()

    def close(self, lost: ConnectionLost) -> None:
        """Wake all who wait: nothing more is written, and this is why."""
        self._lost = lost
        while self._waiting:
            self._waiting.popleft().over.set()
