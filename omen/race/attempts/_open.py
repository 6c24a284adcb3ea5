"""Opens one attempt as an async context manager, and keeps its record.

The provider's module writes the request and reads the frames, and `omen.wire` moves the bytes. This
package owns timeouts and records. A stream is closed when the `async with` is left, on every path,
before the record has its end. So there are never more upstream streams than live attempts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import httpx
import trio

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import UpstreamFailure
from omen.core.events import Usage
from omen.core.frames import WireRequest
from omen.core.json_writing import Texts
from omen.core.plan import OpenAttempt, Rewrite, Role
from omen.core.prompt_size import measure_prompt
from omen.core.records import Admission, AttemptRecord, Moment, Observer, RaceRecord, Reservation
from omen.core.useful import UsefulMeter
from omen.isolation import BytesInFlight, off_loop
from omen.isolation import is_heavy as heavy_document
from omen.providers import ProviderSpec, read_rate_limits
from omen.race.attempts._asked import Asked, hold, written
from omen.race.attempts._believed import believed_usage
from omen.race.attempts._call import fetch, trace_headers
from omen.race.attempts._faults import unreadable
from omen.race.attempts._learned import LearnedQuirks
from omen.race.attempts._patience import Patience
from omen.race.attempts._quota import DEFAULT_ANSWER, AnswerLimits, AnswerQuota
from omen.race.attempts._registry import AttemptRegistry
from omen.race.attempts._response import expect_answer
from omen.race.attempts._running import RunningAttempt
from omen.wire.framing import make_reader
from omen.wire.upstream import UpstreamRequests, UpstreamResponse

_Answer = TypeVar("_Answer")


class Threshold(NamedTuple):
    """The threshold of a useful answer: the arguments of `UsefulMeter`."""

    min_useful_tokens: int
    reasoning_counts: bool


DEFAULT_THRESHOLD = Threshold(5, reasoning_counts=False)

MOST_REPEATS = 3
"""How often a request is repeated in one attempt without a field that was refused by name."""


class Attempts(AttemptRegistry):
    """Opens attempts over one transport and keeps the live ones."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        providers: Mapping[str, ProviderSpec],
        observers: Sequence[Observer] = (),
        admissions: Sequence[Admission] = (),
        reservations: Sequence[Reservation] = (),
        *,
        extra_admissions: Sequence[Admission] = (),
        queues: Sequence[Reservation] = (),
        threshold: Threshold = DEFAULT_THRESHOLD,
        on_limits: Callable[[AttemptRecord], None] = lambda record: None,
        pace_of: Callable[[Candidate], float | None] = lambda candidate: None,
        answer: AnswerLimits = DEFAULT_ANSWER,
        in_flight: BytesInFlight | None = None,
    ) -> None:
        super().__init__(observers, admissions, reservations, extra_admissions, queues)
        self._on_limits = on_limits
        self._pace_of = pace_of
        self._answer_limits = answer
        self._in_flight = BytesInFlight() if in_flight is None else in_flight
        self._transport = transport
        self._providers = providers
        self.learned = LearnedQuirks()
        """What refusals have taught of the upstreams' models."""
        self.threshold = threshold
        """The threshold of a useful answer in the statistics of a provider."""

    def __repr__(self) -> str:
        names = ", ".join(record.candidate.name for record in self.live)
        return f"<Attempts {len(self.live)} live{': ' + names if names else ''}>"

    def opener(self, race: RaceRecord, request: ChatRequest) -> OpenAttempt:
        """Return the `OpenAttempt` of one race. It appends each attempt to `race.attempts`."""
        texts: Texts = {}
        return partial(self._open, race, request, texts)

    def _open(
        self,
        race: RaceRecord,
        request: ChatRequest,
        texts: Texts,
        candidate: Candidate,
        role: Role = "primary",
        /,
        *,
        rewrite: Rewrite | None = None,
    ) -> AbstractAsyncContextManager[RunningAttempt]:
        to_send = request if rewrite is None else rewrite(request)
        sent = Asked(self._providers[candidate.kind], to_send, texts)
        return self._opened(race, sent, candidate, role, rewritten=rewrite is not None)

    @asynccontextmanager
    async def _opened(
        self,
        race: RaceRecord,
        asked: Asked,
        candidate: Candidate,
        role: Role,
        *,
        rewritten: bool,
    ) -> AsyncIterator[RunningAttempt]:
        # No await between `admit` and `recorded`: see `admit`.
        await self.admit(race, candidate, role)
        with (
            self.recorded(race, candidate, role) as record,
            _measured(race, record, asked.request, self._pace_of, rewritten=rewritten),
            self._in_flight.hold() as held,
        ):
            if self.learned.known:
                candidate = self.learned.applied(candidate)
            await asked.write_for(candidate, held)
            patience = Patience(candidate, streams=asked.wire.streams)
            note_unsent = partial(setattr, record, "unsent")
            traced = trace_headers(record)
            async with UpstreamRequests(self._transport, record, note_unsent, traced) as requests:
                with patience:
                    response = await self._answer(asked, record, requests)
                record.responded_at = trio.current_time()
                asked.forget_body()
                held.release()
                yield RunningAttempt(
                    record,
                    response,
                    reader=make_reader(asked.spec.framing),
                    decoder=asked.make_decoder(),
                    patience=patience,
                    meter=UsefulMeter(*self.threshold),
                    on_commit=partial(self.commit, race, record),
                    on_moment=partial(self._moment, race, record),
                    quota=AnswerQuota(self._answer_limits, held),
                    is_only_candidate=len(race.plan.candidates) == 1,
                )

    async def _answer(
        self, asked: Asked, record: AttemptRecord, requests: UpstreamRequests
    ) -> UpstreamResponse:
        """Return a response that is an answer. A field that is refused by name is left out.

        **Raises.** `UpstreamFailure`.
        """
        for repeats in range(MOST_REPEATS + 1):
            response = await requests.send(asked.wire)
            # Before the status is checked: the limits matter most with a 429.
            self._read_limits(response.headers, record)
            refused = await _refusal(asked, response)
            if refused is None:
                return response
            if repeats == MOST_REPEATS or not await self._adapt(asked, refused):
                try:
                    raise refused
                finally:
                    del refused  # its traceback refers to this frame, which holds the request
        raise AssertionError("the last repetition returns or raises")

    def _read_limits(self, headers: Mapping[str, str], record: AttemptRecord) -> None:
        record.rate_limits = read_rate_limits(headers)
        if record.rate_limits is not None:
            self._on_limits(record)

    async def _adapt(self, asked: Asked, failure: UpstreamFailure) -> bool:
        """Leave out, or rename, what was refused; return False if that changes nothing."""
        before = asked.wire.body
        learn = partial(self.learned.learn, asked.candidate, failure, before)
        candidate = await off_loop(learn) if asked.is_heavy else learn()
        if candidate is None:
            return False
        await asked.write_for(candidate, asked.held)
        if asked.wire.body == before:
            return False
        self.learned.remember(candidate, failure)
        return True

    def _moment(self, race: RaceRecord, record: AttemptRecord, moment: Moment) -> None:
        self.notify(moment, race, record)

    async def call(
        self,
        race: RaceRecord,
        candidate: Candidate,
        role: Literal["embed", "count"],
        write: Callable[[Candidate], WireRequest],
        read: Callable[[bytes], tuple[_Answer, Usage | None]],
        *,
        is_heavy: bool = False,
        repeats: bool = False,
    ) -> _Answer:
        """Make one attempt whose answer is one body, and return that answer.

        `write` returns the request for a candidate. `read` returns the answer in a body, and the
        usage that the body reports; without usage the cost is estimated from `race.prompt`. If the
        body cannot be read the attempt has failed, and another candidate may help. An attempt that
        `repeats` an earlier one is admitted as a retry, which draws from the hedge budget. Its
        record has the role of its kind, because it says as little of chats as the first one.

        **Raises.** `UpstreamFailure`. **Cancellation.** The socket is closed.
        """
        classify = self._providers[candidate.kind].classify
        # No await between `admit` and `recorded`: see `admit`.
        await self.admit(race, candidate, "retry" if repeats else role)
        with (
            self.recorded(race, candidate, role) as record,
            self._in_flight.hold() as held,
        ):
            record.prompt = race.prompt
            request = await written(write, candidate, is_heavy=is_heavy)
            hold(held, len(request.body))
            body = await fetch(
                self._transport, request, classify, record, self._read_limits, held=held
            )
            try:
                reading = partial(read, body)
                heavy = heavy_document(body)
                answer, usage = await off_loop(reading) if heavy else reading()
            except UpstreamFailure:
                raise
            except Exception as error:
                raise unreadable(candidate, error) from error
            record.usage = believed_usage(usage, candidate)
            self.commit(race, record)
            record.complete = True
            return answer


async def _refusal(asked: Asked, response: UpstreamResponse) -> UpstreamFailure | None:
    """Return why a response is no answer; None if it is one."""
    try:
        await expect_answer(asked.spec, response, asked.candidate)
    except UpstreamFailure as failure:
        return failure
    return None


@contextmanager
def _measured(
    race: RaceRecord,
    record: AttemptRecord,
    request: ChatRequest,
    pace_of: Callable[[Candidate], float | None],
    *,
    rewritten: bool,
) -> Iterator[None]:
    """Measure what an estimate of the cost needs at the end of the block, if no usage arrived.

    That is the prompt, and the pace of the model's hidden thought.
    The caller's own prompt is measured once per race. A rewritten one is measured for its attempt.
    """
    try:
        yield
    finally:
        price = record.candidate.card.price
        if record.usage is None:
            record.pace = pace_of(record.candidate)
        if record.usage is None and price is not None and not price.is_free:
            record.prompt = None if rewritten else race.prompt
            record.prompt = record.prompt or measure_prompt(request)
            if not rewritten:
                race.prompt = record.prompt
