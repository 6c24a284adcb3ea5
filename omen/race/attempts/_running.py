"""A running attempt: an upstream's bytes become events, and its record is kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal

import trio

from omen.core.errors import UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    is_generated,
)
from omen.core.plan import AttemptRecord
from omen.core.useful import CHARACTERS_PER_TOKEN, UsefulMeter
from omen.providers import Decoder
from omen.race.attempts._faults import unreadable
from omen.race.attempts._patience import Patience
from omen.wire.framing import FrameReader
from omen.wire.upstream import UpstreamResponse

DRAIN_SECONDS = 0.25
"""How long to wait, after a complete answer, for the end of the response, so that the connection
can be kept. Nobody is waiting for it: the client has its answer by then."""


class RunningAttempt:
    """One attempt whose response has begun; see `omen.core.plan.Attempt` for the contract."""

    def __init__(
        self,
        record: AttemptRecord,
        response: UpstreamResponse,
        *,
        reader: FrameReader,
        decoder: Decoder,
        patience: Patience,
        meter: UsefulMeter,
        on_commit: Callable[..., None],
        on_moment: Callable[[Literal["progressed", "useful"]], None],
    ) -> None:
        self._record = record
        self._response = response
        self._reader = reader
        self._decoder = decoder
        self._patience = patience
        self._meter = meter
        self._on_commit = on_commit
        self._on_moment = on_moment
        self._failure: UpstreamFailure | None = None
        self._characters = 0
        self._left_at = trio.current_time()
        self._held_up = 0.0
        """Seconds in which nobody asked for more: a slow client held the winner's task."""
        record.measured = True

    def commit(self, *, shared: bool = False) -> None:
        """Claim the win of this attempt's race, or a share of it."""
        self._on_commit(shared=shared)

    async def receive(self) -> Sequence[Event]:
        """Wait for the next events; empty once the answer was complete.

        **Raises.** `UpstreamFailure`. One that arrives behind events in the same read is raised
        after them if this attempt has won, because the client is owed them; before the commit it
        is raised at once, because an attempt known to be broken must not win.
        **Cancellation.** Nothing is lost; `receive` may be called again.
        """
        if self._record.complete:
            await self._drain()
            return ()
        self._held_up += trio.current_time() - self._left_at
        try:
            return await self._receive()
        finally:
            self._left_at = trio.current_time()

    async def _receive(self) -> Sequence[Event]:
        events: list[Event] = []
        while not events:
            if self._failure is not None:
                raise self._failure
            try:
                self._decode(await self._read(), events)
            except UpstreamFailure as failure:
                if not self._is_whole(events):
                    self._keep_or_raise(failure, events)
        self._note(events)
        return events

    async def _read(self) -> bytes:
        with self._patience.spend():
            return await self._response.receive()

    def _decode(self, data: bytes, events: list[Event]) -> None:
        try:
            for frame in self._reader.feed(data) if data else self._reader.end():
                events += self._decoder.feed(frame)
        except UpstreamFailure:
            raise
        except Exception as error:
            raise unreadable(self._record.candidate, error) from error
        if not data:
            events += self._end()

    def _end(self) -> Sequence[Event]:
        """Return the events that the end of the bytes stands for."""
        try:
            return self._decoder.end()
        except UpstreamFailure:
            raise
        except Exception as error:
            raise unreadable(self._record.candidate, error) from error

    def _is_whole(self, events: list[Event]) -> bool:
        """Whether the answer was complete before something failed, and add the end it is owed.

        Some servers say that they are finished and then break off or fall silent.
        """
        if not (events and isinstance(events[-1], AnswerEnd)):
            try:
                events += self._end()
            except UpstreamFailure:
                return False
        return True

    def _keep_or_raise(self, failure: UpstreamFailure, events: Sequence[Event]) -> None:
        if self._record.committed_at is None or not events:
            raise failure
        self._failure = failure

    async def _drain(self) -> None:
        """Read to the end of the response, so that its connection is clean and can be kept.

        A response that breaks here broke behind a whole answer: that costs its connection, which
        is closed on the way out, and nothing else.
        """
        with trio.move_on_after(DRAIN_SECONDS), suppress(UpstreamFailure):
            while await self._response.receive():
                pass

    def _note(self, events: Sequence[Event]) -> None:
        record = self._record
        generated = sum(map(is_generated, events))
        record.pieces += generated
        for event in events:
            match event:
                case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
                    self._characters += len("".join(text.split()))
                case ToolCallDelta(arguments=arguments):
                    self._characters += len(arguments)
                case AnswerEnd(usage=usage):
                    record.usage = usage
                    record.complete = True
        record.tokens = -(-self._characters // CHARACTERS_PER_TOKEN)
        if record.usage is not None:
            record.tokens = record.usage.completion_tokens
        if generated:
            self._patience.renew()
            if record.first_token_at is None:
                record.first_token_at = trio.current_time()
        self._on_moment("progressed")
        if record.useful_at is None and any([self._meter.take(event) for event in events]):
            record.useful_at = trio.current_time() - self._held_up
            self._on_moment("useful")
