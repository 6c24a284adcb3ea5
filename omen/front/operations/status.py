"""`GET /status`, `/rate-limit/status` and `/cache/stats`: how OMEN is doing, in figures."""

from __future__ import annotations

import time
from typing import Any

import omen
from omen.accounts.budget import current_month
from omen.core.callers import Caller, LimitState
from omen.front.http.race_report import dollars
from omen.gateway import Books, Gateway
from omen.ledger.database import shown_url
from omen.state import MemoryStore, SharedStore


async def describe_status(
    gateway: Gateway, *, draining: bool, started_unix: float
) -> dict[str, Any]:
    """Write how the gateway stands: since when, with how many requests, at what cost."""
    counts, budget = gateway.counts, await gateway.months.standing()
    return {
        "status": "draining" if draining else "ok",
        "version": omen.__version__,
        "started_unix": round(started_unix, 3),
        "uptime_seconds": round(time.time() - started_unix, 3),
        "requests": {
            "total": counts.total,
            "live": counts.live,
            "answered": counts.answered,
            "failed": counts.failed,
            "cancelled": counts.cancelled,
        },
        "attempts_live": len(gateway.attempts.live),
        "extra_load_ratio": round(gateway.hedges.extra_load, 6),
        "cache": describe_cache(gateway),
        "budget": {
            "month": current_month(),
            "limit_usd": dollars(budget.limit_usd),
            "spent_usd": dollars(budget.spent_usd),
            "known": gateway.months.is_known,
            "providers_beyond_soft_limit": gateway.beyond_soft_limit,
        },
        "providers": {one.name: gateway.health.state(one.name) for one in gateway.providers},
        "shared_state": describe_store(gateway),
        "ledger": describe_ledger(gateway.books),
    }


def describe_cache(gateway: Gateway) -> dict[str, Any]:
    """Write what the cache did."""
    cache, store = gateway.cache, gateway.store
    in_memory: dict[str, int | None] = dict.fromkeys(("entries", "bytes", "evicted"))
    if isinstance(store, MemoryStore):
        in_memory = {"entries": len(store), "bytes": store.bytes, "evicted": store.evicted}
    return {
        "enabled": cache.enabled,
        "hits": cache.hits,
        "misses": cache.misses,
        "hit_rate": round(cache.hit_rate, 6),
        "shared_in_flight": cache.shared,
        "stored": cache.stored,
        "ttl_seconds": cache.ttl,
        "memory": in_memory,
    }


def describe_away(gateway: Gateway) -> list[str]:
    """Return the names of the stores that do not answer now."""
    books = gateway.books
    ledger = books is not None and (books.ledger.is_away or gateway.keys.is_away)
    away = {
        "shared_state": describe_store(gateway)["away"],
        "ledger": ledger,
        "spending": books is not None and not gateway.months.is_known,
    }
    return [name for name, is_away in away.items() if is_away]


def describe_store(gateway: Gateway) -> dict[str, Any]:
    """Write where shared state is, and whether it is there."""
    store = gateway.store
    if not isinstance(store, SharedStore):
        return {"kind": "memory", "away": False, "replicas": 1}
    return {
        "kind": "redis",
        "away": store.is_away,
        "replicas": store.replicas,
        "outages": store.outages,
        "spending_to_tell": store.waiting_notes,
        "spending_lost": store.lost_notes,
    }


def describe_ledger(books: Books | None) -> dict[str, Any] | None:
    """Write how the books do; None where none are kept."""
    if books is None:
        return None
    ledger = books.ledger
    return {
        "database": shown_url(books.url).partition(":")[0],
        "away": ledger.is_away,
        "rows_waiting": ledger.waiting,
        "rows_written": ledger.written,
        "rows_spooled": ledger.spooled,
        "rows_refused": ledger.refused,
        "rows_lost": ledger.lost,
    }


async def describe_limits(gateway: Gateway, caller: Caller) -> dict[str, Any]:
    """Write how a caller's own limits stand; null where it has none."""
    quota, budget = await gateway.limits.standing(caller), await gateway.months.standing(caller)
    own = caller.key_id is not None
    limit, spent = budget.limit_usd, budget.spent_usd
    return {
        "key_id": caller.key_id,
        "name": caller.name or None,
        "requests": _limit(quota.requests),
        "tokens": _limit(quota.tokens),
        "budget": {
            "month": current_month(),
            "limit_usd": dollars(limit) if own else None,
            "spent_usd": dollars(spent) if own else None,
            "remaining_usd": dollars(limit - spent) if own and limit is not None else None,
        },
        "models": list(caller.models) or None,
        "strategies": list(caller.strategies) or None,
    }


def _limit(state: LimitState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "limit": state.limit,
        "remaining": state.left,
        "resets_in_seconds": round(state.resets_in, 3),
    }
