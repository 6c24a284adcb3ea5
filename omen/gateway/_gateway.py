"""The gateway: what front ends call.

It owns what lives longer than a request (the transport and its idle connections); a request's own
streams are owned by the request's task, inside `run`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import httpx
import trio

from omen.attempts import Attempts
from omen.audit import RequestAudit
from omen.budget import Budgets
from omen.callers import ANYBODY, Caller
from omen.candidates import Candidate
from omen.cards import UNKNOWN, ModelCard
from omen.chat import ChatRequest
from omen.config import HealthSettings
from omen.embeddings import Embeddings, EmbeddingsRequest
from omen.engine import ask_in_turn, run_race
from omen.errors import FailureKind, UpstreamFailure
from omen.events import Usage
from omen.hints import RaceHints
from omen.plan import Output, RaceRecord, Strategy
from omen.probes import Target, keep_probing
from omen.providers import COUNTERS, EMBEDDERS, KINDS
from omen.reasoning import ReasoningMemory
from omen.routing import Asked, Catalog, CatalogProvider, Health, HedgeBudget, Router, Score, Scores
from omen.telemetry import CancelTimes, HedgeCounts, RaceLog
from omen.wire.transport import Transport


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model some provider lists, under the name by which it can be asked for exactly."""

    provider: str
    model: str
    card: ModelCard = UNKNOWN


@dataclass(frozen=True, slots=True)
class UpstreamSockets:
    """How many there are to upstreams. One in use belongs to one live attempt, at every moment."""

    in_use: int
    idle: int
    probing: int = 0
    """Further ones, that probes have."""


class Gateway:
    """Plans races and runs them."""

    def __init__(
        self,
        catalog: Catalog,
        router: Router,
        strategies: Mapping[str, Strategy],
        attempts: Attempts,
        transport: httpx.AsyncBaseTransport,
        *,
        aliases: Sequence[str] = (),
        cancel_times: CancelTimes,
        hedges: HedgeCounts,
        races: RaceLog,
        health: Health,
        health_settings: HealthSettings,
        scores: Scores,
        hedge_budget: HedgeBudget,
        budgets: Budgets,
        audit: RequestAudit | None = None,
    ) -> None:
        self._catalog = catalog
        self._router = router
        self._strategies = strategies
        self._transport = transport
        self._reasoning = ReasoningMemory()
        self.attempts = attempts
        self.aliases = tuple(aliases)
        """Names that stand for a list of models, and can be asked for like one."""
        self.cancel_times = cancel_times
        self.hedges = hedges
        self.races = races
        self.health = health
        self._health_settings = health_settings
        self._scores = scores
        self._hedge_budget = hedge_budget
        self._budgets = budgets
        self.audit = audit
        """To be run around each request, when there is one."""

    def __repr__(self) -> str:
        return f"<Gateway providers={list(self._catalog.names)} {self.attempts!r}>"

    @property
    def upstream_sockets(self) -> UpstreamSockets | None:
        """Count the sockets to upstreams; None over a foreign transport, which does not tell."""
        if not isinstance(self._transport, Transport):
            return None
        all_ = owners(self._transport)
        probes = sum(isinstance(owner, Target) for owner in all_)
        return UpstreamSockets(len(all_) - probes, self._transport.sockets_idle, probes)

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
        return {p.name: self._scores.of_provider(p) for p in self._catalog}

    @property
    def ready(self) -> bool:
        """Whether there is any provider that could answer: one that is not known to be down."""
        return any(self.health.state(name) != "down" for name in self._catalog.names)

    async def keep_probing(self) -> None:
        """Look at every endpoint now and then, until cancelled; returns at once if switched off.

        It belongs into the nursery of whoever serves: what it learns is in `health` and `models`.
        """
        settings = self._health_settings
        if not settings.probe:
            return
        targets = [
            Target(p.name, KINDS[p.kind], endpoint, p.quirks, discovers=not p.models)
            for p in self._catalog
            for endpoint in p.endpoints
        ]
        await keep_probing(
            self._transport,
            targets,
            self,
            interval=settings.interval_seconds,
            within=settings.timeout_seconds,
        )

    def probed(self, target: Target, failure: UpstreamFailure | None, seconds: float) -> None:
        """Hear from a probe."""
        self.health.probed(target.provider, target.endpoint.base_url, failure, seconds)

    def found(self, target: Target, models: Mapping[str, ModelCard]) -> None:
        """Hear which models an endpoint has."""
        self._catalog[target.provider].discovered[target.endpoint.base_url] = models

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
        plan = self._router.plan(model, hints, accepted_at, Asked(request, caller))
        return RaceRecord(
            race_id=secrets.token_hex(12),
            plan=plan,
            accepted_at=accepted_at,
            accepted_unix=time.time() - (trio.current_time() - accepted_at),
            request_id=request_id,
            caller=caller,
            project=(hints.tags or {}).get("project"),
        )

    async def run(self, race: RaceRecord, request: ChatRequest, output: Output) -> None:
        """Run a planned race; when it returns, the whole answer has been sent to `output`.

        **Raises.** `BudgetExceeded` when nothing can be started for so little, `RaceError` when
        nobody committed, `UpstreamFailure` when the winner died.
        **Cancellation.** Every upstream stream of the race is closed.
        """
        if request.tools:
            # A client may have begun to run what the first answer called.
            race.plan = replace(race.plan, restart=False)
        self._budgets.open(race, request)
        self._hedge_budget.request()
        try:
            strategy = self._strategies[race.plan.strategy]
            opener = self.attempts.opener(race, self._reasoning.recall(request))
            await run_race(race, strategy, opener, self._reasoning.watch(request, output))
        finally:
            self._budgets.close(race)

    async def embed(self, race: RaceRecord, request: EmbeddingsRequest) -> Embeddings:
        """Have texts embedded, by the first of a plan's candidates that can.

        **Raises.** `RaceError` when everybody failed; who has no embeddings failed, too.
        **Cancellation.** The upstream socket is closed.
        """

        async def ask(candidate: Candidate) -> Embeddings:
            embedder = EMBEDDERS.get(candidate.kind)
            if embedder is None:
                words = f"{candidate.kind} has no embeddings"
                raise UpstreamFailure(FailureKind.UNSUPPORTED, words)
            asked = embedder.encode(request, candidate)
            read = partial(embedder.read, count=len(request.inputs))
            return await self.attempts.call(race, candidate, asked, read)

        found = await ask_in_turn(race, ask)
        if race.winner is not None and found.prompt_tokens is not None:
            race.winner.usage = Usage(found.prompt_tokens, 0)
        return found

    async def count_tokens(self, race: RaceRecord, request: ChatRequest) -> int | None:
        """Have the tokens of a prompt counted; None when the first candidate does not count.

        **Raises.** `RaceError` when everybody who was asked failed.
        **Cancellation.** The upstream socket is closed.
        """
        if race.plan.candidates[0].kind not in COUNTERS:
            return None

        async def ask(candidate: Candidate) -> int:
            counter = COUNTERS.get(candidate.kind)
            if counter is None:
                words = f"{candidate.kind} does not count tokens"
                raise UpstreamFailure(FailureKind.UNSUPPORTED, words)
            asked = counter.encode(request, candidate)
            return await self.attempts.call(race, candidate, asked, counter.read)

        return await ask_in_turn(race, ask)


def owners(transport: httpx.AsyncBaseTransport) -> list[object]:
    """Say what the sockets in use are in use for."""
    exchanges = transport.exchanges if isinstance(transport, Transport) else ()
    return [exchange.owner for exchange in exchanges]
