"""The messages that a connection has received for one request and its handler has not read yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import trio

from omen.serving._asgi import Message
from omen.serving._unread import Unread, UnreadPool

_OVERHEAD = 256
"""Bytes that a message counts on top of its payload, so that many empty messages are bounded."""
_MANY = 64
"""Messages that may wait before small parts of a body are merged."""
_MERGED = 16 * 1024
"""The largest merged part. Merging keeps a body that arrives byte by byte from costing a message
for each byte."""

_LAST = frozenset({"http.disconnect", "websocket.disconnect"})


@dataclass(slots=True)
class _Waiting:
    message: dict[str, Any]
    payload: int

    @property
    def cost(self) -> int:
        return _OVERHEAD + self.payload


class ReceiveQueue:
    """A queue of ASGI messages whose writer never waits, so that it never hides a disconnect.

    hypercorn's own queue is a memory channel with ten places. With it, a handler that does not read
    blocks the reading task in the middle of a message, and the client's disconnect goes unnoticed.
    Here a put is immediate, and the reading task tests `full` or waits for `room` *before* it reads
    more.

    **Shape.** Messages come out in order, the disconnect last. Every further `receive` returns the
    disconnect again, so a handler that calls it twice cannot hang. Parts of a body may be merged.
    """

    def __init__(self, limit: int, unread: Unread | None = None) -> None:
        """The queue is full beyond `limit` bytes. `unread` is the count of its connection."""
        self.on_taken: Callable[[], Awaitable[None]] | None = None
        """Called after each message taken. Must not wait, or a cancel would lose the message."""
        self.on_wanted: Callable[[], Awaitable[None]] | None = None
        """Called once, the first time that the handler has to wait for a message."""
        self.payload = 0
        """Bytes of bodies and messages in the queue."""
        self._limit = limit
        self._unread = Unread(UnreadPool()) if unread is None else unread
        # A list: an empty deque takes half a kilobyte, and most queues are empty for most of the
        # time. It is never so long that moving the rest of it would count.
        self._messages: list[_Waiting] = []
        self._cost = 0
        self._last: Mapping[str, Any] | None = None
        self._last_taken = False
        self._abandoned = False
        self._arrivals = trio.lowlevel.ParkingLot()
        self._departures = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        ended = ", disconnected" if self._last is not None else ""
        return (
            f"<ReceiveQueue {len(self._messages)} messages, {self._cost} of {self._limit}{ended}>"
        )

    @property
    def full(self) -> bool:
        return self._cost > self._limit and self._last is None

    async def __call__(self, message: Mapping[str, Any]) -> None:
        """Put a copy of a message in, as hypercorn's classes do. It has no checkpoint."""
        self.put(dict(message))

    def put(self, message: dict[str, Any]) -> None:
        """Put a message in, which then belongs to the queue.

        The disconnect is the last message; later ones are ignored.
        """
        if self._last is not None or self._abandoned:
            return
        if message["type"] in _LAST:
            self._last = message
            if self._departures:
                self._departures.unpark_all()
        elif not self._merge(message):
            payload = len(message.get("body") or message.get("bytes") or b"")
            payload += len(message.get("text") or "")
            waiting = _Waiting(message, payload)
            self._messages.append(waiting)
            self._count(payload, waiting.cost)
        if self._arrivals:
            self._arrivals.unpark_all()

    def _merge(self, message: Mapping[str, Any]) -> bool:
        """Add a small part of a body to the last waiting part, if many messages wait."""
        body = message.get("body")
        if not body or not message["more_body"] or len(self._messages) < _MANY:
            return False
        last = self._messages[-1]
        if len(body) >= _OVERHEAD or last.payload + len(body) > _MERGED:
            return False
        if not isinstance(last.message["body"], bytearray):
            last.message["body"] = bytearray(last.message["body"])
        last.message["body"] += body
        last.payload += len(body)
        self._count(len(body), len(body))
        return True

    async def room(self) -> None:
        """Wait until the handler has read enough, or has ended, or the client has left."""
        while self.full:
            await self._departures.park()

    async def receive(self) -> Message:
        """Return the next message.

        **Cancellation.** Nothing is lost: a cancelled `receive` may be called again.
        """
        # All checkpoints come before the message is taken. After it, a cancel would lose it. A
        # message that is here costs no turn of the scheduler: there are only so many of them. But
        # the disconnect comes again and again, and a handler that ignores it must let others run.
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._messages:
            if self._last is not None:
                if self._last_taken:
                    await trio.lowlevel.checkpoint()
                self._last_taken = True
                return dict(self._last)
            if self.on_wanted is not None:
                wanted, self.on_wanted = self.on_wanted, None
                await wanted()
            else:
                await self._arrivals.park()
        taken = self._messages.pop(0)
        self._count(-taken.payload, -taken.cost)
        if self._departures:
            self._departures.unpark_all()
        if self.on_taken is not None:
            await self.on_taken()
        if isinstance(taken.message.get("body"), bytearray):
            taken.message["body"] = bytes(taken.message["body"])
        return taken.message

    def discard(self) -> None:
        """Drop all messages and ignore later ones: the handler has ended."""
        self._abandoned = True
        self._messages.clear()
        self._count(-self.payload, -self._cost)

    def _count(self, payload: int, cost: int) -> None:
        self.payload += payload
        self._cost += cost
        self._unread.count(cost)
