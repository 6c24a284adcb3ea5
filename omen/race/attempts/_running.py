"""A running attempt: it turns an upstream's bytes into events and keeps its record up to date.

An attempt whose response has begun is in one of these states, as its fields show:

    reading    `record.complete` is false, `_failure` is None: `receive` reads and returns events
    failing    `_failure` is set: events before the failure were returned, the next `receive` raises
    complete   `record.complete` is true: the next `receive` drains the response and returns nothing

    reading -> complete   an `AnswerEnd`: decoded, or due because the answer was whole before the
                          stream broke
    reading -> failing    a failure behind events of the same read, after the commit
    reading -> (raised)   any other failure
    failing -> (raised)

Before the answer is complete, `receive` awaits in three places: the read of bytes, the turn that it
gives to other tasks while frames of an earlier read wait, and the worker thread that decodes a
heavy frame. All the rest (the record, the observers) is synchronous. So a cancel interrupts one of
these, `EventDecoder` holds what earlier reads brought, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import trio

from omen.core.errors import UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    is_generated,
)
from omen.core.gaps import TokenGaps
from omen.core.prompt_size import UNITS_PER_TOKEN, text_units, units_of_texts
from omen.core.records import AttemptRecord
from omen.core.useful import UsefulMeter
from omen.providers import Decoder
from omen.race.attempts._believed import believed_usage
from omen.race.attempts._decoding import EventDecoder
from omen.race.attempts._halves import HalfJoiner
from omen.race.attempts._patience import Patience
from omen.race.attempts._quota import AnswerQuota
from omen.race.attempts._work import AnnouncedWork
from omen.wire.framing import FrameReader
from omen.wire.upstream import UpstreamResponse

DRAIN_SECONDS = 0.25
"""Seconds to wait for the end of the response after a complete answer, so that the connection can
be reused. The client does not wait for it: it has its answer by then."""

_SPOKEN = (TextDelta, RefusalDelta, ToolCallDelta)


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
        quota: AnswerQuota,
        is_only_candidate: bool = False,
    ) -> None:
        self._record = record
        self._response = response
        self._decoding = EventDecoder(reader, decoder, record.candidate)
        self._quota = quota
        self._joiner = HalfJoiner()
        self._has_generated = False
        self._patience = patience
        self._work = AnnouncedWork(decoder)
        self._is_only_candidate = is_only_candidate
        self._meter = meter
        self._on_commit = on_commit
        self._on_moment = on_moment
        self._failure: UpstreamFailure | None = None
        """A failure that the next `receive` raises."""
        self._has_ended = False
        """Whether `receive` has returned the end."""
        self._units = 0
        self._has_spoken = False
        """Whether text of the answer or a call has arrived."""
        self._idle_since = trio.current_time()
        """When the latest `receive` ended."""
        self._held_up = 0.0
        """Seconds between calls of `receive`: a slow client held the winner's task."""
        record.measured = True

    def commit(self, *, shared: bool = False, takes_over: bool = False) -> None:
        """Claim the win of this attempt's race, or a share of it."""
        self._on_commit(shared=shared, takes_over=takes_over)
        # From now on the events go to the client as they come. Who collects them holds them.
        self._quota.release()

    def pause(self) -> None:
        """Record that it is kept as a spare. Nothing reads it, so no timeout of tokens runs."""
        self._record.paused_at = trio.current_time()

    def release(self) -> None:
        """Record that the spare is not needed."""
        self._record.released_at = trio.current_time()

    async def receive(self) -> Sequence[Event]:
        """Return the next events; an empty sequence after the answer is complete.

        **Raises.** `UpstreamFailure`. If a failure follows events in the same read: after the
        commit it is raised behind them, because the client must get them; before the commit it is
        raised at once, because an attempt that is known to be broken must not win.
        **Cancellation.** Nothing is lost; `receive` may be called again.
        """
        if self._record.complete:
            if self._has_ended:
                # A caller that asks again and again must not stop every other task.
                await trio.lowlevel.checkpoint()
            self._has_ended = True
            await self._drain()
            return ()
        began, thinks = trio.current_time(), not self._has_spoken
        self._held_up += began - self._idle_since
        try:
            return await self._receive()
        finally:
            # Also on a cancel: the time inside `receive` is the upstream's, not the client's.
            self._idle_since = trio.current_time()
            if thinks:
                self._record.thinking_seconds += self._idle_since - began

    async def _receive(self) -> Sequence[Event]:
        events: list[Event] = []
        # A read may hold no event (a ping, half a frame). An empty result would mean the end.
        while not events:
            if self._failure is not None:
                raise self._failure
            try:
                data = await self._read()
                decoded: list[Event] = []
                try:
                    # It appends, so that the events before a failure are still there after it.
                    await self._decoding.decode(decoded)
                finally:
                    events += self._checked(decoded)
                self._note_work(data, events)
            except UpstreamFailure as failure:
                if not self._is_whole(events):
                    self._keep_or_raise(failure, events)
        # After `_keep_or_raise`: events of an attempt that fails here are not recorded as progress.
        self._record_events(events)
        return events

    def _note_work(self, data: bytes, events: Sequence[Event]) -> None:
        """Tell the timeouts whether the upstream works, before the next read.

        A comment before the first token says that the request waits in a queue (DeepSeek,
        OpenRouter). With another candidate in the plan it is no reason to wait. Without one giving
        up helps nobody, and a client that asks the provider directly waits as well.
        """
        self._work.take(events)
        self._patience.set_working(self._work.is_going_on)
        is_queued = self._is_only_candidate and self._record.first_token_at is None
        if is_queued and data.lstrip()[:1] == b":":
            self._patience.extend()

    async def _read(self) -> bytes:
        """Read, unless something of an earlier read waits: then let other tasks run."""
        if self._decoding.is_pending:
            await trio.lowlevel.checkpoint()
            return b""
        # What came in one read with the head is here, and needs no scope.
        if not (data := self._response.take_ready()):
            with self._patience:
                data = await self._response.receive()
        self._decoding.take(data)
        return data

    def _checked(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return events with whole characters only, and without usage that cannot be true.

        The cost is then estimated, as if the provider had reported no usage.
        """
        events = self._joiner.join(events)
        self._quota.take(events)
        self._has_generated = self._has_generated or any(map(is_generated, events))
        end = events[-1] if events else None
        if not isinstance(end, AnswerEnd) or end.usage is None:
            return events
        candidate = self._record.candidate
        usage = believed_usage(
            end.usage,
            candidate,
            context=candidate.card.context,
            generated=self._has_generated,
        )
        return events if usage is end.usage else [*events[:-1], replace(end, usage=usage)]

    def _is_whole(self, events: list[Event]) -> bool:
        """Return whether the answer was complete before the failure; append its missing end.

        Some servers send the finish reason and then break the connection or fall silent.
        """
        if not (events and isinstance(events[-1], AnswerEnd)):
            try:
                events += self._checked(self._decoding.end())
            except UpstreamFailure:
                return False
        return True

    def _keep_or_raise(self, failure: UpstreamFailure, events: Sequence[Event]) -> None:
        # Looked at only now, after the read: the commit deadline may commit this attempt while its
        # `receive` waits.
        if self._record.committed_at is None or not events:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame, which holds the events
        self._failure = failure

    async def _drain(self) -> None:
        """Read to the end of the response, so that its connection can be reused.

        The answer is complete, so a response that breaks here costs only its connection, which is
        closed with the attempt.
        """
        if self._response.has_ended:
            return
        with trio.move_on_after(DRAIN_SECONDS), suppress(UpstreamFailure):
            while await self._response.receive():
                pass

    def _record_events(self, events: Sequence[Event]) -> None:
        """Update the record with new events, and notify observers."""
        record = self._record
        generated = self._take_content(events)
        record.pieces += generated
        # An estimate, until the provider reports its own count.
        record.tokens = -(-self._units // UNITS_PER_TOKEN)
        if not self._has_spoken:
            self._note_thought(events)
        if record.usage is not None:
            record.tokens = record.usage.completion_tokens
        if generated:
            self._patience.renew()
            now = trio.current_time()
            if record.gaps is None:
                record.first_token_at = now
                record.gaps = TokenGaps(now - self._held_up)
            else:
                record.gaps.take(now - self._held_up)
        self._on_moment("progressed")
        if record.useful_at is None and any(map(self._meter.take, events)):
            # Without the client's share: the value is the provider's latency.
            record.useful_at = trio.current_time() - self._held_up
            self._on_moment("useful")

    def _take_content(self, events: Sequence[Event]) -> int:
        """Take what was generated, and the end; return the number of generated events."""
        # Texts are looked at together, as nearly all events of nearly all answers are texts.
        texts = [event.text for event in events if type(event) is TextDelta]
        self._units += units_of_texts(texts)
        generated = sum([not text.isspace() for text in texts if text])
        for event in events:
            if type(event) is TextDelta:
                continue
            generated += is_generated(event)
            match event:
                case ReasoningDelta(text=text) | RefusalDelta(text=text):
                    self._units += text_units(text)
                case ToolCallDelta(arguments=arguments):
                    self._units += text_units(arguments)
                case AnswerStart() | AnswerEnd():
                    self._record_edge(event)
        return generated

    def _record_edge(self, event: AnswerStart | AnswerEnd) -> None:
        """Update the record with the beginning or the end of the answer."""
        record = self._record
        if isinstance(event, AnswerStart):
            record.response_model = event.model
            return
        record.usage, record.finish = event.usage, event.reason
        record.complete = True

    def _note_thought(self, events: Sequence[Event]) -> None:
        """Record the tokens of thought that arrived before the answer itself."""
        self._has_spoken = any(isinstance(e, _SPOKEN) and is_generated(e) for e in events)
        if not self._has_spoken:
            self._record.thought_tokens = self._record.tokens
