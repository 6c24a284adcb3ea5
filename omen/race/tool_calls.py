"""Collects the ids of the tool calls in an answer on its way to the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from omen.core.events import AnswerEnd, Event, Restart, ToolCallDelta
from omen.core.plan import Output


class ToolCallRecorder:
    """An output that passes all events on, and calls `on_end` with the call ids before the end.

    Before the end is sent, because the client may send its next request as soon as it has the end,
    possibly to another replica.
    """

    def __init__(self, output: Output, on_end: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._output = output
        self._on_end = on_end
        self._ids: list[str] = []

    async def send(self, events: Sequence[Event]) -> None:
        """Pass the events on."""
        for event in events:
            if isinstance(event, ToolCallDelta) and event.id is not None:
                self._ids.append(event.id)
            elif isinstance(event, Restart):
                self._ids.clear()
            elif isinstance(event, AnswerEnd):
                await self._on_end(self._ids)
        await self._output.send(events)
