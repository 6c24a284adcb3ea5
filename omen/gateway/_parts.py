"""The parts of a gateway. They are constructed and connected here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf

import httpx

from omen.accounts.budget import Budgets, KnownMonths, MonthlyBudgets
from omen.accounts.keyring import KeyRing
from omen.accounts.limits import Limits
from omen.cache import AnswerCache
from omen.config import ProviderSettings, Settings
from omen.config.cards import configured_cards
from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import FREE, UNKNOWN
from omen.core.errors import FailureKind
from omen.core.plan import Strategy
from omen.core.records import Admission, Observer
from omen.gateway._books import Books
from omen.gateway._pipeline import RequestPipeline
from omen.gateway._sockets import owners
from omen.gateway._spending import SpendingOfBooks
from omen.gateway._upkeep import Upkeep
from omen.providers import load_kinds
from omen.race.attempts import Attempts, Threshold
from omen.race.audit import RequestAudit
from omen.race.installed import load_strategies
from omen.routing import (
    Assessor,
    Cards,
    Catalog,
    CatalogProvider,
    ConcurrencyLimits,
    FirstTokens,
    Health,
    HedgeBudget,
    HedgeDelay,
    Odds,
    Outcomes,
    PlanDefaults,
    Preferences,
    Router,
    Scores,
)
from omen.routing.decide.affinity import Affinity
from omen.routing.observe.replicas import ReplicaExchange
from omen.state import SharedStore, Store
from omen.telemetry import CancelTimes, HedgeCounts, RaceLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that live as long as the gateway. A reload makes a new router over them."""

    store: Store
    transport: httpx.AsyncBaseTransport
    strategies: Mapping[str, Strategy]
    catalog: Catalog
    health: Health
    first_tokens: FirstTokens
    scores: Scores
    slots: ConcurrencyLimits
    months: MonthlyBudgets
    hedge_budget: HedgeBudget
    pipeline: RequestPipeline
    keys: KeyRing
    upkeep: Upkeep
    books: Books | None
    cancel_times: CancelTimes
    hedges: HedgeCounts
    races: RaceLog
    audit: RequestAudit | None

    def router(self, settings: Settings) -> Router:
        """Return a router over these parts, for these settings."""
        race = settings.race
        warmup = race.warmup_delay_ms / 1000
        return Router(
            self.catalog,
            _plan_defaults(settings),
            self.strategies,
            Assessor(
                health=self.health.rank,
                budget_rank=self.months.budget_rank,
                load=self.health.load,
                score=self.scores.overall,
            ),
            odds=Odds(
                survival=self.first_tokens.survival,
                delay=HedgeDelay(self.first_tokens, race.max_extra_load, warmup),
                is_expected=self._is_expected,
            ),
            extra_starts=lambda: self.hedge_budget.starts,
        )

    def _is_expected(self, candidate: Candidate) -> bool:
        return self.health.is_expected(candidate) and self.slots.has_room(candidate)

    def adapt(self, settings: Settings) -> None:
        """Apply other settings to every part. Running requests keep the plan they started with."""
        self.catalog.replace(catalog_providers(settings))
        self.health.replace(_endpoints(self.catalog))
        self.slots.replace(_slot_limits(settings))
        self.hedge_budget.set_share(settings.race.max_extra_load)
        self.months.limit_usd = settings.routing.budget_monthly_usd
        self.months.soft_limits = settings.routing.provider_soft_limits
        self.keys.allow_anonymous = settings.auth.allow_anonymous
        self.pipeline.attempts.threshold = _threshold(settings)
        self.pipeline.cache.enabled = settings.cache.enabled
        self.pipeline.cache.ttl = settings.cache.ttl_seconds
        self.upkeep.probe_anew()


def make_parts(
    settings: Settings,
    store: Store,
    transport: httpx.AsyncBaseTransport,
    observers: Sequence[Observer],
    books: Books | None,
) -> Parts:
    """Return all parts of a gateway, connected to each other. It starts nothing."""
    catalog = Catalog(catalog_providers(settings))
    health = Health(_endpoints(catalog), listed=partial(_listed, catalog))
    first_tokens, outcomes = FirstTokens(), Outcomes()
    routing = settings.routing
    known = KnownMonths(store, everything=books is None)
    months = MonthlyBudgets(known, routing.budget_monthly_usd, routing.provider_soft_limits)
    spending = None if books is None else SpendingOfBooks(books, store, months, known)
    if isinstance(store, SharedStore) and spending is not None:
        store.books = spending.spent
    hedge_budget, budgets = HedgeBudget(settings.race.max_extra_load), Budgets(months)
    slots = ConcurrencyLimits(_slot_limits(settings))
    cancel_times, hedges, races = CancelTimes(), HedgeCounts(), RaceLog()
    audit = RequestAudit(partial(owners, transport)) if settings.server.audit else None
    keeping: list[Observer] = [races, *observers, *([] if books is None else [books.ledger])]
    learning: list[Observer] = [
        cancel_times,
        hedges,
        health,
        first_tokens,
        outcomes,
        slots.observe,
        *([] if audit is None else [audit]),
    ]
    # The hedge budget comes last: a start that another admission denies must not take a token.
    extra_admissions: list[Admission] = [health.admit, hedge_budget]
    strategies = load_strategies()
    pipeline = RequestPipeline(
        strategies=strategies,
        attempts=Attempts(
            transport,
            load_kinds(),
            [*learning, *keeping],
            [slots.admit],
            [budgets.reserve],
            extra_admissions=extra_admissions,
            threshold=_threshold(settings),
            on_limits=health.limited,
        ),
        limits=Limits(store),
        cache=AnswerCache(store, enabled=settings.cache.enabled, ttl=settings.cache.ttl_seconds),
        affinity=Affinity(store, health.rank),
        budgets=budgets,
        hedge_budget=hedge_budget,
        bookkeepers=keeping,
    )
    upkeep = Upkeep(
        catalog,
        transport,
        health,
        settings.health,
        months=months,
        exchange=ReplicaExchange(store, first_tokens, health),
        books=books,
        spending=spending,
    )
    worker = None if books is None else books.worker
    return Parts(
        store=store,
        transport=transport,
        strategies=strategies,
        catalog=catalog,
        health=health,
        first_tokens=first_tokens,
        scores=Scores(health, first_tokens, outcomes),
        slots=slots,
        months=months,
        hedge_budget=hedge_budget,
        pipeline=pipeline,
        keys=KeyRing(worker, allow_anonymous=settings.auth.allow_anonymous),
        upkeep=upkeep,
        books=books,
        cancel_times=cancel_times,
        hedges=hedges,
        races=races,
        audit=audit,
    )


def catalog_providers(settings: Settings) -> list[CatalogProvider]:
    """Return the catalog entries of the configured providers."""
    return [_catalog_provider(provider) for provider in settings.providers.values()]


def _listed(catalog: Catalog, provider: str) -> Collection[str]:
    return catalog[provider].listed if provider in catalog else ()


def _endpoints(catalog: Catalog) -> list[tuple[str, str]]:
    return [(p.name, endpoint.base_url) for p in catalog for endpoint in p.endpoints]


def _slot_limits(settings: Settings) -> dict[str, int]:
    return {p.name: p.max_concurrency for p in settings.providers.values()}


def _threshold(settings: Settings) -> Threshold:
    # An attempt that is asked alone commits with its reasoning, and alone is what hedges wait for.
    reasoning_counts = settings.race.reasoning_counts is not False
    return Threshold(settings.race.min_useful_tokens, reasoning_counts)


def _catalog_provider(provider: ProviderSettings) -> CatalogProvider:
    spec = load_kinds()[provider.kind]
    terms, listing = spec.terms, spec.listing
    quirks = provider.quirks
    if quirks.cancel_stops_billing is None:
        quirks = replace(quirks, cancel_stops_billing=terms.cancel_stops_billing)
    return CatalogProvider(
        name=provider.name,
        kind=provider.kind,
        endpoints=tuple(
            Endpoint(url, provider.api_key, is_local=terms.is_local(url))
            for url in provider.base_urls
        ),
        models=provider.models,
        domain=provider.domain,
        timeout=provider.timeout_seconds or inf,
        first_token_timeout=(
            provider.first_token_timeout_seconds or spec.setup.first_token_timeout_seconds
        ),
        stall_timeout=provider.stall_timeout_seconds,
        working_timeout=provider.working_timeout_seconds,
        waits_for_thinking=provider.first_token_timeout_seconds is None,
        cards=Cards(
            provider.kind,
            provider.base_models,
            configured_cards(provider),
            priced_as=terms.priced_as,
            unlisted=FREE if terms.is_free else UNKNOWN,
        ),
        quirks=quirks,
        default_tag="" if listing is None else listing.default_tag,
    )


def _plan_defaults(settings: Settings) -> PlanDefaults:
    race = settings.race
    return PlanDefaults(
        strategy=race.strategy,
        k=race.k,
        max_k=settings.limits.max_k,
        min_useful_tokens=race.min_useful_tokens,
        reasoning_counts=race.reasoning_counts,
        failover_on=frozenset(map(FailureKind, race.failover_on)),
        max_latency=inf if race.max_latency_ms is None else race.max_latency_ms / 1000,
        timeout=settings.server.timeout_seconds or inf,
        auto=race.auto,
        slo_target=race.slo_target,
        aliases=settings.routing.aliases,
        kinds=tuple(load_kinds()),
        disabled=settings.disabled,
        prefer=Preferences(settings.routing.prefer, settings.routing.prefer_local_for),
    )
