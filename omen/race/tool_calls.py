"""Watches an answer on its way to the client for the tool calls in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from omen.core.events import AnswerEnd, Event, Restart, ToolCallDelta
from omen.core.plan import Output


class ToolCallRecorder:
    """An output that passes everything on, and tells the ids of the calls before it ends.

    Before: a client may ask again as soon as it has the end, and another replica may be asked.
    """

    def __init__(self, output: Output, ends: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._output = output
        self._ends = ends
        self._ids: list[str] = []

    async def send(self, events: Sequence[Event]) -> None:
        """Pass events on."""
        for event in events:
            if isinstance(event, ToolCallDelta) and event.id is not None:
                self._ids.append(event.id)
            elif isinstance(event, Restart):
                self._ids.clear()
            elif isinstance(event, AnswerEnd):
                await self._ends(self._ids)
        await self._output.send(events)
