"""What the parts of a gateway need of the settings, in their own terms. Pure."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from omen.config import ProviderSettings, Settings
from omen.config.cards import configured_cards
from omen.core import descriptors
from omen.core.candidates import Endpoint
from omen.core.cards import FREE, UNKNOWN
from omen.core.errors import FailureKind
from omen.core.plan import Spare
from omen.providers import load_kinds
from omen.race.attempts import Threshold
from omen.routing import Cards, CatalogProvider, PlanDefaults, Preferences, SlotRules


def catalog_providers(settings: Settings) -> list[CatalogProvider]:
    """Return the catalog entries of the configured providers."""
    return [_catalog_provider(provider) for provider in settings.providers.values()]


def slot_rules(settings: Settings) -> dict[str, SlotRules]:
    """Return how many attempts may run and wait at each provider."""
    return {
        p.name: SlotRules(p.max_concurrency, p.queue_seconds, p.max_queued)
        for p in settings.providers.values()
    }


def most_of_a_key(settings: Settings) -> int:
    """Return how many requests of one key may run at once."""
    in_all = settings.server.max_connections
    if in_all is None:
        in_all = descriptors.connections_within(descriptors.limit())
    return settings.auth.max_concurrent_requests or descriptors.share_of_one(in_all)


def threshold_of(settings: Settings) -> Threshold:
    """Return the threshold of a useful answer in the statistics of providers."""
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


def plan_defaults(settings: Settings) -> PlanDefaults:
    """Return what a plan has where its request says nothing."""
    race = settings.race
    spare = None if race.spare_ms is None else Spare(race.spare_ms / 1000, race.spare_tokens)
    return PlanDefaults(
        spare=spare,
        strategy=race.strategy,
        k=race.k,
        max_k=settings.limits.max_k,
        min_useful_tokens=race.min_useful_tokens,
        reasoning_counts=race.reasoning_counts,
        failover_on=frozenset(map(FailureKind, race.failover_on)),
        gate=race.gate,
        max_latency=inf if race.max_latency_ms is None else race.max_latency_ms / 1000,
        timeout=settings.server.timeout_seconds or inf,
        auto=race.auto,
        slo_target=race.slo_target,
        aliases=settings.routing.aliases,
        kinds=tuple(load_kinds()),
        disabled=settings.disabled,
        prefer=Preferences(settings.routing.prefer, settings.routing.prefer_local_for),
    )
