"""Budgets during an outage of Redis: the last known state of the others, and this replica's share.

The last known costs and holds of other replicas count as used. This replica gets its part of the
rest, in addition to its own earlier holds, which are released as their requests end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from omen.state._arrears import Running
from omen.state.memory import MemoryStore
from omen.state.store import Cap, Known


class Alone:
    """The budgets of one replica during an outage.

    `local` has the holds. `known` is the last known state of the others, by scope. `own` is this
    replica's costs by scope, since the start of the process.
    """

    def __init__(
        self, local: MemoryStore, known: Mapping[str, Known], own: Mapping[str, int]
    ) -> None:
        self._local = local
        self._known = known
        self._own = own
        self._own_before: dict[str, int] = {}
        self._earlier_holds: dict[str, Running] = {}
        self._books: dict[str, dict[str | None, int]] = {}
        """The costs that the ledger reported since, by scope and replica; None is this replica."""

    @property
    def ledger_of_others(self) -> Mapping[str, Mapping[str, int]]:
        """The costs of other replicas that the ledger reported since, by replica and scope."""
        by_replica: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for scope, costs in self._books.items():
            for by, amount in costs.items():
                if by is not None:
                    by_replica[by][scope] = amount
        return by_replica

    def begin(self, running: Mapping[str, Running]) -> None:
        """Begin an outage with the current holds of this replica."""
        self.end()
        self._own_before = dict(self._own)
        for hold_id, hold in running.items():
            self.adopt(hold_id, hold)

    def end(self) -> None:
        """End the outage: Redis has all reports, so the local state is dropped."""
        self._local.forget_budgets()
        self._earlier_holds.clear()
        self._books.clear()

    def adopt(self, hold_id: str, hold: Running) -> None:
        """Hold locally what Redis granted before the outage."""
        self._local.adopt(hold_id, hold.scopes, hold.amount, hold.lease)
        self._earlier_holds[hold_id] = hold

    def caps(self, caps: Sequence[Cap], replicas: int) -> list[Cap]:
        """Return this replica's share of budgets, as limits of the local store."""
        return [Cap(cap.scope, self._share(cap, replicas)) for cap in caps]

    def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return the last known costs of others plus this replica's costs."""
        return [self._others(scope) + self._mine(scope) for scope in scopes]

    def raise_spent(self, spent: Mapping[str, int], by: str | None) -> None:
        """Raise the costs of a replica according to the ledger; None is this replica."""
        for scope, amount in spent.items():
            costs = self._books.setdefault(scope, {})
            costs[by] = max(costs.get(by, 0), amount)

    def _others(self, scope: str) -> int:
        costs = sum(amount for by, amount in self._books.get(scope, {}).items() if by is not None)
        return max(self._known.get(scope, Known()).others_spent, costs)

    def _mine(self, scope: str) -> int:
        return max(self._own.get(scope, 0), self._books.get(scope, {}).get(None, 0))

    def _share(self, cap: Cap, replicas: int) -> int:
        """Return a limit for the local store, which counts only this replica's holds.

        It is the earlier holds, plus this replica's part of what was free at the start of the
        outage, minus its costs since then.
        """
        scope, before = cap.scope, self._own_before.get(cap.scope, 0)
        held = sum(hold.amount for hold in self._earlier_holds.values() if scope in hold.scopes)
        gone = self._others(scope) + self._known.get(scope, Known()).others_held + before + held
        return held + max(0, cap.limit - gone) // replicas - (self._mine(scope) - before)
