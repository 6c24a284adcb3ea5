"""Opens one attempt as an async context manager of events, and keeps its record.

The provider's module writes the request and reads the frames, the wire moves the bytes; this
package owns the time and the books. A stream is closed when the `async with` is left, on every
path, before the record says that the attempt has ended: so there are never more upstream streams
than live attempts.
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
from omen.core.costs import measure_prompt
from omen.core.errors import UpstreamFailure
from omen.core.events import Usage
from omen.core.frames import WireRequest
from omen.core.plan import (
    Admission,
    AttemptRecord,
    Moment,
    Observer,
    OpenAttempt,
    RaceRecord,
    Reservation,
    Rewrite,
    Role,
)
from omen.core.useful import UsefulMeter
from omen.providers import Decoder, ProviderSpec, read_rate_limits
from omen.race.attempts._call import fetch
from omen.race.attempts._faults import unreadable, unwritable
from omen.race.attempts._patience import Patience
from omen.race.attempts._registry import AttemptRegistry
from omen.race.attempts._running import RunningAttempt
from omen.wire.framing import make_reader
from omen.wire.upstream import UpstreamResponse, open_response

_Answer = TypeVar("_Answer")


class Threshold(NamedTuple):
    """From when on an answer is useful: the arguments of `UsefulMeter`."""

    min_useful_tokens: int
    reasoning_counts: bool


DEFAULT_THRESHOLD = Threshold(5, reasoning_counts=False)

_CONTENT_TYPES = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}


class Attempts(AttemptRegistry):
    """Opens attempts over one transport and knows which are alive."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        providers: Mapping[str, ProviderSpec],
        observers: Sequence[Observer] = (),
        admissions: Sequence[Admission] = (),
        reservations: Sequence[Reservation] = (),
        *,
        threshold: Threshold = DEFAULT_THRESHOLD,
    ) -> None:
        super().__init__(observers, admissions, reservations)
        self._transport = transport
        self._providers = providers
        self.threshold = threshold
        """From when on an answer counts as useful for what is learnt of its provider."""

    def __repr__(self) -> str:
        names = ", ".join(record.candidate.name for record in self.live)
        return f"<Attempts {len(self.live)} live{': ' + names if names else ''}>"

    def opener(self, race: RaceRecord, request: ChatRequest) -> OpenAttempt:
        """Make the `OpenAttempt` of one race: what it opens is written into `race.attempts`."""
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
        asked = request if rewrite is None else rewrite(request)
        return self._opened(race, asked, candidate, role, rewritten=rewrite is not None)

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
        await self.admit(race, candidate, role)
        with (
            self.recorded(race, candidate, role) as record,
            _measured(race, record, request, rewritten=rewritten),
        ):
            patience = Patience(candidate)
            wire_request, decoder = _translation(spec, request, candidate)
            async with AsyncExitStack() as stack:
                with patience.spend():
                    response = await stack.enter_async_context(
                        open_response(self._transport, wire_request, owner=record)
                    )
                    # Of a refusal, too: that is when it matters most.
                    record.rate_limits = read_rate_limits(response.headers)
                    await _expect_stream(spec, response, candidate)
                record.responded_at = trio.current_time()
                yield RunningAttempt(
                    record,
                    response,
                    reader=make_reader(spec.framing),
                    decoder=decoder,
                    patience=patience,
                    meter=UsefulMeter(*self.threshold),
                    on_commit=partial(self.commit, race, record),
                    on_moment=partial(self._moment, race, record),
                )

    def _moment(self, race: RaceRecord, record: AttemptRecord, moment: Moment) -> None:
        self.tell(moment, race, record)

    async def call(
        self,
        race: RaceRecord,
        candidate: Candidate,
        role: Literal["embed", "count"],
        write: Callable[[Candidate], WireRequest],
        read: Callable[[bytes], tuple[_Answer, Usage | None]],
    ) -> _Answer:
        """Make one attempt whose answer is one body, and return what `read` makes of that.

        `read` also returns the usage that the body reports; without one the cost is estimated from
        `race.prompt`. A body that cannot be read has not won: the attempt failed, and another
        candidate may help.

        **Raises.** `UpstreamFailure`. **Cancellation.** The socket is closed.
        """
        classify = self._providers[candidate.kind].classify
        await self.admit(race, candidate, role)
        with self.recorded(race, candidate, role) as record:
            record.prompt = race.prompt
            try:
                request = write(candidate)
            except UpstreamFailure:
                raise
            except Exception as error:
                raise unwritable(candidate, error) from error
            body = await fetch(self._transport, request, classify, record)
            try:
                answer, record.usage = read(body)
            except UpstreamFailure:
                raise
            except Exception as error:
                raise unreadable(candidate, error) from error
            self.commit(race, record)
            record.complete = True
            return answer


def _translation(
    spec: ProviderSpec, request: ChatRequest, candidate: Candidate
) -> tuple[WireRequest, Decoder]:
    """Write the request, and make the decoder of its answer."""
    try:
        return spec.encode(request, candidate), spec.decoder(request, candidate)
    except UpstreamFailure:
        raise
    except Exception as error:
        raise unwritable(candidate, error) from error


@contextmanager
def _measured(
    race: RaceRecord, record: AttemptRecord, request: ChatRequest, *, rewritten: bool
) -> Iterator[None]:
    """Measure the prompt where no usage came, once a race, for a cost that is an estimate."""
    try:
        yield
    finally:
        price = record.candidate.card.price
        if record.usage is None and price is not None and not price.is_free:
            record.prompt = None if rewritten else race.prompt
            record.prompt = record.prompt or measure_prompt(request)
            if not rewritten:
                race.prompt = record.prompt


async def _expect_stream(
    spec: ProviderSpec, response: UpstreamResponse, candidate: Candidate
) -> None:
    """Refuse an answer that is not a stream: an error status, or a 200 that is something else.

    A 200 is not yet a stream: xAI answers a streaming request with a JSON error and status 200,
    and proxies answer with HTML. One that names no type at all is taken at its word.
    """
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status == 200 and content_type in ("", _CONTENT_TYPES[spec.framing]):
        return
    body = await response.read_body()
    try:
        failure = spec.classify(response.status, response.headers, body)
    except Exception as error:
        raise unreadable(candidate, error) from error
    raise failure
