"""A streamed answer on its way to one client: the output of a race, piece by piece.

No status line goes out before the commit, so that a failure can still have a status of its own.
Only when the commit is long in coming does something go out as a sign of life; from then on the
status is 200 and an error has to be told in-band. Signs of life go out in the middle of an answer,
too, whenever nothing else did for a while: clients and proxies give up on a silent connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from omen.core.errors import OmenError
from omen.core.events import AnswerEnd, Event, total_size
from omen.core.records import RaceRecord
from omen.front.http.asgi import Headers, Send
from omen.front.http.dialect import (
    Dialect,
    EarlyDialect,
    FailingWriter,
    LivingWriter,
    ParsedRequest,
    Writer,
)
from omen.front.http.race_report import explain, race_headers
from omen.front.http.signs_of_life import SignsOfLife
from omen.isolation import HEAVY_BYTES, off_loop


class StreamOutput:
    """Writes the winner's events.

    `signs` are the signs of life between them. `started` tells whether a status line has gone out,
    `finished` whether the answer's own end has been handed over.
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
        self.signs = SignsOfLife()
        self._size = 0
        self.started = False
        self.finished = False

    async def send(self, events: Sequence[Event]) -> None:
        """Send what arrived together as one piece."""
        try:
            await self.signs.hold()
            await self._send_events(events)
        finally:
            self.signs.release()

    async def _send_events(self, events: Sequence[Event]) -> None:
        if self._writer is None:
            self._writer = self._dialect.writer(self._race, self._asked)
        await self._start()
        ended = isinstance(events[-1], AnswerEnd)
        report = explain(self._race) if ended and self._asked.hints.explain else None
        size = total_size(events)
        self._size += size
        # Some dialects repeat the whole answer at its end.
        if size > HEAVY_BYTES or (ended and self._size > HEAVY_BYTES):
            body = await off_loop(partial(self._writer.write, events, report))
        else:
            body = self._writer.write(events, report)
        self.finished = self.signs.over = ended
        await self._send_body(body, last=ended)

    async def send_sign(self) -> None:
        """Send a sign of life, for `SignsOfLife.keep_alive`."""
        await self._start()
        await self._send_body(self._sign())

    def _sign(self) -> bytes:
        if self._writer is None and isinstance(self._dialect, EarlyDialect):
            self._writer = self._dialect.early_writer(self._race, self._asked)
        if isinstance(self._writer, LivingWriter):
            return self._writer.alive()
        return self._dialect.keep_alive

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
