"""One budget in memory: the holds with their leases, and the costs by replica."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

from omen.state.store import MOST_SPENT


@dataclass(slots=True)
class Budget:
    """The holds and costs in one scope. **Units.** Nano-dollars; seconds on trio's clock."""

    own: int = 0
    """The costs of this replica, counted here."""
    own_books: int = 0
    """The costs of this replica according to the ledger. The larger of the two counts: the ledger
    may be behind, or may already have rows of a request that is not settled yet."""
    others: dict[str, int] = field(default_factory=dict)
    """The costs of the other replicas, by replica."""
    held: dict[str, tuple[float, int]] = field(default_factory=dict)
    """By hold: the end of its lease, and the amount."""
    total_held: int = 0
    _others: int = 0
    """The sum of `others`."""
    _leases: list[tuple[float, str]] = field(default_factory=list)
    """A heap of the ends of leases. It still contains released holds."""

    @property
    def spent(self) -> int:
        """The costs of all replicas."""
        return max(self.own, self.own_books) + self._others

    def spend(self, amount: int) -> None:
        """Add costs of this replica."""
        self.own = min(self.own + amount, MOST_SPENT)

    def raise_own(self, amount: int) -> None:
        """Raise this replica's costs according to the ledger."""
        self.own_books = max(self.own_books, amount)

    def raise_other(self, replica: str, amount: int) -> None:
        """Raise another replica's costs according to the ledger."""
        before = self.others.get(replica, 0)
        if amount > before:
            self.others[replica] = amount
            self._others += amount - before

    def hold(self, hold_id: str, amount: int, until: float) -> None:
        """Hold an amount. It replaces an earlier hold of the same id."""
        self.release(hold_id)
        self.held[hold_id] = (until, amount)
        self.total_held += amount
        heappush(self._leases, (until, hold_id))

    def release(self, hold_id: str) -> None:
        """Release the hold of an id, if there is one."""
        _, amount = self.held.pop(hold_id, (0.0, 0))
        self.total_held -= amount
        # The heap is rebuilt when most of it is released holds, so its size stays bounded.
        if len(self._leases) > 64 + 2 * len(self.held):
            self._leases = sorted((until, id_) for id_, (until, _) in self.held.items())

    def forget(self, now: float) -> None:
        """Release the holds whose leases have ended."""
        while self._leases and self._leases[0][0] <= now:
            until, hold_id = heappop(self._leases)
            # Only if this is the id's current lease: a newer hold may have a later one.
            if self.held.get(hold_id, (None, 0))[0] == until:
                self.release(hold_id)
