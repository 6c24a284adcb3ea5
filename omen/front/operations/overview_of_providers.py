"""The provider cards of the overview: health, score, first tokens, prices, breakers and limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from math import isinf
from typing import Any

import trio

from omen.front.http.race_report import dollars
from omen.front.operations.metrics_of_traffic import LIMIT_SECONDS
from omen.gateway import Gateway
from omen.routing import CatalogProvider, EndpointHealth, Score, Survival

MOST_PROVIDERS, MOST_MODELS, MOST_ENDPOINTS = 32, 6, 6
SHARES = (0.01, 0.05, *(round(0.1 * tenth, 1) for tenth in range(1, 10)), 0.95, 0.99)
"""The shares of answers at which a curve of first tokens has a point."""

Json = dict[str, Any]


async def describe_curves(gateway: Gateway) -> dict[str, Json]:
    """Return the part of each card that takes time to compute. Other tasks run between two cards.

    By provider: its score, and by model the time to the first token.
    """
    cards: dict[str, Json] = {}
    for provider in islice(gateway.providers, MOST_PROVIDERS):
        score = gateway.score_of(provider)
        curves: Json = {}
        for model in _models(gateway, provider):
            curves[model] = _curve(gateway.first_tokens.of_model(provider.name, model))
            await trio.lowlevel.checkpoint()
        cards[provider.name] = {"score": _score(score), "curves": curves}
    return cards


def describe_cards(gateway: Gateway, curves: Mapping[str, Json]) -> list[Json]:
    """Return one card for each provider, in the order of the configuration."""
    left = _limits_left(gateway)
    return [
        _card(gateway, provider, curves[provider.name], left.get(provider.name, {}))
        for provider in gateway.providers
        if provider.name in curves
    ]


def _card(
    gateway: Gateway, provider: CatalogProvider, slow: Json, left: Mapping[str, Json]
) -> Json:
    now, name = trio.current_time(), provider.name
    slots = gateway.slots.get(name)
    endpoints = gateway.health.of(name)
    return {
        "name": name,
        "kind": provider.kind,
        "state": gateway.health.state(name),
        "score": slow["score"],
        "attempts_live": sum(endpoint.live for endpoint in endpoints),
        "slots": None if slots is None else {"limit": slots.limit, "waiting": slots.waiting},
        "beyond_soft_limit": gateway.months.is_beyond(name),
        "endpoints": [_endpoint(one, now) for one in endpoints[:MOST_ENDPOINTS]],
        "models": [
            _model(gateway, provider, model, endpoints, left.get(model, {}))
            | {"first_token": slow["curves"].get(model)}
            for model in _models(gateway, provider)
        ],
        "models_listed": len(provider.listed),
    }


def _models(gateway: Gateway, provider: CatalogProvider) -> list[str]:
    """Return the models of a card: those with the latest attempts, then others that are listed."""
    used = (m for m in gateway.first_tokens.models_of(provider.name) if provider.lists(m))
    chosen = dict.fromkeys([*islice(used, MOST_MODELS), *provider.listed[:MOST_MODELS]])
    return sorted(islice(chosen, MOST_MODELS))


def _model(
    gateway: Gateway,
    provider: CatalogProvider,
    model: str,
    endpoints: Iterable[EndpointHealth],
    left: Json,
) -> Json:
    now, price = trio.current_time(), provider.card(model).price
    health = [found for e in endpoints if (found := e.models.get(model)) is not None]
    waits = [wait for one in health if (wait := one.breaker.retry_in(now)) is not None]
    failures = [one.breaker for one in health if one.breaker.failures]
    last = failures[0].last_failure if failures else None
    return {
        "name": model,
        "state": gateway.health.state_of_model(provider.name, model),
        "price": None
        if price is None
        else {"input": float(price.rates.input), "output": float(price.rates.output)},
        "spent_usd": dollars(gateway.traffic.costs.get((provider.name, model))),
        "failures": max((one.failures for one in failures), default=0),
        "reason": last.kind.value if last else None,
        "retry_in_seconds": round(min(waits), 1) if waits else None,
        "cooling_for_seconds": round(
            max((one.breaker.cooling_until - now for one in health), default=0.0), 1
        ),
        "limits_used_up": {k: v for one in health for k, v in one.used_up.left(now).items()},
        "limits_left": left,
    }


def _endpoint(endpoint: EndpointHealth, now: float) -> Json:
    breaker = endpoint.breaker
    failure = breaker.last_failure if breaker.failures else None
    retry_in = breaker.retry_in(now)
    return {
        "state": endpoint.state,
        "state_for_seconds": round(now - breaker.since, 1),
        "failures": breaker.failures,
        "reason": failure.kind.value if failure else None,
        "upstream_status": failure.upstream_status if failure else None,
        "hint": endpoint.hint,
        "retry_in_seconds": None if retry_in is None else round(retry_in, 1),
    }


def _score(score: Score) -> Json:
    return {
        "overall": round(score.overall, 1),
        "health": round(score.health, 1),
        "latency": round(score.latency, 1),
        "cost": round(score.cost, 1),
        "reliability": round(score.reliability, 1),
        "p90_ms": None if score.latency_p90 is None else round(score.latency_p90 * 1000, 1),
        "recommended": score.recommended,
    }


def _curve(seen: Survival) -> Json:
    """Return points of (share of answers, milliseconds); without those beyond what was observed."""
    points = ((share, seen.quantile(share)) for share in SHARES)
    return {
        "samples": seen.count,
        "points": [[share, round(at * 1000, 1)] for share, at in points if not isinf(at)],
    }


def _limits_left(gateway: Gateway) -> dict[str, dict[str, Json]]:
    """Return what upstreams reported lately of their rate limits, by provider, model and limit."""
    gateway.traffic.settle()
    since = trio.current_time() - LIMIT_SECONDS
    found: dict[str, dict[str, Json]] = {}
    for (provider, model, limit), last in gateway.traffic.rate_limits.items():
        if last.at >= since:
            found.setdefault(provider, {}).setdefault(model, {})[limit] = last.remaining
    return found
