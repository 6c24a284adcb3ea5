"""A streamed answer on its way to one client: the output of a race, piece by piece.

No status line goes out before the commit, so that a failure can still have a status of its own.
Only when the commit is long in coming does something go out as a sign of life; from then on the
status is 200 and an error has to be told in-band. Signs of life go out in the middle of an answer,
too, whenever nothing else did for a while: clients and proxies give up on a silent connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import trio

from omen.core.errors import OmenError
from omen.core.events import AnswerEnd, Event
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
        """Held while a sign of life goes out."""
        self._is_sending = False
        self._sent_at = -inf
        self._silent = False
        self.started = False
        self.finished = False

    async def send(self, events: Sequence[Event]) -> None:
        """Send what arrived together as one piece."""
        # The flag keeps signs of life back without a lock: taking a free lock yields a turn of the
        # scheduler, and at the commit the losers' tasks would run first.
        self._is_sending = True
        try:
            await self._let_sign_pass()
            await self._send_events(events)
        finally:
            self._is_sending = False
            self._sent_at = trio.current_time()

    async def _send_events(self, events: Sequence[Event]) -> None:
        if self._writer is None:
            self._writer = self._dialect.writer(self._race, self._asked)
        await self._start()
        ended = isinstance(events[-1], AnswerEnd)
        report = explain(self._race) if ended and self._asked.hints.explain else None
        self.finished = ended
        await self._send_body(self._writer.write(events, report), last=ended)

    async def keep_alive(self, first: float, every: float) -> None:
        """Send a sign of life at `first` (on trio's clock), if nothing was sent until then.

        After that, whenever nothing was sent for `every` seconds, until silenced.
        """
        due = first
        while not (self._silent or self.finished):
            await trio.sleep_until(due)
            if not self._is_sending and trio.current_time() >= self._sent_at + every:
                await self._send_sign()
            due = (trio.current_time() if self._is_sending else self._sent_at) + every

    async def _send_sign(self) -> None:
        async with self._turn:
            # Things may have changed while it took the lock.
            if self._silent or self._is_sending or self.finished:
                return
            await self._start()
            await self._send_body(self._sign())
            self._sent_at = trio.current_time()

    def _sign(self) -> bytes:
        if self._writer is None and isinstance(self._dialect, EarlyDialect):
            self._writer = self._dialect.early_writer(self._race, self._asked)
        if isinstance(self._writer, LivingWriter):
            return self._writer.alive()
        return self._dialect.keep_alive

    async def silence(self) -> None:
        """Let no further sign of life go out, and wait for one that is on its way."""
        self._silent = True
        await self._let_sign_pass()

    async def _let_sign_pass(self) -> None:
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
