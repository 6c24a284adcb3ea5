"""The output of a race whose answer goes to the client as one JSON response.

The response goes out with the answer's end, not when the race returns: by then the winner's
upstream has been read to its own end, and no client should wait for that.
"""

from __future__ import annotations

from collections.abc import Sequence

from omen.core.events import AnswerEnd, Event
from omen.core.records import RaceRecord
from omen.front.http.dialect import Collector
from omen.front.http.post_route import Responder


class WholeOutput:
    """Collects the winner's events. `finished` is set once the response was handed over."""

    def __init__(self, respond: Responder, race: RaceRecord, collector: Collector) -> None:
        self._respond = respond
        self._race = race
        self._collector = collector
        self.finished = False

    async def send(self, events: Sequence[Event]) -> None:
        """Add the events; at the end of the answer send the response."""
        await self._collector.send(events)
        if isinstance(events[-1], AnswerEnd):
            self.finished = True
            await self._respond.answer(self._collector.body(self._race), self._race)
