"""Keeps an answer's events, for dialects that write the whole of it by what they stream."""

from __future__ import annotations

from collections.abc import Sequence

from omen.core.events import Event, Restart


class Gathering:
    """The events so far; after a restart, those since."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send(self, events: Sequence[Event]) -> None:
        """Take the next events, as an output of a race."""
        for event in events:
            if isinstance(event, Restart):
                self.events.clear()
            else:
                self.events.append(event)
