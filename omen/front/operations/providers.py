"""`GET /omen/providers` and `/omen/providers/{id}/health`: how the upstreams stand, for operators.

Addresses are told to callers on this machine only; keys to nobody.
"""

from __future__ import annotations

from math import isinf
from typing import Any

import trio

from omen.gateway import Gateway
from omen.routing import CatalogProvider, EndpointHealth, Survival


def describe_providers(gateway: Gateway, *, local: bool) -> dict[str, Any]:
    """Write every provider."""
    told = [describe_provider(gateway, provider, local=local) for provider in gateway.providers]
    return {"providers": told}


def describe_scores(gateway: Gateway) -> list[dict[str, Any]]:
    """Write every provider's score and its parts, the best first."""
    kinds = {provider.name: provider.kind for provider in gateway.providers}
    best_first = sorted(gateway.scores.items(), key=lambda item: -item[1].overall)
    return [
        {
            "provider_id": name,
            "provider_name": kinds[name],
            "health_score": round(score.health, 2),
            "latency_ms": _milliseconds(score.latency_p90),
            "latency_score": round(score.latency, 2),
            "cost_score": round(score.cost, 2),
            "reliability_score": round(score.reliability, 2),
            "overall_score": round(score.overall, 2),
            "recommended": score.recommended,
        }
        for name, score in best_first
    ]


def describe_provider(
    gateway: Gateway, provider: CatalogProvider, *, local: bool
) -> dict[str, Any]:
    """Write one provider: how it stands, why, and what there is to do."""
    return {
        "provider_id": provider.name,
        "kind": provider.kind,
        "domain": provider.domain or provider.name,
        "state": gateway.health.state(provider.name),
        "models": list(provider.listed),
        "prompt_cache": {m: _by_prompt_cache(gateway, provider.name, m) for m in provider.listed},
        "learned_quirks": dict(gateway.attempts.learned.of(provider.name)),
        "endpoints": [_endpoint(one, local=local) for one in gateway.health.of(provider.name)],
    }


def _by_prompt_cache(gateway: Gateway, provider: str, model: str) -> dict[str, Any]:
    """Write how long first tokens take when the provider's prompt cache knew the beginning."""
    told: dict[str, Any] = {}
    for temperature in ("hit", "miss"):
        seen = gateway.first_tokens.by_prompt_cache(provider, model, temperature)
        told[temperature] = {"count": seen.count, "p50_ms": _milliseconds(_median(seen))}
    return told


def _median(seen: Survival) -> float | None:
    median = seen.quantile(0.5)
    return None if isinf(median) else median


def _endpoint(endpoint: EndpointHealth, *, local: bool) -> dict[str, Any]:
    """Write one endpoint. Times are seconds ago."""
    now, breaker = trio.current_time(), endpoint.breaker
    failure = breaker.last_failure
    told: dict[str, Any] = {
        "state": endpoint.state,
        "state_for_seconds": _ago(now, breaker.since),
        "attempts_live": endpoint.live,
        "consecutive_failures": breaker.failures,
        "last_success_seconds_ago": _ago(now, breaker.last_success_at),
        "last_failure_seconds_ago": _ago(now, breaker.last_failure_at),
        "reason": failure.kind.value if failure and breaker.failures else None,
        "upstream_status": failure.upstream_status if failure and breaker.failures else None,
        "hint": endpoint.hint,
        "cooling_for_seconds": round(max(0.0, endpoint.cooling_until - now), 3),
        "limits_used_up": _used_up(endpoint, now),
        "last_probe_ms": _milliseconds(endpoint.probe_seconds),
    }
    return {"url": endpoint.url, **told} if local else told


def _used_up(endpoint: EndpointHealth, now: float) -> dict[str, Any]:
    """Write the seconds until the reset of each used-up limit, by model and limit."""
    left = ((name, model.used_up.left(now)) for name, model in endpoint.models.items())
    return {name: dict(limits) for name, limits in left if limits}


def _ago(now: float, then: float | None) -> float | None:
    return None if then is None else round(now - then, 3)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
