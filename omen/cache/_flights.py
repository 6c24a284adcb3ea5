"""Identical requests that run at the same time: the first one is asked, the others wait for it.

They wait for the whole answer, and get it as if from the cache. Following the first one's stream
would tie them to a client that may leave; then they would have a piece of an answer that nobody
goes on with. If the first one comes to nothing, each of the others asks for itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from omen.cache._codec import CachedAnswer
from omen.events import (
    AnswerEnd,
    Event,
    ReasoningDelta,
    RefusalDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
    WireEvent,
)
from omen.plan import Output

MOST_BYTES = 1024 * 1024
"""Of an answer that is remembered."""
_EVENT_BYTES = 64


class Flight:
    """One request under way. `answer` is set before `ended`, if there is one."""

    def __init__(self) -> None:
        self.ended = trio.Event()
        self.answer: CachedAnswer | None = None


class Recorder:
    """An output that remembers what passes through it on its way to another one."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._events: list[Event] = []
        self._bytes = 0

    async def send(self, events: Sequence[Event]) -> None:
        """Pass events on."""
        for event in events:
            if isinstance(event, Restart):
                self._events.clear()
                self._bytes = 0
            elif self._bytes <= MOST_BYTES:
                self._events.append(event)
                self._bytes += _size(event)
        await self._output.send(events)

    @property
    def answer(self) -> Sequence[Event] | None:
        """The whole answer, if it is one that may be given again."""
        if not self._events or self._bytes > MOST_BYTES:
            return None
        end = self._events[-1]
        if not isinstance(end, AnswerEnd) or end.reason == "content_filter":
            return None
        return self._events


def _size(event: Event) -> int:
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
            return _EVENT_BYTES + len(text)
        case ToolCallDelta(arguments=arguments):
            return _EVENT_BYTES + len(arguments)
        case WireEvent(data=data):
            return _EVENT_BYTES + len(data)
        case _:
            return _EVENT_BYTES
