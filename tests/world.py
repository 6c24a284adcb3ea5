"""A whole world in virtual time: simulated upstreams, our own transport and a gateway.

The bytes are real and in the vendors' formats; only the sockets are trio's memory streams, so that
a clock that jumps can carry a year of waiting and every number is exact.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from functools import partial

import trio
from trio.testing import memory_stream_pair

from omen.config import ProviderSettings, Settings
from omen.config.settings import Price
from omen.core.candidates import PLAIN, Quirks
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import OmenError
from omen.core.events import Event, TextDelta
from omen.core.hints import RaceHints
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.core.requests import RequestRecord
from omen.gateway import Books, Gateway, open_gateway
from omen.sim import Fixed, Profile, SimulatedUpstream, StreamStats
from omen.sim.faults import Fault
from omen.sim.text import answer_text
from omen.telemetry import LiveFeed, OpenTelemetry, pass_on
from omen.wire.transport import Origin, Transport

_PATHS = {"openai": "/v1", "anthropic": "", "ollama": "", "azure": "", "xai": "/v1"}
KINDS = ("openai", "anthropic", "ollama")


def upstream(
    name: str,
    kind: str = "openai",
    *,
    first_token: float = 0.5,
    gap: float = 0.1,
    tokens: int = 10,
    fault: Fault | None = None,
    model: str = "m",
) -> SimulatedUpstream:
    """A simulated upstream whose every stream goes the same way."""
    profile = Profile(
        first_token=Fixed(first_token),
        gap=Fixed(gap),
        tokens=tokens,
        faults=() if fault is None else (fault,),
    )
    return SimulatedUpstream(name, kind, profile, models=(model,))  # type: ignore[arg-type]


@dataclass
class Received:
    """What one request's client got, and when (seconds on the test's clock)."""

    race: RaceRecord
    sent: list[tuple[float, Event]] = field(default_factory=list)
    error: OmenError | None = None
    slow: float = 0.0

    async def send(self, events: Sequence[Event]) -> None:
        await trio.sleep(self.slow)
        self.sent += [(trio.current_time(), event) for event in events]

    @property
    def text(self) -> str:
        return "".join(event.text for _, event in self.sent if isinstance(event, TextDelta))

    @property
    def outcomes(self) -> dict[str, str]:
        return {a.candidate.provider: a.outcome for a in self.race.attempts}

    @property
    def winner(self) -> str | None:
        return self.race.winner.candidate.provider if self.race.winner else None


@dataclass
class World:
    """A gateway over simulated upstreams."""

    gateway: Gateway
    transport: Transport
    stats: dict[str, StreamStats]
    rows: list[tuple[RaceRecord, AttemptRecord]]
    """Every attempt that has ended or was denied, with its race."""
    feed: LiveFeed = field(default_factory=LiveFeed)
    requests: list[RequestRecord] = field(default_factory=list)
    """Every request that has ended at a door."""

    def plan(self, *, model: str = "m", **hints: object) -> RaceRecord:
        """Plan as for a client that says this."""
        wanted = replace(RaceHints(strategy="race", k=8), **hints)
        return self.gateway.plan(model, wanted, trio.current_time())

    async def run(
        self,
        race: RaceRecord,
        prompt: str = "hello",
        *,
        slow: float = 0.0,
        into: Received | None = None,
        **more: object,
    ) -> Received:
        """Run what was planned, perhaps into what one has already; `more` is of the request."""
        received = into or Received(race, slow=slow)
        request = ChatRequest(messages=(Message("user", (TextPart(prompt),)),), **more)
        try:
            await self.gateway.run(race, request, received)
        except OmenError as error:
            received.error = error
        return received

    async def ask(
        self, prompt: str = "hello", *, slow: float = 0.0, model: str = "m", **hints: object
    ) -> Received:
        """Ask as a client would; what went wrong is in `error`."""
        return await self.run(self.plan(model=model, **hints), prompt, slow=slow)

    def assert_nothing_left(self) -> None:
        """No attempt lives, no upstream socket is in use, no upstream still generates."""
        assert self.gateway.attempts.live == {}
        assert self.transport.sockets_in_use == 0
        assert {name: stats.open for name, stats in self.stats.items()} == dict.fromkeys(
            self.stats, 0
        )


@asynccontextmanager
async def open_world(
    *upstreams: SimulatedUpstream,
    first_token_timeout: float | None = 60.0,
    stall_timeout: float = 60.0,
    settings: Settings | None = None,
    listed: bool = True,
    price: Price | None = None,
    quirks: Mapping[str, Quirks] | None = None,
    max_concurrency: int = 256,
    queue_seconds: float = 5.0,
    max_queued: int = 256,
    books: Books | None = None,
    dials: Mapping[str, Callable[[], Awaitable[trio.abc.Stream]]] | None = None,
    spans: OpenTelemetry | None = None,
) -> AsyncIterator[World]:
    """Open a gateway over these upstreams, which are its providers in this order.

    Their models are configured, unless they are not to be `listed`, and cost `price` each. Without
    a `first_token_timeout` it is that of the kind and the model. `dials` replaces the connecting to
    some of them, by name.
    """
    by_name = {up.name: up for up in upstreams}
    stats = {up.name: StreamStats() for up in upstreams}
    providers = {
        up.name: ProviderSettings(
            name=up.name,
            kind=up.kind,
            base_urls=(f"http://{up.name}{_PATHS[up.kind]}",),
            models=up.models if listed else (),
            first_token_timeout_seconds=first_token_timeout,
            stall_timeout_seconds=stall_timeout,
            max_concurrency=max_concurrency,
            queue_seconds=queue_seconds,
            max_queued=max_queued,
            prices={} if price is None else dict.fromkeys(up.models, price),
            quirks=(quirks or {}).get(up.name, PLAIN),
        )
        for up in upstreams
    }
    async with trio.open_nursery() as nursery:

        async def dial(origin: Origin) -> trio.abc.Stream:
            if dials is not None and origin.host in dials:
                return await dials[origin.host]()
            ours, theirs = memory_stream_pair()
            serve = partial(by_name[origin.host].serve_connection, stats=stats[origin.host])
            # Another machine's task: it inherits nothing of the request that dials.
            Context().run(nursery.start_soon, serve, theirs)
            return ours

        transport = Transport(dial=dial)
        chosen = replace(settings or Settings(), providers=providers)
        rows: list[tuple[RaceRecord, AttemptRecord]] = []

        def book(moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
            if moment in ("ended", "denied"):
                rows.append((race, attempt))

        feed = LiveFeed()
        observers = [book, feed, *([] if spans is None else [spans])]
        requests: list[RequestRecord] = []
        opened = open_gateway(
            chosen,
            transport=transport,
            observers=observers,
            books=books,
            request_observers=[requests.append, *([] if spans is None else [spans.end_request])],
            begin_trace=pass_on if spans is None else spans.begin_trace,
        )
        async with opened as gateway:
            yield World(gateway, transport, stats, rows, feed, requests)
        nursery.cancel_scope.cancel()


def whole(name: str, tokens: int = 10) -> str:
    """The text an upstream of this name answers."""
    return answer_text(name, tokens)
