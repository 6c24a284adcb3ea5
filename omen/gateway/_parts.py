"""The parts of a gateway. They are constructed and connected here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import httpx

from omen.accounts.budget import Budgets, KnownMonths, MonthlyBudgets
from omen.accounts.keyring import KeyRing
from omen.accounts.limits import Limits
from omen.accounts.running import RunningRequests
from omen.admission import Pressure
from omen.cache import AnswerCache
from omen.config import Settings
from omen.config.secrets import public_words, secrets_of
from omen.core.candidates import Candidate
from omen.core.plan import Strategy
from omen.core.records import Admission, Observer
from omen.core.requests import BeginTrace, RequestObserver
from omen.core.secrets import SecretHolder
from omen.gateway._books import Books
from omen.gateway._from_settings import (
    catalog_providers,
    most_of_a_key,
    plan_defaults,
    slot_rules,
    threshold_of,
)
from omen.gateway._pipeline import RequestPipeline
from omen.gateway._relief import Relief
from omen.gateway._sockets import owners, widen_transport
from omen.gateway._spending import SpendingOfBooks
from omen.gateway._upkeep import Upkeep
from omen.isolation import BytesInFlight
from omen.providers import load_kinds
from omen.race.attempts import AnswerLimits, Attempts
from omen.race.audit import RequestAudit
from omen.race.installed import load_strategies
from omen.routing import (
    Assessor,
    Catalog,
    ConcurrencyLimits,
    FirstTokens,
    Health,
    HedgeBudget,
    HedgeDelay,
    Odds,
    Outcomes,
    Router,
    Scores,
)
from omen.routing.decide.affinity import Affinity
from omen.routing.decide.hedge_leases import HedgeLeases
from omen.routing.observe.paces import Paces
from omen.routing.observe.replicas import ReplicaExchange
from omen.state import SharedStore, Store
from omen.telemetry import (
    CancelTimes,
    HedgeCounts,
    RaceLog,
    RecentFailures,
    RequestRegistry,
    Traffic,
    pass_on,
)


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
    failures: RecentFailures
    in_flight: BytesInFlight
    requests: RequestRegistry
    traffic: Traffic
    audit: RequestAudit | None
    secrets: SecretHolder

    def router(self, settings: Settings) -> Router:
        """Return a router over these parts, for these settings."""
        race = settings.race
        warmup = race.warmup_delay_ms / 1000
        return Router(
            self.catalog,
            plan_defaults(settings),
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
        self.secrets.add(secrets_of(settings), public_words(settings))
        self.catalog.replace(catalog_providers(settings))
        self.health.replace(_endpoints(self.catalog))
        self.slots.replace(slot_rules(settings))
        widen_transport(self.transport, settings)
        self.hedge_budget.set_share(settings.race.max_extra_load)
        self.months.limit_usd = settings.routing.budget_monthly_usd
        self.months.soft_limits = settings.routing.provider_soft_limits
        self.months.unpriced_is_free = settings.routing.unpriced == "free"
        self.keys.allow_anonymous = settings.auth.allow_anonymous
        self.keys.set_admin_key(settings.auth.admin_key)
        self.keys.running.limit = most_of_a_key(settings)
        self.pipeline.attempts.threshold = threshold_of(settings)
        self.pipeline.cache.enabled = settings.cache.enabled
        self.pipeline.cache.ttl = settings.cache.ttl_seconds
        self.upkeep.probe_anew()


def make_parts(
    settings: Settings,
    store: Store,
    transport: httpx.AsyncBaseTransport,
    observers: Sequence[Observer],
    books: Books | None,
    *,
    secrets: SecretHolder,
    request_observers: Sequence[RequestObserver] = (),
    begin_trace: BeginTrace = pass_on,
    pressure: Callable[[], Pressure] = lambda: Pressure.NORMAL,
) -> Parts:
    """Return all parts of a gateway, connected to each other. It starts nothing.

    `secrets` keeps those of the settings known, also those of settings that come later.
    """
    secrets.add(secrets_of(settings), public_words(settings))
    catalog = Catalog(catalog_providers(settings))
    health = Health(_endpoints(catalog), listed=partial(_listed, catalog))
    first_tokens, outcomes = FirstTokens(), Outcomes()
    routing = settings.routing
    known = KnownMonths(store, everything=books is None)
    months = MonthlyBudgets(
        known,
        routing.budget_monthly_usd,
        routing.provider_soft_limits,
        unpriced_is_free=routing.unpriced == "free",
    )
    spending = None if books is None else SpendingOfBooks(books, store, months, known)
    if isinstance(store, SharedStore) and spending is not None:
        store.books = spending.spent
    hedge_budget, budgets = HedgeBudget(settings.race.max_extra_load), Budgets(months)
    slots = ConcurrencyLimits(slot_rules(settings))
    widen_transport(transport, settings)
    cancel_times, hedges, races, paces = CancelTimes(), HedgeCounts(), RaceLog(), Paces()
    audit = RequestAudit(partial(owners, transport)) if settings.server.audit else None
    traffic, failures = Traffic(catalog.lists), RecentFailures()
    keeping: list[Observer] = [
        races,
        failures,
        traffic,
        *observers,
        *([] if books is None else [books.ledger]),
    ]
    learning: list[Observer] = [
        cancel_times,
        hedges,
        health,
        first_tokens,
        outcomes,
        paces,
        slots.observe,
        *([] if audit is None else [audit]),
    ]
    # The hedge budget comes last: a start that another admission denies must not take a token.
    extra_admissions: list[Admission] = [health.admit, hedge_budget]
    strategies = load_strategies()
    in_flight = BytesInFlight(settings.server.max_bytes_in_flight)
    pipeline = RequestPipeline(
        strategies=strategies,
        attempts=Attempts(
            transport,
            load_kinds(),
            [*learning, *keeping],
            [slots.admit],
            [budgets.reserve],
            extra_admissions=extra_admissions,
            queues=[slots.wait],
            threshold=threshold_of(settings),
            on_limits=health.limited,
            pace_of=paces.of,
            answer=AnswerLimits(
                settings.limits.max_answer_bytes, settings.limits.max_answer_tool_calls
            ),
            in_flight=in_flight,
        ),
        limits=Limits(store),
        cache=AnswerCache(store, enabled=settings.cache.enabled, ttl=settings.cache.ttl_seconds),
        affinity=Affinity(store, health.rank),
        budgets=budgets,
        hedge_budget=hedge_budget,
        bookkeepers=keeping,
        relief=Relief(pressure, single="single" in strategies),
    )
    upkeep = Upkeep(
        catalog,
        transport,
        health,
        settings.health,
        months=months,
        exchange=ReplicaExchange(store, first_tokens, health),
        # A gateway that is alone has its own budget, and no task that renews a lease.
        leases=HedgeLeases(store, hedge_budget) if isinstance(store, SharedStore) else None,
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
        keys=KeyRing(
            worker,
            allow_anonymous=settings.auth.allow_anonymous,
            admin_key=settings.auth.admin_key,
            running=RunningRequests(most_of_a_key(settings)),
        ),
        upkeep=upkeep,
        books=books,
        cancel_times=cancel_times,
        hedges=hedges,
        races=races,
        failures=failures,
        in_flight=in_flight,
        requests=RequestRegistry(
            [
                traffic.request,
                *request_observers,
                *([] if books is None else [books.ledger.book_request]),
            ],
            begin_trace,
        ),
        traffic=traffic,
        audit=audit,
        secrets=secrets,
    )


def _listed(catalog: Catalog, provider: str) -> Collection[str]:
    return catalog[provider].listed if provider in catalog else ()


def _endpoints(catalog: Catalog) -> list[tuple[str, str]]:
    return [(p.name, endpoint.base_url) for p in catalog for endpoint in p.endpoints]
