"""The gateway: what front ends call.

It owns what lives longer than a request (the transport and its idle connections); a request's own
streams are owned by the request's task, inside `run`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import trio

from omen.config import Settings
from omen.core.callers import ANYBODY, Caller
from omen.core.candidates import Candidate
from omen.core.cards import UNKNOWN, ModelCard
from omen.core.chat import ChatRequest
from omen.core.costs import measure_texts
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Usage
from omen.core.hints import RaceHints
from omen.core.plan import Output, RaceRecord
from omen.gateway._counts import Counts
from omen.gateway._parts import Parts
from omen.gateway._reload import Reload, plan_reload
from omen.gateway._sockets import UpstreamSockets, count_sockets
from omen.providers import load_kinds
from omen.race.engine import ask_in_turn
from omen.routing import CatalogProvider, RequestContext, Score


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model some provider lists, under the name by which it can be asked for exactly."""

    provider: str
    model: str
    card: ModelCard = UNKNOWN


class Gateway:
    """Plans races and runs them."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._router = parts.router(settings)
        self._catalog = parts.catalog
        self._pipeline = parts.pipeline
        self.settings = settings
        """What is in force; see `reload`."""
        self.strategies = tuple(parts.pipeline.strategies)
        """Names of those that are installed."""
        self.attempts = parts.pipeline.attempts
        self.cache = parts.pipeline.cache
        self.limits = parts.pipeline.limits
        self.health = parts.health
        self.first_tokens = parts.first_tokens
        self.keys = parts.keys
        self.months = parts.months
        self.store = parts.store
        self.books = parts.books
        """None when no books are kept: a test, or a race in a command's own process."""
        self.cancel_times = parts.cancel_times
        self.hedges = parts.hedges
        self.races = parts.races
        self.counts = Counts()
        self.audit = parts.audit
        """To be run around each request, when there is one."""

    def __repr__(self) -> str:
        return f"<Gateway providers={list(self._catalog.names)} {self.attempts!r}>"

    @property
    def aliases(self) -> tuple[str, ...]:
        """Names that stand for a list of models, and can be asked for like one."""
        return tuple(self.settings.routing.aliases)

    @property
    def upstream_sockets(self) -> UpstreamSockets | None:
        """Count the sockets to upstreams; None over a foreign transport, which does not tell."""
        return count_sockets(self._parts.transport)

    @property
    def models(self) -> tuple[ServedModel, ...]:
        """Every model that is listed, in the order of the configuration."""
        return tuple(
            ServedModel(provider.name, model, provider.card(model))
            for provider in self._catalog
            for model in provider.listed
        )

    @property
    def providers(self) -> tuple[CatalogProvider, ...]:
        """Every provider, in the order of the configuration."""
        return tuple(self._catalog)

    @property
    def scores(self) -> Mapping[str, Score]:
        """Every provider's score now, by name."""
        return {p.name: self._parts.scores.of_provider(p) for p in self._catalog}

    @property
    def beyond_soft_limit(self) -> list[str]:
        """The providers that have spent their share of this month's budget."""
        return [name for name in self._catalog.names if self.months.is_beyond(name)]

    @property
    def ready(self) -> bool:
        """Whether there is any provider that could answer: one that is not known to be down."""
        return any(self.health.state(name) != "down" for name in self._catalog.names)

    def reload(self, settings: Settings) -> Reload:
        """Go by other settings from now on, as far as that can be done while serving.

        Requests that run go on as they began. What came of it says what has changed, and what
        needs a restart.
        """
        reload = plan_reload(self.settings, settings)
        if reload.applied:
            self._parts.adapt(reload.settings)
            self._router = self._parts.router(reload.settings)
        self.settings = reload.settings
        return reload

    async def prepare(self) -> None:
        """Read the keys, and what this month has cost so far, before anybody is served.

        What cannot be read now is read again later; see `keep_up`.
        """
        await self.keys.refresh()
        await self._parts.upkeep.restore_spending()

    async def keep_up(self) -> None:
        """Do what goes on beside requests, until cancelled; then write the books' last rows.

        It belongs into the nursery of whoever serves, and outlives the requests there.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.keys.run)
            nursery.start_soon(self._parts.upkeep.run)

    async def keep_probing(self) -> None:
        """Look at every endpoint now and then, until cancelled; a part of `keep_up`."""
        await self._parts.upkeep.keep_probing()

    def plan(
        self,
        model: str,
        hints: RaceHints,
        accepted_at: float,
        request_id: str = "",
        *,
        request: ChatRequest | None = None,
        caller: Caller = ANYBODY,
    ) -> RaceRecord:
        """Decide on a race, without starting anything.

        **Raises.** `RequestError` when the request cannot be served as it stands.
        """
        plan = self._router.plan(model, hints, accepted_at, RequestContext(request, caller))
        return RaceRecord(
            race_id=secrets.token_hex(12),
            plan=plan,
            accepted_at=accepted_at,
            accepted_unix=time.time() - (trio.current_time() - accepted_at),
            request_id=request_id,
            caller=caller,
            model=model,
            hints=hints,
            project=(hints.tags or {}).get("project"),
        )

    async def run(self, race: RaceRecord, request: ChatRequest, output: Output) -> None:
        """Run a planned race; when it returns, the whole answer has been sent to `output`.

        **Raises.** `RateLimited` when its key asks too often, `BudgetExceeded` when nothing can be
        started for so little, `RaceError` when nobody committed, `UpstreamFailure` when the winner
        died.
        **Cancellation.** Every upstream stream of the race is closed.
        """
        with self.counts.running():
            await self._pipeline.run(race, request, output, self._router)

    async def embed(self, race: RaceRecord, request: EmbeddingsRequest) -> Embeddings:
        """Have texts embedded, by the first of a plan's candidates that can.

        **Raises.** `RaceError` when everybody failed; who has no embeddings failed, too.
        **Cancellation.** The upstream socket is closed.
        """

        async def ask(candidate: Candidate) -> Embeddings:
            embedder = load_kinds()[candidate.kind].embedder
            if embedder is None:
                words = f"{candidate.kind} has no embeddings"
                raise UpstreamFailure(FailureKind.UNSUPPORTED, words)

            def read(body: bytes) -> tuple[Embeddings, Usage | None]:
                found = embedder.read(body, count=len(request.inputs))
                tokens = found.prompt_tokens
                return found, None if tokens is None else Usage(tokens, 0)

            write = partial(embedder.encode, request)
            return await self.attempts.call(race, candidate, "embed", write, read)

        with self.counts.running():
            async with self._pipeline.embedding(race, measure_texts(request.inputs)):
                return await ask_in_turn(race, ask)

    async def count_tokens(self, race: RaceRecord, request: ChatRequest) -> int | None:
        """Have the tokens of a prompt counted; None when the first candidate does not count.

        **Raises.** `RaceError` when everybody who was asked failed.
        **Cancellation.** The upstream socket is closed.
        """
        if load_kinds()[race.plan.candidates[0].kind].counter is None:
            return None

        async def ask(candidate: Candidate) -> int:
            counter = load_kinds()[candidate.kind].counter
            if counter is None:
                words = f"{candidate.kind} does not count tokens"
                raise UpstreamFailure(FailureKind.UNSUPPORTED, words)

            def read(body: bytes) -> tuple[int, None]:
                return counter.read(body), None

            write = partial(counter.encode, request)
            return await self.attempts.call(race, candidate, "count", write, read)

        async with self._pipeline.counting(race):
            return await ask_in_turn(race, ask)
