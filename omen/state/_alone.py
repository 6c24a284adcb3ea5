"""Budgets while a replica is cut off from the others: what it knows of them, and its own share.

What others had spent or held when that was last heard is taken for gone. Of what was free then this
replica has its part, beside what it had set aside itself: that is given back as its requests end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from omen.state._arrears import Running
from omen.state.memory import MemoryStore
from omen.state.store import Cap, Known


class Alone:
    """Keeps budgets in `local`, by what is `known` of the others and what was spent here (`own`).

    The local store has the holds. What is spent is in `own`, from the beginning of the process.
    """

    def __init__(
        self, local: MemoryStore, known: Mapping[str, Known], own: Mapping[str, int]
    ) -> None:
        self._local = local
        self._known = known
        self._own = own
        self._own_before: dict[str, int] = {}
        self._kept: dict[str, Running] = {}
        self._books: dict[str, dict[str | None, int]] = {}
        """What the books have said since, by scope and replica; None: of this one."""

    @property
    def heard(self) -> Mapping[str, Mapping[str, int]]:
        """What the books have said since of other replicas: by replica, by scope."""
        heard: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for scope, told in self._books.items():
            for by, amount in told.items():
                if by is not None:
                    heard[by][scope] = amount
        return heard

    def begin(self, running: Mapping[str, Running]) -> None:
        """Begin with what this replica has set aside."""
        self.end()
        self._own_before = dict(self._own)
        for hold_id, one in running.items():
            self.keep(hold_id, one)

    def end(self) -> None:
        """Forget it all: the others have heard of it."""
        self._local.forget_budgets()
        self._kept.clear()
        self._books.clear()

    def keep(self, hold_id: str, one: Running) -> None:
        """Have set aside what was granted when all shared one store."""
        self._local.keep(hold_id, one.scopes, one.amount, one.lease)
        self._kept[hold_id] = one

    def caps(self, caps: Sequence[Cap], replicas: int) -> list[Cap]:
        """Return this replica's share of budgets, as caps of the local store."""
        return [Cap(cap.scope, self._share(cap, replicas)) for cap in caps]

    def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return what others had spent, and what this replica has."""
        return [self._others(scope) + self._mine(scope) for scope in scopes]

    def raise_spent(self, spent: Mapping[str, int], by: str | None) -> None:
        """Hear from the books what a replica has spent; None: this one."""
        for scope, amount in spent.items():
            told = self._books.setdefault(scope, {})
            told[by] = max(told.get(by, 0), amount)

    def _others(self, scope: str) -> int:
        told = sum(amount for by, amount in self._books.get(scope, {}).items() if by is not None)
        return max(self._known.get(scope, Known()).others_spent, told)

    def _mine(self, scope: str) -> int:
        return max(self._own.get(scope, 0), self._books.get(scope, {}).get(None, 0))

    def _share(self, cap: Cap, replicas: int) -> int:
        scope, before = cap.scope, self._own_before.get(cap.scope, 0)
        held = sum(one.amount for one in self._kept.values() if scope in one.scopes)
        gone = self._others(scope) + self._known.get(scope, Known()).others_held + before + held
        return held + max(0, cap.limit - gone) // replicas - (self._mine(scope) - before)
