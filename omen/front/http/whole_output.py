"""A whole answer on its way to one client: the output of a race, as one JSON response.

It goes out with the answer's end, not when the race returns: by then the winner's upstream has
been read to its own end, and no client should wait for that.
"""

from __future__ import annotations

from collections.abc import Sequence

from omen.core.events import AnswerEnd, Event
from omen.core.plan import RaceRecord
from omen.front.http.asgi import Headers, Send, send_json
from omen.front.http.dialect import Collector
from omen.front.http.race_report import cost_headers, race_headers


class WholeOutput:
    """Gathers the winner's events; `finished` once the response has been handed over."""

    def __init__(
        self,
        send: Send,
        race: RaceRecord,
        collector: Collector,
        headers: Headers,
    ) -> None:
        self._send = send
        self._race = race
        self._collector = collector
        self._headers = headers
        self.finished = False

    async def send(self, events: Sequence[Event]) -> None:
        """Add events up; at the answer's end, send the whole."""
        await self._collector.send(events)
        if isinstance(events[-1], AnswerEnd):
            self.finished = True
            body = self._collector.body(self._race)
            headers = [*self._headers, *race_headers(self._race), *cost_headers(self._race)]
            await send_json(self._send, 200, body, headers)
