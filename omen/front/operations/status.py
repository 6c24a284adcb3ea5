"""`GET /status`, `/rate-limit/status` and `/cache/stats`: how OMEN is doing, in figures.

What the gateway spends and how much it is used is for those with the admin role. Every other key
gets its own figures.
"""

from __future__ import annotations

import time
from typing import Any

import omen
from omen.accounts.budget import current_month
from omen.admission import Controller
from omen.core.callers import Caller, LimitState
from omen.front.http.race_report import dollars
from omen.front.operations.merged_status import merge_status
from omen.front.operations.metrics_of_admission import describe_admission
from omen.front.operations.peers import Gathered
from omen.gateway import Books, Gateway
from omen.ledger.database import shown_url
from omen.state import MemoryStore, SharedStore


async def describe_status(
    gateway: Gateway,
    *,
    draining: bool,
    started_unix: float,
    admission: Controller | None = None,
    others: Gathered | None = None,
) -> dict[str, Any]:
    """Write how the gateway stands: since when, with how many requests, at what cost.

    `others` are the parts of other workers, if there are several.
    """
    budget = await gateway.months.standing()
    status = own_status(gateway, admission)
    if others is not None:
        status = merge_status(status, others)
    requests, extra = status.pop("recent")
    workers = {} if others is None else {"workers": others.supervisor.get("workers")}
    return {
        **_describe_service(gateway, draining=draining, started_unix=started_unix),
        **workers,
        **status,
        "extra_load_ratio": round(extra / requests, 6) if requests else 0.0,
        "budget": {
            "month": current_month(),
            "limit_usd": dollars(budget.limit_usd),
            "spent_usd": dollars(budget.spent_usd),
            "known": gateway.months.is_known,
            "providers_beyond_soft_limit": gateway.beyond_soft_limit,
        },
    }


def own_status(gateway: Gateway, admission: Controller | None) -> dict[str, Any]:
    """Return the part of this process, in a form that adds up with that of others."""
    counts = gateway.counts
    return {
        "requests": {
            "total": counts.total,
            "live": counts.live,
            "answered": counts.answered,
            "failed": counts.failed,
            "cancelled": counts.cancelled,
        },
        "attempts_live": len(gateway.attempts.live),
        "requests_of_a_key": {
            "limit": gateway.keys.running.limit,
            "running": gateway.keys.running.total,
            "refused": gateway.keys.running.refused,
        },
        "admission": describe_admission(admission),
        "slots": {
            name: {"taken": slots.taken, "limit": slots.limit, "waiting": slots.waiting}
            for name, slots in gateway.slots.items()
        },
        "recent": gateway.hedges.recent,
        "cache": describe_cache(gateway),
        "shared_state": describe_store(gateway),
        "ledger": describe_ledger(gateway.books),
    }


async def describe_status_for(
    gateway: Gateway, caller: Caller, *, draining: bool, started_unix: float
) -> dict[str, Any]:
    """Write how the service stands for a caller without the admin role, and its own limits."""
    service = _describe_service(gateway, draining=draining, started_unix=started_unix)
    return {**service, "key": await describe_limits(gateway, caller)}


def _describe_service(gateway: Gateway, *, draining: bool, started_unix: float) -> dict[str, Any]:
    return {
        "status": "draining" if draining else "ok",
        "version": omen.__version__,
        "started_unix": round(started_unix, 3),
        "uptime_seconds": round(time.time() - started_unix, 3),
        "providers": {one.name: gateway.health.state(one.name) for one in gateway.providers},
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
    ledger = books is not None and (books.ledger.database_is_away or gateway.keys.is_away)
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
        "kind": store.kind,
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
        "away": ledger.database_is_away,
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
        "concurrent": _concurrent(gateway, caller) if own else None,
    }


def _concurrent(gateway: Gateway, caller: Caller) -> dict[str, Any]:
    running = gateway.keys.running
    return {
        "limit": running.limit,
        "requests": running.of(caller, "requests"),
        "websockets": running.of(caller, "websockets"),
    }


def _limit(state: LimitState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "limit": state.limit,
        "remaining": state.left,
        "resets_in_seconds": round(state.resets_in, 3),
    }
