"""Identical requests that run at the same time: the first one is asked, the others wait for it.

They wait for the whole answer, and get it as if from the cache. Following the first one's stream
would tie them to a client that may leave; then they would have a piece of an answer that nobody
goes on with. If the first one comes to nothing, or its client does not read, each of the others
asks for itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import trio

from omen.cache._codec import CachedAnswer
from omen.core.events import (
    AnswerEnd,
    Event,
    ReasoningDelta,
    RefusalDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
    WireEvent,
)
from omen.core.plan import Output

MOST_BYTES = 1024 * 1024
"""Of an answer that is remembered."""
_EVENT_BYTES = 64
CLIENT_PATIENCE = 1.0
"""Seconds that the client of one request may hold up the requests that wait for its answer."""
SHORTEST_LOOK = 0.1
"""Seconds between two looks at how long that has been."""


class Flight:
    """One request under way. `answer` is set before `ended`, if there is one."""

    def __init__(self) -> None:
        self.ended = trio.Event()
        self.answer: CachedAnswer | None = None
        self._held_up = 0.0
        """Seconds its own client has cost it so far, the present wait left out."""
        self._sending_since: float | None = None

    def land(self, answer: CachedAnswer) -> None:
        """Give the answer to those that wait."""
        self.answer = answer
        self.ended.set()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Mark the time in which the request waits for its own client."""
        self._sending_since = trio.current_time()
        try:
            yield
        finally:
            self._held_up += trio.current_time() - self._sending_since
            self._sending_since = None

    async def wait(self) -> None:
        """Wait for the end; return earlier when its client holds it up for too long.

        How long a provider takes is no reason to stop waiting: it would take as long again.
        """
        while not self.ended.is_set() and self._patience > 0:
            with trio.move_on_after(max(self._patience, SHORTEST_LOOK)):
                await self.ended.wait()

    @property
    def _patience(self) -> float:
        now = trio.current_time()
        waiting = 0.0 if self._sending_since is None else now - self._sending_since
        return CLIENT_PATIENCE - self._held_up - waiting


class Recorder:
    """An output that remembers what passes through it on its way to another one.

    `keep` is called with a whole answer that may be given again, before its end is passed on.
    """

    def __init__(
        self,
        output: Output,
        flight: Flight,
        keep: Callable[[Sequence[Event]], Awaitable[None]],
    ) -> None:
        self._output = output
        self._flight = flight
        self._keep = keep
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
        answer = self.answer
        if answer is not None:
            await self._keep(answer)
        with self._flight.sending():
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
