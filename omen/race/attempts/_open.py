"""Opens one attempt as an async context manager, and keeps its record.

The provider's module writes the request and reads the frames, and `omen.wire` moves the bytes. This
package owns timeouts and records. A stream is closed when the `async with` is left, on every path,
before the record has its end. So there are never more upstream streams than live attempts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import httpx
import trio

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import UpstreamFailure
from omen.core.events import Usage
from omen.core.frames import WireRequest
from omen.core.plan import OpenAttempt, Rewrite, Role
from omen.core.prompt_size import measure_prompt
from omen.core.records import Admission, AttemptRecord, Moment, Observer, RaceRecord, Reservation
from omen.core.useful import UsefulMeter
from omen.providers import Decoder, ProviderSpec, read_rate_limits
from omen.race.attempts._believed import believed_usage
from omen.race.attempts._call import fetch
from omen.race.attempts._faults import undecodable, unreadable, unwritable
from omen.race.attempts._learned import LearnedQuirks
from omen.race.attempts._patience import Patience
from omen.race.attempts._registry import AttemptRegistry
from omen.race.attempts._response import expect_answer
from omen.race.attempts._running import RunningAttempt
from omen.wire.framing import make_reader
from omen.wire.upstream import UpstreamResponse, open_response

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
        threshold: Threshold = DEFAULT_THRESHOLD,
        on_limits: Callable[[AttemptRecord], None] = lambda record: None,
    ) -> None:
        super().__init__(observers, admissions, reservations, extra_admissions)
        self._on_limits = on_limits
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
        return partial(self._open, race, request)

    def _open(
        self,
        race: RaceRecord,
        request: ChatRequest,
        candidate: Candidate,
        role: Role = "primary",
        /,
        *,
        rewrite: Rewrite | None = None,
    ) -> AbstractAsyncContextManager[RunningAttempt]:
        to_send = request if rewrite is None else rewrite(request)
        return self._opened(race, to_send, candidate, role, rewritten=rewrite is not None)

    @asynccontextmanager
    async def _opened(
        self,
        race: RaceRecord,
        request: ChatRequest,
        candidate: Candidate,
        role: Role,
        *,
        rewritten: bool,
    ) -> AsyncIterator[RunningAttempt]:
        spec = self._providers[candidate.kind]
        # No await between `admit` and `recorded`: see `admit`.
        await self.admit(race, candidate, role)
        with (
            self.recorded(race, candidate, role) as record,
            _measured(race, record, request, rewritten=rewritten),
        ):
            if self.learned.known:
                candidate = self.learned.applied(candidate)
            asked = _Asked(spec, request, candidate)
            patience = Patience(candidate, streams=asked.wire.streams)
            async with AsyncExitStack() as stack:
                with patience.spend():
                    response = await self._answer(asked, record, stack)
                record.responded_at = trio.current_time()
                yield RunningAttempt(
                    record,
                    response,
                    reader=make_reader(spec.framing),
                    decoder=asked.make_decoder(),
                    patience=patience,
                    meter=UsefulMeter(*self.threshold),
                    on_commit=partial(self.commit, race, record),
                    on_moment=partial(self._moment, race, record),
                    is_only_candidate=len(race.plan.candidates) == 1,
                )

    async def _answer(
        self, asked: _Asked, record: AttemptRecord, stack: AsyncExitStack
    ) -> UpstreamResponse:
        """Return a response that is an answer. A field that is refused by name is left out.

        **Raises.** `UpstreamFailure`.
        """
        for repeats in range(MOST_REPEATS + 1):
            async with AsyncExitStack() as opened:
                response = await opened.enter_async_context(
                    open_response(self._transport, asked.wire, owner=record)
                )
                # Before the status is checked: the limits matter most with a 429.
                self._read_limits(response.headers, record)
                try:
                    await expect_answer(asked.spec, response, asked.candidate)
                except UpstreamFailure as failure:
                    if repeats == MOST_REPEATS or not self._adapt(asked, failure):
                        raise
                    continue
                stack.push_async_exit(opened.pop_all())
                return response
        raise AssertionError("the last repetition returns or raises")

    def _read_limits(self, headers: Mapping[str, str], record: AttemptRecord) -> None:
        record.rate_limits = read_rate_limits(headers)
        if record.rate_limits is not None:
            self._on_limits(record)

    def _adapt(self, asked: _Asked, failure: UpstreamFailure) -> bool:
        """Leave out, or rename, what was refused; return False if that changes nothing."""
        candidate = self.learned.learn(asked.candidate, failure, asked.wire.body)
        if candidate is None:
            return False
        before, asked.candidate = asked.wire.body, candidate
        asked.write()
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
    ) -> _Answer:
        """Make one attempt whose answer is one body, and return that answer.

        `write` returns the request for a candidate. `read` returns the answer in a body, and the
        usage that the body reports; without usage the cost is estimated from `race.prompt`. If the
        body cannot be read the attempt has failed, and another candidate may help.

        **Raises.** `UpstreamFailure`. **Cancellation.** The socket is closed.
        """
        classify = self._providers[candidate.kind].classify
        # No await between `admit` and `recorded`: see `admit`.
        await self.admit(race, candidate, role)
        with self.recorded(race, candidate, role) as record:
            record.prompt = race.prompt
            try:
                request = write(candidate)
            except UpstreamFailure:
                raise
            except Exception as error:
                raise unwritable(candidate, error) from error
            body = await fetch(self._transport, request, classify, record, self._read_limits)
            try:
                answer, usage = read(body)
            except UpstreamFailure:
                raise
            except Exception as error:
                raise unreadable(candidate, error) from error
            record.usage = believed_usage(usage, candidate)
            self.commit(race, record)
            record.complete = True
            return answer


class _Asked:
    """A request to a candidate in its provider's wire format."""

    def __init__(self, spec: ProviderSpec, request: ChatRequest, candidate: Candidate) -> None:
        self.spec = spec
        self.candidate = candidate
        self._request = request
        self.write()

    def write(self) -> None:
        """Write the request for the candidate as it is now."""
        try:
            self.wire: WireRequest = self.spec.encode(self._request, self.candidate)
        except UpstreamFailure:
            raise
        except Exception as error:
            raise unwritable(self.candidate, error) from error

    def make_decoder(self) -> Decoder:
        """Return a decoder for the answer, which has begun. **Raises.** `UpstreamFailure`."""
        try:
            return self.spec.decoder(self._request, self.candidate)
        except UpstreamFailure:
            raise
        except Exception as error:
            raise undecodable(self.candidate, error) from error


@contextmanager
def _measured(
    race: RaceRecord, record: AttemptRecord, request: ChatRequest, *, rewritten: bool
) -> Iterator[None]:
    """Measure the prompt at the end of the block if no usage arrived, for an estimate of the cost.

    The caller's own prompt is measured once per race. A rewritten one is measured for its attempt.
    """
    try:
        yield
    finally:
        price = record.candidate.card.price
        if record.usage is None and price is not None and not price.is_free:
            record.prompt = None if rewritten else race.prompt
            record.prompt = record.prompt or measure_prompt(request)
            if not rewritten:
                race.prompt = record.prompt
