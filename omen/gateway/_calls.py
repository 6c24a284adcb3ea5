"""Watches an answer on its way to the client for the tool calls in it."""

from __future__ import annotations

from collections.abc import Sequence

from omen.events import Event, Restart, ToolCallDelta
from omen.plan import Output


class CallWatch:
    """An output that passes everything on, and knows the ids of the calls."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.ids: list[str] = []

    async def send(self, events: Sequence[Event]) -> None:
        """Pass events on."""
        for event in events:
            if isinstance(event, ToolCallDelta) and event.id is not None:
                self.ids.append(event.id)
            elif isinstance(event, Restart):
                self.ids.clear()
        await self._output.send(events)
