"""`GET /omen/overview`: everything that the page shows, in one small answer. For admins.

The page asks every two seconds, so an answer is cheap and bounded: so many races, providers,
models, keys and failures, however many there are. Askers at the same time share one answer. What
takes longer (scores, curves, keys) is computed every few seconds only. Without an asker nothing is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import trio

import omen
from omen.accounts.budget import current_month
from omen.admission import Controller
from omen.front.http.race_report import dollars
from omen.front.operations.metrics_of_admission import describe_admission
from omen.front.operations.overview_of_providers import describe_cards, describe_curves
from omen.front.operations.overview_of_races import describe_failures, describe_races
from omen.front.operations.status import (
    describe_away,
    describe_cache,
    describe_ledger,
    describe_limits,
)
from omen.gateway import Gateway
from omen.telemetry import EXTRA_ROLES

FRESH_SECONDS = 0.5
"""The age up to which one answer serves several askers."""
SLOW_SECONDS = 4.0
"""The age up to which scores, curves and keys are shown."""
MOST_KEYS = 24

Json = dict[str, Any]


class Overview:
    """Describes a gateway. `draining` says whether OMEN was told to stop."""

    def __init__(
        self,
        gateway: Gateway,
        draining: Callable[[], bool],
        started_unix: float,
        admission: Controller | None = None,
    ) -> None:
        self._gateway = gateway
        self._draining = draining
        self._started_unix = started_unix
        self._admission = admission
        self._turn = trio.Lock()
        self._made: tuple[float, Json] | None = None
        self._slow: tuple[float, dict[str, Json], Json] | None = None

    async def current(self) -> Json:
        """Return the overview of this moment. Askers wait for each other, and share an answer."""
        async with self._turn:
            now = trio.current_time()
            if self._made is None or now - self._made[0] >= FRESH_SECONDS:
                self._made = now, await self._describe(now)
            return self._made[1]

    async def _describe(self, now: float) -> Json:
        gateway = self._gateway
        if self._slow is None or now - self._slow[0] >= SLOW_SECONDS:
            self._slow = now, await describe_curves(gateway), await self._describe_keys()
        _, curves, keys = self._slow
        return {
            "now_unix": round(time.time(), 3),
            "service": self._describe_service(),
            "requests": self._describe_requests(),
            "hedging": self._describe_hedging(),
            "money": await self._describe_money(),
            "providers": describe_cards(gateway, curves),
            "keys": keys,
            "races": describe_races(gateway),
            "failures": describe_failures(gateway.failures),
        }

    def _describe_service(self) -> Json:
        gateway = self._gateway
        return {
            "version": omen.__version__,
            "status": "draining" if self._draining() else gateway.unready_reason or "ready",
            "started_unix": round(self._started_unix, 3),
            "strategies": list(gateway.strategies),
            "max_k": gateway.settings.limits.max_k,
            "away": describe_away(gateway),
            "ledger": describe_ledger(gateway.books),
        }

    def _describe_requests(self) -> Json:
        gateway, counts = self._gateway, self._gateway.counts
        sockets, cache = gateway.upstream_sockets, describe_cache(gateway)
        return {
            "live": counts.live,
            "total": counts.total,
            "answered": counts.answered,
            "failed": counts.failed,
            "cancelled": counts.cancelled,
            "attempts_live": len(gateway.attempts.live),
            "sockets_in_use": None if sockets is None else sockets.in_use,
            "waiting_for_slots": sum(slots.waiting for slots in gateway.slots.values()),
            "bytes_in_flight": gateway.in_flight.used,
            "bytes_in_flight_limit": gateway.in_flight.limit,
            "cache_hit_rate": cache["hit_rate"] if cache["enabled"] else None,
            "admission": describe_admission(self._admission),
        }

    def _describe_hedging(self) -> Json:
        gateway = self._gateway
        tokens, size = gateway.hedge_budget.standing
        return {
            "max_extra_load": gateway.settings.race.max_extra_load,
            "extra_load_ratio": round(gateway.hedges.extra_load, 6),
            "tokens": round(tokens, 2),
            "tokens_at_most": round(size, 2),
            "shared": gateway.hedge_budget.is_leased,
            **{
                result: sum(getattr(gateway.hedges, result)[role] for role in EXTRA_ROLES)
                for result in ("sent", "won", "denied")
            },
        }

    async def _describe_money(self) -> Json:
        months = self._gateway.months
        budget = await months.standing()
        return {
            "month": current_month(),
            "known": months.is_known,
            "limit_usd": dollars(budget.limit_usd),
            "spent_usd": dollars(budget.spent_usd),
        }

    async def _describe_keys(self) -> Json:
        gateway = self._gateway
        callers = gateway.keys.callers
        shown = [
            await describe_limits(gateway, caller) | {"admin": caller.admin}
            for caller in islice(callers, MOST_KEYS)
        ]
        return {"total": len(callers), "needed": not gateway.keys.is_empty, "shown": shown}
