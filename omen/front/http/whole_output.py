"""The output of a race whose answer goes to the client as one JSON response.

The response goes out with the answer's end, not when the race returns: by then the winner's
upstream has been read to its own end, and no client should wait for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from omen.core.events import AnswerEnd, Event, total_size
from omen.core.records import RaceRecord
from omen.front.http.dialect import Collector
from omen.front.http.post_route import Responder
from omen.isolation import EVENT_BYTES, HEAVY_BYTES, too_much_held


class WholeOutput:
    """Collects the winner's events. `finished` is set once the response was handed over."""

    def __init__(self, respond: Responder, race: RaceRecord, collector: Collector) -> None:
        self._respond = respond
        self._race = race
        self._collector = collector
        self._size = 0
        self.finished = False

    async def send(self, events: Sequence[Event]) -> None:
        """Add the events; at the end of the answer send the response.

        **Raises.** `UpstreamFailure` where the memory of all requests has no room for them.
        """
        size = total_size(events) + EVENT_BYTES * len(events)
        if not self._respond.held.grow(size):
            raise too_much_held()
        self._size += size
        await self._collector.send(events)
        if not isinstance(events[-1], AnswerEnd):
            return
        self.finished = True
        body = partial(self._collector.body, self._race)
        if self._size > HEAVY_BYTES:
            await self._respond.answer_large(body, self._race)
        else:
            await self._respond.answer(body(), self._race)
