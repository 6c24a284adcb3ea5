"""Identical requests at the same time: the first one leads, and the others wait for its answer.

They wait for the complete answer and get it as if from the cache. They do not follow the leader's
stream, because the leader's client may disconnect. Then they would have a part of an answer that
never continues. If the leader ends without an answer, or its client does not read, each of the
others runs itself.
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
"""The largest answer that is recorded."""
_EVENT_BYTES = 64
"""The size of an event without its text."""
CLIENT_PATIENCE = 1.0
"""Seconds for which the leader's client, in total, may delay the requests that wait for it."""
SHORTEST_LOOK = 0.1
"""Seconds; the shortest interval between two checks of that delay."""


class Flight:
    """One leading request in flight. `answer` is set before `ended`, if there is an answer."""

    def __init__(self) -> None:
        self.ended = trio.Event()
        self.answer: CachedAnswer | None = None
        self._held_up = 0.0
        """Seconds of delay by its own client in all completed sends."""
        self._sending_since: float | None = None
        """The start of the current send; None while the request waits for its upstream."""

    def land(self, answer: CachedAnswer) -> None:
        """Give the answer to the requests that wait."""
        self.answer = answer
        self.ended.set()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count the time in this block as a wait for the request's own client."""
        self._sending_since = trio.current_time()
        try:
            yield
        finally:
            self._held_up += trio.current_time() - self._sending_since
            self._sending_since = None

    async def wait(self) -> None:
        """Wait for the end; return earlier if the leader's client delays it for too long.

        A slow provider is no reason to stop waiting: another attempt would take as long again.
        """
        while not self.ended.is_set() and self._patience > 0:
            # The patience shrinks only while the leader sends, so it is checked again after it
            # could have been used up. The lower bound prevents a busy loop near its end.
            with trio.move_on_after(max(self._patience, SHORTEST_LOOK)):
                await self.ended.wait()

    @property
    def _patience(self) -> float:
        now = trio.current_time()
        waiting = 0.0 if self._sending_since is None else now - self._sending_since
        return CLIENT_PATIENCE - self._held_up - waiting


class Recorder:
    """An output that records the events that it passes on.

    `keep` is called with a complete, cacheable answer before its end is passed on: the client may
    send the same request again as soon as it has the end, possibly to another replica.
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
        """Pass the events on."""
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
        """The complete answer if it is cacheable, else None."""
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
