"""Opens one attempt as an async context manager of events, and keeps its record.

The provider's module writes the request and reads the frames, the wire moves the bytes; this
package owns the time and the books. A stream is closed when the `async with` is left, on every
path, before the record says that the attempt has ended: so there are never more upstream streams
than live attempts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TypeVar

import httpx
import trio

from omen.attempts._call import fetch
from omen.attempts._ending import conclude
from omen.attempts._patience import Patience
from omen.attempts._running import RunningAttempt
from omen.candidates import Candidate
from omen.chat import ChatRequest
from omen.errors import FailureKind, UpstreamFailure
from omen.frames import WireRequest
from omen.plan import AttemptRecord, Moment, Observer, OpenAttempt, RaceRecord
from omen.providers import ProviderSpec, read_rate_limits
from omen.wire.framing import make_reader
from omen.wire.upstream import UpstreamResponse, open_response

_Answer = TypeVar("_Answer")

_CONTENT_TYPES = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}


class Attempts:
    """Opens attempts over one transport and knows which are alive."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        providers: Mapping[str, ProviderSpec],
        observers: Sequence[Observer] = (),
    ) -> None:
        self._transport = transport
        self._providers = providers
        self._observers = tuple(observers)
        self._live: dict[AttemptRecord, RaceRecord] = {}

    def __repr__(self) -> str:
        names = ", ".join(record.candidate.name for record in self.live)
        return f"<Attempts {len(self.live)} live{': ' + names if names else ''}>"

    @property
    def live(self) -> Mapping[AttemptRecord, RaceRecord]:
        """Every attempt that may still hold an upstream stream, oldest first, and its race."""
        return self._live

    def opener(self, race: RaceRecord, request: ChatRequest) -> OpenAttempt:
        """Make the `OpenAttempt` of one race: what it opens is written into `race.attempts`."""
        return partial(self._open, race, request)

    @asynccontextmanager
    async def _open(
        self, race: RaceRecord, request: ChatRequest, candidate: Candidate
    ) -> AsyncIterator[RunningAttempt]:
        spec = self._providers[candidate.kind]
        patience = Patience(candidate)
        with self._recorded(race, candidate) as record:
            wire_request = spec.encode(request, candidate)
            async with AsyncExitStack() as stack:
                with patience.spend():
                    response = await stack.enter_async_context(
                        open_response(self._transport, wire_request, owner=record)
                    )
                    # Of a refusal, too: that is when it matters most.
                    record.rate_limits = read_rate_limits(response.headers)
                    await _expect_stream(spec, response)
                record.responded_at = trio.current_time()
                yield RunningAttempt(
                    record,
                    response,
                    reader=make_reader(spec.FRAMING),
                    decoder=spec.decoder(request, candidate),
                    patience=patience,
                    on_commit=partial(self._commit, race, record),
                    on_progress=partial(self._tell, "progressed", race, record),
                )

    async def call(
        self,
        race: RaceRecord,
        candidate: Candidate,
        request: WireRequest,
        read: Callable[[bytes], _Answer],
    ) -> _Answer:
        """Make one attempt whose answer is one body, and give what `read` makes of that.

        A body that cannot be read has not won: it failed, and another candidate may help.

        **Raises.** `UpstreamFailure`. **Cancellation.** The socket is closed.
        """
        classify = self._providers[candidate.kind].classify
        with self._recorded(race, candidate) as record:
            answer = read(await fetch(self._transport, request, classify, record))
            self._commit(race, record)
            record.complete = True
            return answer

    @contextmanager
    def _recorded(self, race: RaceRecord, candidate: Candidate) -> Iterator[AttemptRecord]:
        record = AttemptRecord(len(race.attempts), candidate, trio.current_time())
        race.attempts.append(record)
        self._live[record] = race
        self._tell("started", race, record)
        try:
            yield record
        except trio.Cancelled:
            record.cut_at = trio.current_time()
            raise
        except UpstreamFailure as failure:
            record.failure = failure
            record.outcome = "timed_out" if failure.kind is FailureKind.TIMEOUT else "failed"
            raise
        finally:
            record.ended_at = trio.current_time()
            if record.outcome == "running":
                conclude(race, record)
            del self._live[record]
            self._tell("ended", race, record)

    def _commit(self, race: RaceRecord, record: AttemptRecord) -> None:
        if race.winner is not None:
            raise RuntimeError(
                f"a second commit in race {race.race_id}, by {record.candidate.name}"
            )
        race.winner = record
        record.committed_at = trio.current_time()
        self._tell("committed", race, record)

    def _tell(self, moment: Moment, race: RaceRecord, record: AttemptRecord) -> None:
        for observer in self._observers:
            observer(moment, race, record)


async def _expect_stream(spec: ProviderSpec, response: UpstreamResponse) -> None:
    """Refuse an answer that is not a stream: an error status, or a 200 that is something else.

    A 200 is not yet a stream: xAI answers a streaming request with a JSON error and status 200,
    and proxies answer with HTML. One that names no type at all is taken at its word.
    """
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status == 200 and content_type in ("", _CONTENT_TYPES[spec.FRAMING]):
        return
    body = await response.read_body()
    raise spec.classify(response.status, response.headers, body)
