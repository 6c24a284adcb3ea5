"""The store of all workers, in the memory of the supervisor. Pure, apart from the clock.

Each method is one atomic step: none has a checkpoint. Rates and values are in a `MemoryStore`.
Budgets differ: the costs and the holds of each worker are counted separately, because a worker
reports its costs as a sum, and needs those of the others for a time without its supervisor.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import trio

from omen.state import Budget, Cap, Hold, Known, MemoryStore

MOST_SETTLED = 200_000
"""Ids that are remembered as settled. A late call for such an id comes soon, or never."""


class CentralStore:
    """Budgets by worker, and published values; `values` has the rates and the stored values."""

    def __init__(self, most_bytes: int) -> None:
        self.data_id = secrets.token_hex(16).encode()
        """Names the data. A store that was started again has another id."""
        self.values = MemoryStore(most_bytes)
        self._spent: defaultdict[str, int] = defaultdict(int)
        """The sum of `_spent_by`, by scope."""
        self._spent_by: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """The costs by scope and worker; earlier processes, which the ledger knows, included."""
        self._held_by: defaultdict[str, dict[str, Budget]] = defaultdict(dict)
        """The holds by scope and worker. A worker without a hold has no entry."""
        self._scopes_of: dict[str, tuple[str, Sequence[str]]] = {}
        """The worker and the scopes of each hold."""
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._published: defaultdict[str, dict[str, tuple[float, bytes]]] = defaultdict(dict)

    def __repr__(self) -> str:
        return f"<CentralStore {len(self._scopes_of)} holds, {self.values!r}>"

    def hold(
        self, by: str, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> tuple[Hold, list[Known]]:
        """Hold money for a worker, and return the state of the others in each scope as well."""
        now = trio.current_time()
        left = {cap.scope: cap.limit - self._gone(cap.scope, hold_id, now) for cap in caps}
        known = [self.known(by, cap.scope) for cap in caps]
        scarcest = min(left, key=lambda scope: left[scope])
        fitting = (amount for amount in amounts if amount <= left[scarcest])
        granted = None if hold_id in self._settled else next(fitting, None)
        if granted is None:
            return Hold(None, scarcest, left[scarcest]), known
        self._release(hold_id)
        for scope in left:
            self._held_by[scope].setdefault(by, Budget()).hold(hold_id, granted, now + lease)
        self._scopes_of[hold_id] = (by, list(left))
        return Hold(granted, None, left[scarcest]), known

    def settle(self, by: str, hold_id: str, totals: Mapping[str, int]) -> list[Known]:
        """Release the hold of an id, and raise the costs of a worker to these totals."""
        self._release(hold_id)
        self._settled[hold_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)
        self.raise_spent(by, totals)
        return [self.known(by, scope) for scope in totals]

    def raise_spent(self, by: str, totals: Mapping[str, int]) -> None:
        """Raise the costs of a worker, or of an earlier process, to at least these."""
        for scope, total in totals.items():
            more = total - self._spent_by[scope].get(by, 0)
            if more > 0:
                self._spent_by[scope][by] = total
                self._spent[scope] += more

    def spent(self, scopes: Iterable[str]) -> list[int]:
        """Return the costs of all workers, in the order of the scopes."""
        return [self._spent.get(scope, 0) for scope in scopes]

    def known(self, by: str, scope: str) -> Known:
        """Return the costs and holds of the other workers."""
        held = self._held_by.get(scope, {})
        others = sum(budget.total_held for worker, budget in held.items() if worker != by)
        own = self._spent_by.get(scope, {}).get(by, 0)
        return Known(self._spent.get(scope, 0) - own, others)

    def publish(self, by: str, topic: str, value: bytes, ttl: float) -> None:
        """Publish a value of a worker."""
        self._published[topic][by] = (trio.current_time() + ttl, value)

    def collect(self, topic: str) -> dict[str, bytes]:
        """Return the published values by worker."""
        now, published = trio.current_time(), self._published[topic]
        for worker in [w for w, (until, _) in published.items() if until <= now]:
            del published[worker]
        return {worker: value for worker, (_, value) in published.items()}

    def forget(self, by: str) -> None:
        """Drop what a dead worker published.

        Its holds end with their leases: until then its requests may still cost money upstream.
        """
        for published in self._published.values():
            published.pop(by, None)

    def _gone(self, scope: str, hold_id: str, now: float) -> int:
        """Return the costs and holds in a scope, without the hold of an id."""
        gone, held = self._spent.get(scope, 0), self._held_by.get(scope, {})
        for budget in held.values():
            budget.forget(now)
            _, own = budget.held.get(hold_id, (0.0, 0))
            gone += budget.total_held - own
        return gone

    def _release(self, hold_id: str) -> None:
        by, scopes = self._scopes_of.pop(hold_id, ("", ()))
        for scope in scopes:
            held = self._held_by[scope]
            if by in held:
                held[by].release(hold_id)
                if not held[by].held:
                    del held[by]
