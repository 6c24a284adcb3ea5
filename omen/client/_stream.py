"""The stream of one race, as its caller reads it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Any

import trio

from omen.client._errors import UNREADABLE, AnswerFailed, ClientError
from omen.client._events import Attempt, ChunkReader, StreamEvent
from omen.core.events import AnswerEnd, ChoiceSwitch, Restart, TextDelta

Frame = Mapping[str, Any]


class Stream:
    """The events of an answer in the order of their arrival. The last one is `AnswerEnd`.

    **Raises**, when iterated: `AnswerFailed`, `ConnectionLost`.
    **Cancellation.** Nothing is lost: a cancelled `anext` may be called again.
    """

    def __init__(
        self, request_id: str, window: int, give_credit: Callable[[str, int], Awaitable[None]]
    ) -> None:
        self.id = request_id
        self.omen: Mapping[str, Any] | None = None
        """The report of the race once the answer is complete: attempts, costs, winner."""
        self._window = window
        self._give_credit = give_credit
        # No limit is needed here: the gateway sends no more chunks than the window, and few events.
        self._put, self._frames = trio.open_memory_channel[Frame | ClientError](inf)
        self._reader = ChunkReader()
        self._ready: deque[StreamEvent] = deque()
        self._uncredited = 0
        self._exhausted = False
        self.ended = False
        """Whether the last frame of this request has arrived, or none will."""

    def __repr__(self) -> str:
        return f"<Stream {self.id}{' ended' if self.ended else ''}>"

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> StreamEvent:
        """Return the next event."""
        while not self._ready:
            if self._exhausted:
                raise StopAsyncIteration
            await self._take(await self._frames.receive())
        return self._ready.popleft()

    async def read_text(self) -> str:
        """Read to the end, and return the text of the first choice."""
        pieces: list[str] = []
        choice = 0
        async for event in self:
            match event:
                case ChoiceSwitch(index=choice):
                    pass
                case TextDelta(text=text) if choice == 0:
                    pieces.append(text)
                case Restart():
                    pieces.clear()
        return "".join(pieces)

    def put(self, frame: Frame) -> None:
        """Add a frame about this request."""
        if not self.ended:
            self.ended = frame["type"] in ("done", "error")
            self._put.send_nowait(frame)

    def fail(self, error: ClientError) -> None:
        """End the stream with an error: no more frames will arrive."""
        if not self.ended:
            self.ended = True
            self._put.send_nowait(error)

    async def _take(self, frame: Frame | ClientError) -> None:
        if isinstance(frame, ClientError):
            self._exhausted = True
            raise frame
        try:
            await self._read(frame)
        except (LookupError, TypeError, ValueError, AttributeError) as fault:
            self._exhausted = True
            raise AnswerFailed(UNREADABLE) from fault

    async def _read(self, frame: Frame) -> None:
        match frame["type"]:
            case "chunk":
                self._ready += self._reader.read(frame["chunk"])
                await self._count_chunk()
            case "event" if frame["event"]["kind"] == "restart":
                self._reader = ChunkReader()
                self._ready.append(Restart())
            case "event":
                self._ready.append(Attempt.read(frame["event"]))
            case "done":
                self.omen, self._exhausted = frame.get("omen"), True
                end: AnswerEnd = self._reader.end()
                self._ready.append(end)
            case "error":
                self._exhausted = True
                raise AnswerFailed(frame["error"])

    async def _count_chunk(self) -> None:
        """Send credit for further chunks when half of the window has been read."""
        self._uncredited += 1
        if self._uncredited * 2 >= self._window and not self.ended:
            # Reset before the await: the credit is written even if this wait is cancelled.
            credit, self._uncredited = self._uncredited, 0
            await self._give_credit(self.id, credit)
