"""A streamed answer on its way to one client: the output of a race, piece by piece.

No status line goes out before the commit, so that a failure can still have a status of its own.
Only when the commit is long in coming does something go out as a sign of life; from then on the
status is 200 and an error has to be told in-band.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from omen.core.errors import OmenError
from omen.core.events import AnswerEnd, Event
from omen.core.records import RaceRecord
from omen.front.http.asgi import Headers, Send
from omen.front.http.dialect import Dialect, FailingWriter, ParsedRequest, Writer
from omen.front.http.race_report import explain, race_headers


class StreamOutput:
    """Writes the winner's events.

    `started` tells whether a status line has gone out, `finished` whether the answer's own end has
    been handed over.
    """

    def __init__(
        self,
        send: Send,
        race: RaceRecord,
        dialect: Dialect,
        asked: ParsedRequest,
        headers: Headers,
    ) -> None:
        self._send = send
        self._race = race
        self._dialect = dialect
        self._asked = asked
        self._headers = headers
        self._writer: Writer | None = None
        self._turn = trio.Lock()
        self._silent = False
        self.started = False
        self.finished = False

    async def send(self, events: Sequence[Event]) -> None:
        """Send what arrived together as one piece."""
        if self._writer is None:
            await self.silence()
            self._writer = self._dialect.writer(self._race, self._asked)
            await self._start()
        ended = isinstance(events[-1], AnswerEnd)
        told = explain(self._race) if ended and self._asked.hints.explain else None
        self.finished = ended
        await self._send_body(self._writer.write(events, told), last=ended)

    async def keep_alive(self, first: float, every: float) -> None:
        """Say something at `first` (on trio's clock) and then `every` seconds, until silenced."""
        await trio.sleep_until(first)
        while True:
            async with self._turn:
                if self._silent:
                    return
                await self._start()
                await self._send_body(self._dialect.keep_alive)
            await trio.sleep(every)

    async def silence(self) -> None:
        """Let no further comment go out, and wait for one that is on its way."""
        self._silent = True
        if self._turn.locked():
            async with self._turn:
                pass

    async def fail(self, error: OmenError) -> None:
        """End a stream that has started: exactly one error object, and no made-up finish."""
        if isinstance(self._writer, FailingWriter):
            event = self._writer.fail(error)
        else:
            event = self._dialect.error_event(error, self._race.request_id)
        await self._send_body(event, last=True)

    async def _start(self) -> None:
        if self.started:
            return
        self.started = True
        headers = [
            (b"content-type", self._dialect.stream_type),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            *self._headers,
            *race_headers(self._race),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _send_body(self, body: bytes, *, last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})
