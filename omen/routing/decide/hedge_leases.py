"""One hedge budget for all replicas: a task that leases tokens of it, so that no request waits.

Four times a second while extra starts are asked for, otherwise every other second, it reports what
the requests here have added and taken, and gets the tokens for the next extra starts. A start is
decided with the tokens that are here. A hedge that is denied asks again a little later, and by then
the next report has asked for its token.
"""

from __future__ import annotations

import logging

import trio

from omen.routing.decide.hedging import HedgeBudget
from omen.state import Store, StoreAwayError

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.25
QUIET_SECONDS = 2.0
"""Time between two reports while nobody asks for an extra start. Each is a call to the store, and
one that times out on a busy machine would make everything that is shared local for a while."""
LEASE_SECONDS = 10.0
"""The time after which the tokens of a replica that died are written off."""
BUCKET = "hedges"


class HedgeLeases:
    """Keeps the lease of one replica, and falls back to its own part while the store is away."""

    def __init__(self, store: Store, budget: HedgeBudget) -> None:
        self._store = store
        self._budget = budget

    async def run(self) -> None:
        """Renew the lease until cancelled. **Cancellation.** The lease ends by its time."""
        due = trio.current_time()
        while True:
            if self._budget.is_asked_for or trio.current_time() >= due:
                await self.renew()
                due = trio.current_time() + QUIET_SECONDS
            await trio.sleep(INTERVAL_SECONDS)

    async def renew(self) -> None:
        """Report, and take the new lease; without an answer, use this replica's own part."""
        report = self._budget.report(self._store.replicas)
        try:
            tokens = await self._store.draw(BUCKET, report, LEASE_SECONDS)
        except StoreAwayError:
            tokens = None
        if tokens is None:
            self._fall_back()
            return
        if not self._budget.is_leased:
            logger.info("the hedge budget is one of %d replicas", self._store.replicas)
        self._budget.lease(tokens, report)

    def _fall_back(self) -> None:
        replicas = max(1, self._store.replicas)
        if self._budget.is_leased:
            text = "the hedge budget is local, one of %d parts: the shared store is unavailable"
            logger.warning(text, replicas)
        self._budget.keep_own(replicas)
