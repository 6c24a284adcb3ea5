"""What a connection has received for one request and its handler has not read yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from omen.serving._asgi import Message

_OVERHEAD = 256
"""What a message costs beside its payload, so that many empty ones do not count as nothing."""

_LAST = frozenset({"http.disconnect", "websocket.disconnect"})


class ReceiveQueue:
    """A queue of ASGI messages that never makes its writer wait, and so never hides a disconnect.

    hypercorn's own is a memory channel of ten: a handler that does not read stops the connection
    from being read, and then nobody sees the client leave. Here putting is immediate, and whoever
    reads the socket looks at `full` or waits for `room` *before* it reads more.

    **Shape.** Messages come out in order, the disconnect last, and then again for every further
    `receive`, so a handler cannot hang by asking twice.
    """

    def __init__(self, limit: int) -> None:
        self.on_taken: Callable[[], Awaitable[None]] | None = None
        """Called after each message taken. Must not wait, or a cancel would lose the message."""
        self.on_wanted: Callable[[], Awaitable[None]] | None = None
        """Called once, the first time that the handler has to wait for a message."""
        self._limit = limit
        self._messages: deque[tuple[Mapping[str, Any], int]] = deque()
        self._unread = 0
        self._last: Mapping[str, Any] | None = None
        self._arrivals = trio.lowlevel.ParkingLot()
        self._departures = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        ended = ", disconnected" if self._last is not None else ""
        return (
            f"<ReceiveQueue {len(self._messages)} messages, {self._unread} of {self._limit}{ended}>"
        )

    @property
    def full(self) -> bool:
        return self._unread > self._limit and self._last is None

    async def __call__(self, message: Mapping[str, Any]) -> None:
        """Put a message in. Without a checkpoint; awaitable because hypercorn awaits it."""
        if self._last is not None:
            return
        if message["type"] in _LAST:
            self._last = message
            self._departures.unpark_all()
        else:
            cost = _OVERHEAD + len(message.get("body") or message.get("bytes") or b"")
            cost += len(message.get("text") or "")
            self._messages.append((message, cost))
            self._unread += cost
        self._arrivals.unpark_all()

    async def room(self) -> None:
        """Wait until the handler has read enough, or is owed no more."""
        while self.full:
            await self._departures.park()

    async def receive(self) -> Message:
        """Take the next message.

        **Cancellation.** Nothing is lost: a cancelled `receive` may be called again.
        """
        if self._messages or self._last is not None:
            await trio.lowlevel.checkpoint()
        while not self._messages:
            if self._last is not None:
                return dict(self._last)
            if self.on_wanted is not None:
                wanted, self.on_wanted = self.on_wanted, None
                await wanted()
            else:
                await self._arrivals.park()
        message, cost = self._messages.popleft()
        self._unread -= cost
        self._departures.unpark_all()
        if self.on_taken is not None:
            await self.on_taken()
        return dict(message)
