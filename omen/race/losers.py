"""Holds back the end of an answer until the losers of its race have ended, for a moment.

A short answer may be whole when its attempt commits. The losers are cancelled in that moment, and
what they cost is known when their sockets are closed, a little later. The end of an answer reports
the cost of all attempts, so it waits for them. The text before it does not wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio

from omen.core.events import AnswerEnd, Event
from omen.core.plan import Output
from omen.core.records import RaceRecord

LONGEST_WAIT = 0.25
"""Seconds. After that the end goes out, and says that the cost is not known yet."""


class LosersFirst:
    """An output that sends the end of an answer when the losers have ended.

    `has_ended` waits until an attempt has ended, any one.
    """

    def __init__(
        self, output: Output, race: RaceRecord, has_ended: Callable[[], Awaitable[None]]
    ) -> None:
        self._output = output
        self._race = race
        self._has_ended = has_ended

    async def send(self, events: Sequence[Event]) -> None:
        """Send what arrived together; the end of the answer by itself, if it has to wait."""
        if isinstance(events[-1], AnswerEnd) and not self._race.is_settled:
            if len(events) > 1:
                await self._output.send(events[:-1])
            await self._wait()
            events = events[-1:]
        await self._output.send(events)

    async def _wait(self) -> None:
        with trio.move_on_after(LONGEST_WAIT):
            while not self._race.is_settled:
                await self._has_ended()
