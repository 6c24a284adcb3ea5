"""Builds a gateway from the configuration: every part is made here, and wired to the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from math import inf

import httpx

from omen.attempts import Attempts
from omen.audit import RequestAudit
from omen.budget import Budgets
from omen.candidates import Endpoint
from omen.config import ProviderSettings, Settings
from omen.config.cards import configured_cards
from omen.engine import load_strategies
from omen.gateway._gateway import Gateway, owners
from omen.plan import Admission, Observer
from omen.providers import KINDS
from omen.routing import (
    Cards,
    Catalog,
    CatalogProvider,
    FirstTokens,
    Health,
    HedgeBudget,
    HedgeDelay,
    Outcomes,
    PlanDefaults,
    Preferences,
    Router,
    Scores,
    Slots,
)
from omen.telemetry import CancelTimes, HedgeCounts, RaceLog
from omen.wire.transport import Transport


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    observers: Sequence[Observer] = (),
) -> AsyncIterator[Gateway]:
    """Build a gateway; leaving the block closes its idle upstream connections.

    `transport` is for tests: any httpx transport will do.
    """
    catalog = Catalog([_catalog_provider(p) for p in settings.providers.values()])
    strategies = load_strategies()
    health = Health((p.name, endpoint.base_url) for p in catalog for endpoint in p.endpoints)
    first_tokens, outcomes = FirstTokens(), Outcomes()
    scores = Scores(health, first_tokens, outcomes)
    race = settings.race
    hedge_budget, budgets = HedgeBudget(race.max_extra_load), Budgets()
    router = Router(
        catalog,
        _plan_defaults(settings),
        strategies,
        health.standing,
        survival=first_tokens.survival,
        score=lambda candidate: scores.of(candidate).overall,
        hedge_delay=HedgeDelay(first_tokens, race.max_extra_load, race.warmup_delay_ms / 1000),
    )
    async with transport or Transport() as upstream:
        slots = Slots({p.name: p.max_concurrency for p in settings.providers.values()})
        cancel_times, hedges, races = CancelTimes(), HedgeCounts(), RaceLog()
        audit = RequestAudit(partial(owners, upstream)) if settings.server.audit else None
        own: list[Observer] = [
            cancel_times,
            hedges,
            races,
            health,
            first_tokens,
            outcomes,
            slots.observe,
            *([] if audit is None else [audit]),
        ]
        # The hedge budget last: what others deny must not take a token from it.
        admissions: list[Admission] = [budgets, slots.admit, hedge_budget]
        attempts = Attempts(upstream, KINDS, [*own, *observers], admissions)
        yield Gateway(
            catalog,
            router,
            strategies,
            attempts,
            upstream,
            aliases=tuple(settings.routing.aliases),
            cancel_times=cancel_times,
            hedges=hedges,
            races=races,
            health=health,
            health_settings=settings.health,
            scores=scores,
            audit=audit,
            hedge_budget=hedge_budget,
            budgets=budgets,
        )


def _catalog_provider(provider: ProviderSettings) -> CatalogProvider:
    return CatalogProvider(
        name=provider.name,
        kind=provider.kind,
        endpoints=tuple(Endpoint(url, provider.api_key) for url in provider.base_urls),
        models=provider.models,
        domain=provider.domain,
        timeout=provider.timeout_seconds,
        first_token_timeout=provider.first_token_timeout_seconds,
        stall_timeout=provider.stall_timeout_seconds,
        cards=Cards(provider.kind, provider.base_models, configured_cards(provider)),
        quirks=provider.quirks,
    )


def _plan_defaults(settings: Settings) -> PlanDefaults:
    race = settings.race
    return PlanDefaults(
        strategy=race.strategy,
        k=race.k,
        max_k=settings.limits.max_k,
        min_useful_tokens=race.min_useful_tokens,
        reasoning_counts=race.reasoning_counts,
        max_latency=inf if race.max_latency_ms is None else race.max_latency_ms / 1000,
        total_timeout=settings.server.timeout_seconds,
        auto=race.auto,
        slo_target=race.slo_target,
        aliases=settings.routing.aliases,
        prefer=Preferences(settings.routing.prefer, settings.routing.prefer_local_for),
    )
