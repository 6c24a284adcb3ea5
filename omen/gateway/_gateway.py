"""The gateway: the interface that front ends call.

It owns everything that outlives a request, such as the transport and its idle connections. The
upstream streams of a request belong to the request's task, inside `run`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import trio

from omen.admission import Pressure
from omen.config import Settings
from omen.core.callers import ANYBODY, Caller
from omen.core.cards import UNKNOWN, ModelCard
from omen.core.chat import ChatRequest
from omen.core.counts import RequestCounts
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.errors import AllAttemptsFailed
from omen.core.hints import RaceHints
from omen.core.names import check_names, kept_name
from omen.core.plan import Output
from omen.core.records import RaceRecord
from omen.gateway._one_body import count_tokens, embed
from omen.gateway._parts import Parts
from omen.gateway._pipeline import Counts
from omen.gateway._reload import Reload, plan_reload
from omen.gateway._sockets import UpstreamSockets, count_sockets
from omen.routing import CatalogProvider, RequestContext, Score, Slots


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a provider lists. `provider/model` is its exact name."""

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
        """The settings in force; see `reload`."""
        self.strategies = tuple(parts.pipeline.strategies)
        """The names of the installed strategies."""
        self.attempts = parts.pipeline.attempts
        self.cache = parts.pipeline.cache
        self.limits = parts.pipeline.limits
        self.health = parts.health
        self.first_tokens = parts.first_tokens
        self.keys = parts.keys
        self.months = parts.months
        self.store = parts.store
        self.books = parts.books
        """None when no ledger is kept: in a test, or for a race inside a command's process."""
        self.cancel_times = parts.cancel_times
        self.hedges = parts.hedges
        self.hedge_budget = parts.hedge_budget
        self.races = parts.races
        self.failures = parts.failures
        self.in_flight = parts.in_flight
        """The budget of bytes that are held for requests."""
        self.requests = parts.requests
        self.traffic = parts.traffic
        self.counts = Counts()
        self.audit = parts.audit
        """The audit to run around each request; None unless it is switched on."""

    def __repr__(self) -> str:
        return f"<Gateway providers={list(self._catalog.names)} {self.attempts!r}>"

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names that stand for a list of models. A caller may use them like a model."""
        return tuple(self.settings.routing.aliases)

    @property
    def counts_allowed(self) -> RequestCounts:
        """How many things one request may have. A restart applies other values."""
        limits = self.settings.limits
        return RequestCounts(
            messages=limits.max_messages,
            parts=limits.max_parts,
            tool_calls=limits.max_request_tool_calls,
            tools=limits.max_tools,
            inputs=limits.max_inputs,
        )

    @property
    def upstream_sockets(self) -> UpstreamSockets | None:
        """The numbers of sockets to upstreams; None for a foreign transport."""
        return count_sockets(self._parts.transport)

    @property
    def models(self) -> tuple[ServedModel, ...]:
        """Every listed model, in the order of the configuration."""
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
        """The current score of every provider, by name."""
        return {p.name: self.score_of(p) for p in self._catalog}

    def score_of(self, provider: CatalogProvider) -> Score:
        """Return the current score of one provider."""
        return self._parts.scores.of_provider(provider)

    @property
    def slots(self) -> Mapping[str, Slots]:
        """The slots of every provider: how many attempts run at it, and how many wait."""
        return self._parts.slots.providers

    @property
    def relieved(self) -> Mapping[Pressure, int]:
        """How many plans each level of pressure made smaller."""
        return self._pipeline.relief.relieved

    @property
    def beyond_soft_limit(self) -> list[str]:
        """The providers that have spent their share of this month's budget."""
        return [name for name in self._catalog.names if self.months.is_beyond(name)]

    @property
    def ready(self) -> bool:
        """Whether a request may be answered."""
        return self.unready_reason is None

    @property
    def unready_reason(self) -> str | None:
        """Why no request would be answered now, in words for an operator; None if one may be.

        A used-up budget is no such reason: it is what the operator wanted.
        """
        if self.keys.refuses_everybody:
            return "the keys could not be read yet, because the ledger's database does not answer"
        if not self._catalog.names:
            return "no provider is configured"
        if not any(self._may_answer(name) for name in self._catalog.names):
            return "every provider is down"
        if self.months.limit_usd is None or self.months.is_known or self._serves_for_free:
            return None
        return (
            "what this month has cost could not be read yet, because the ledger's database does not"
            " answer, and no model is free"
        )

    def _may_answer(self, provider: str) -> bool:
        return self.health.state(provider) != "down"

    @property
    def _serves_for_free(self) -> bool:
        """Whether a listed model needs no budget: it costs nothing, or counts as free."""
        return any(
            (self.months.unpriced_is_free if price is None else price.is_free)
            and self._may_answer(served.provider)
            for served in self.models
            for price in (served.card.price,)
        )

    def reload(self, settings: Settings) -> Reload:
        """Apply other settings, as far as they can take effect while serving.

        Running requests keep the settings they started with. The result lists what has changed and
        what needs a restart.
        """
        reload = plan_reload(self.settings, settings)
        if reload.applied:
            self._parts.adapt(reload.settings)
            self._router = self._parts.router(reload.settings)
        self.settings = reload.settings
        return reload

    async def prepare(self) -> None:
        """Read the keys and this month's spending, before the first request.

        What cannot be read now is read later; see `keep_up`.
        """
        await self.keys.refresh()
        await self._parts.upkeep.restore_spending()

    async def keep_up(self) -> None:
        """Run the background tasks until cancelled, then write the last rows of the ledger.

        Run it in the nursery of the server, and cancel it after the last request has ended, so that
        the rows of every request are written.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.keys.run)
            nursery.start_soon(self._parts.upkeep.run)

    async def keep_probing(self) -> None:
        """Probe every endpoint periodically, until cancelled. `keep_up` includes it."""
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
        """Return the record of a planned race. It starts nothing.

        `accepted_at` is the time on trio's clock at which the request was accepted.

        **Raises.** `RequestError` when the request cannot be served as it is.
        """
        check_names(model, hints)
        if hints.session is not None:
            hints = replace(hints, session=kept_name(hints.session))
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
        """Run a planned race. When it returns, the whole answer has been sent to `output`.

        **Raises.** `RateLimited` when the key has reached a limit, `BudgetExceeded` when no attempt
        fits the budget, `RaceError` when no attempt committed, `UpstreamFailure` when the winner
        failed after its commit.

        **Cancellation.** Every upstream stream of the race is closed.
        """
        with self.counts.running():
            try:
                await self._pipeline.run(race, request, output, self._router)
            except AllAttemptsFailed as error:
                # The plan tries a model that its provider does not list: the list may be old.
                if error.code == "model_not_found":
                    error.add_hint(self._router.hint_of_name(race.model, race.caller))
                raise

    async def embed(self, race: RaceRecord, request: EmbeddingsRequest) -> Embeddings:
        """Return the embeddings of texts, from the first candidate of the plan that succeeds.

        **Raises.** `RateLimited`, `BudgetExceeded`, and `RaceError` when every candidate failed. A
        candidate without embeddings counts as failed.

        **Cancellation.** The upstream socket is closed.
        """
        with self.counts.running():
            return await embed(self.attempts, self._pipeline, race, request)

    async def count_tokens(self, race: RaceRecord, request: ChatRequest) -> int | None:
        """Return the number of tokens of a prompt, from the first candidate that succeeds.

        Return None if the first candidate's provider has no token counting, or if no candidate
        could count. Many servers that speak Anthropic's API have no such route.

        **Raises.** `RateLimited`, and `AllAttemptsFailed` if an upstream finds a fault in the
        request. A candidate without token counting counts as failed.

        **Cancellation.** The upstream socket is closed.
        """
        return await count_tokens(self.attempts, self._pipeline, race, request)
