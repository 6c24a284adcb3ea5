"""Sends many events as several batches.

A prelude of much reasoning, a draft that was chosen and an answer from the cache are sent at once,
and may have 100,000 events. To write them takes a second. Between two batches other tasks run.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from omen.core.events import ChoiceSwitch, Event
from omen.core.plan import Output

MOST_EVENTS = 256
"""Events of one batch: some 10 µs each."""


class InSlices:
    """An output that passes events on in batches of `MOST_EVENTS`."""

    def __init__(self, output: Output) -> None:
        self._output = output

    async def send(self, events: Sequence[Event]) -> None:
        """Pass the events on, in their order."""
        if len(events) <= MOST_EVENTS:
            await self._output.send(events)
            return
        # The events behind a switch are of its choice in the same batch only.
        switch = events[:1] if isinstance(events[0], ChoiceSwitch) else ()
        for at in range(0, len(events), MOST_EVENTS):
            some = events[at : at + MOST_EVENTS]
            await self._output.send([*switch, *some] if at else some)
            await trio.lowlevel.checkpoint()
