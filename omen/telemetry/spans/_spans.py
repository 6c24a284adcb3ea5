"""A span for each request (SERVER) and for each of its attempts (CLIENT).

An attempt's span is a child of its request's, and its context goes upstream with its request. So a
gateway behind this one, or an inference server that makes spans, continues the trace below the
attempt that reached it. Spans begin and end in the request's task, once for a request and once for
an attempt; the rest of a span is written at its end, from the record, with the times of the record.
"""

from __future__ import annotations

from collections.abc import Mapping

import trio
from opentelemetry.context import Context
from opentelemetry.propagate import get_global_textmap
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context

import omen
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.core.requests import RequestRecord
from omen.core.trace import NO_HEADERS, RawHeaders, Trace, passed_on
from omen.telemetry.spans._names import (
    Attributes,
    attempt_attributes,
    attempt_name,
    is_traced,
    request_attributes,
    request_name,
)
from omen.telemetry.spans._results import attempt_results, is_error, request_results

SHUTDOWN_SECONDS = 3.0
"""How long the last spans may take at the end of the process. A collector that does not answer
must not hold it up."""
_FAILED = frozenset({"failed", "timed_out"})


class SpanTrace(Trace):
    """A trace that goes on with a span of OMEN's. `context` is what its children get.

    `offset` is what a time on trio's clock lacks to Unix time. It is the same for all spans of a
    request, so that they have their true order.
    """

    __slots__ = ("context", "offset", "restarts", "span")

    def __init__(
        self, span: Span, context: Context, offset: float, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        super().__init__(headers)
        self.span = span
        self.context = context
        self.offset = offset
        self.restarts = 0
        """The restarts of its race that have an event."""

    def unix(self, at: float) -> int:
        """Return a time of trio's clock in nanoseconds of Unix time."""
        return round((self.offset + at) * 1e9)

    def end(self, at: float) -> None:
        """End the span."""
        self.span.end(self.unix(at))

    def add_event(self, name: str, at: float, attributes: Attributes | None = None) -> None:
        """Add an event to the span."""
        self.span.add_event(name, attributes, self.unix(at))


class Spans:
    """An observer of attempts; `end_request` observes requests, and `begin_trace` begins them.

    Its `run` must run in a nursery. Propagators are those of `OTEL_PROPAGATORS`: `traceparent`,
    `tracestate` and `baggage` without it.
    """

    moments = frozenset({"started", "ended", "denied"})

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("omen", omen.__version__)
        self._propagator = get_global_textmap()
        self._fields = {name.lower().encode(): name for name in self._propagator.fields}

    def __repr__(self) -> str:
        return f"<Spans of {self._provider.resource.attributes.get('service.name')}>"

    def begin_trace(self, record: RequestRecord, headers: RawHeaders) -> Trace | None:
        """Begin the span of a request, in the trace that its headers name, or in a new one."""
        if not is_traced(record):
            return passed_on(headers)
        outer = self._propagator.extract(self._carried(headers), Context())
        span = self._tracer.start_span(
            request_name(record),
            outer,
            SpanKind.SERVER,
            request_attributes(record),
            start_time=round(record.accepted_unix * 1e9),
        )
        offset = record.accepted_unix - record.accepted_at
        return SpanTrace(span, set_span_in_context(span, outer), offset)

    def end_request(self, record: RequestRecord) -> None:
        """End the span of a request that has ended."""
        trace, race, ended_at = record.trace, record.race, record.ended_at
        if not isinstance(trace, SpanTrace) or ended_at is None:
            return
        # Records are kept for a while; the spans in them need not be.
        record.trace = None
        span = trace.span
        if span.is_recording():
            if race is not None:
                _note_race(race, trace, ended_at)
            span.set_attributes(request_results(record))
            if is_error(record):
                span.set_status(StatusCode.ERROR)
        if race is not None:
            race.trace = None
        trace.end(ended_at)

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Begin or end the span of an attempt; a denied one is an event of its request."""
        if attempt.role == "cache":
            return
        match moment:
            case "started":
                self._begin_attempt(race, attempt)
            case "ended":
                _end_attempt(attempt)
            case "denied":
                _note_start(race, attempt, "omen.denied")

    async def run(self) -> None:
        """Wait until cancelled, and export what is left; see `SHUTDOWN_SECONDS`."""
        try:
            await trio.sleep_forever()
        finally:
            until = trio.current_time() + SHUTDOWN_SECONDS
            with trio.CancelScope(shield=True, deadline=until):
                # The thread may wait for a collector. It is left alone then, and ends with us.
                await trio.to_thread.run_sync(self._provider.shutdown, abandon_on_cancel=True)

    def _begin_attempt(self, race: RaceRecord, attempt: AttemptRecord) -> None:
        outer, offset = Context(), race.accepted_unix - race.accepted_at
        if isinstance(race.trace, SpanTrace):
            outer, offset = race.trace.context, race.trace.offset
        span = self._tracer.start_span(
            attempt_name(attempt),
            outer,
            SpanKind.CLIENT,
            attempt_attributes(race, attempt),
            start_time=round((offset + attempt.started_at) * 1e9),
        )
        context = set_span_in_context(span, outer)
        headers: dict[str, str] = {}
        self._propagator.inject(headers, context)
        attempt.trace = SpanTrace(span, context, offset, headers)
        if attempt.role in ("hedge", "retry"):
            _note_start(race, attempt, f"omen.{attempt.role}")
        else:
            _note_restart(race, attempt.started_at)

    def _carried(self, headers: RawHeaders) -> dict[str, str]:
        """Return the headers that the propagators read; those of one name as one."""
        carried: dict[str, str] = {}
        for name, value in headers:
            field = self._fields.get(name)
            if field is not None:
                text = value.decode("latin-1")
                carried[field] = f"{carried[field]},{text}" if field in carried else text
        return carried


def _end_attempt(attempt: AttemptRecord) -> None:
    trace, ended_at = attempt.trace, attempt.ended_at
    if not isinstance(trace, SpanTrace) or ended_at is None:
        return
    span, attempt.trace = trace.span, None
    if span.is_recording():
        events = {"omen.first_token": attempt.first_token_at, "omen.commit": attempt.committed_at}
        for name, at in events.items():
            if at is not None:
                trace.add_event(name, at)
        span.set_attributes(attempt_results(attempt))
        if attempt.outcome in _FAILED:
            span.set_status(StatusCode.ERROR)
    trace.end(ended_at)


def _note_race(race: RaceRecord, trace: SpanTrace, ended_at: float) -> None:
    """Add the events of a race that its attempts did not add while they started."""
    _note_restart(race, ended_at)
    winner = race.winner
    if winner is not None and winner.committed_at is not None and not race.cached:
        attributes = _which(winner)
        trace.add_event("omen.commit", winner.committed_at, attributes)
        if winner.first_token_at is not None:
            trace.add_event("omen.first_token", winner.first_token_at, attributes)


def _note_start(race: RaceRecord, attempt: AttemptRecord, name: str) -> None:
    """Add the start of a further attempt, or its denial, to the span of its request."""
    _note_restart(race, attempt.started_at)
    trace = race.trace
    if isinstance(trace, SpanTrace) and trace.span.is_recording():
        attributes = _which(attempt)
        if attempt.denied is not None:
            attributes["omen.reason"] = attempt.denied
        trace.add_event(name, attempt.started_at, attributes)


def _note_restart(race: RaceRecord, at: float) -> None:
    """Add a restart that has no event yet: its new race has just started an attempt."""
    trace = race.trace
    if isinstance(trace, SpanTrace) and trace.restarts != race.restarts:
        trace.restarts = race.restarts
        if trace.span.is_recording():
            trace.add_event("omen.restart", at)


def _which(attempt: AttemptRecord) -> Attributes:
    return {
        "omen.attempt.index": attempt.index,
        "omen.attempt.role": attempt.role,
        "omen.provider": attempt.candidate.provider,
    }
