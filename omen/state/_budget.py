"""One budget in memory: what is held of it until when, and what was spent by whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

from omen.state.store import MOST_SPENT


@dataclass(slots=True)
class Budget:
    """What is held and spent under one scope. **Units.** Nano-dollars; seconds on trio's clock."""

    own: int = 0
    """What this replica has spent: counted as it came."""
    own_books: int = 0
    """What the books say of the same. The larger of the two holds: the books may be behind, and may
    have rows of a request that is not settled yet."""
    others: dict[str, int] = field(default_factory=dict)
    """What the others have spent, by replica."""
    held: dict[str, tuple[float, int]] = field(default_factory=dict)
    """By hold: until when, and how much."""
    total_held: int = 0
    _others: int = 0
    _leases: list[tuple[float, str]] = field(default_factory=list)
    """A heap, with those in it that were given back."""

    @property
    def spent(self) -> int:
        """What everybody has spent."""
        return max(self.own, self.own_books) + self._others

    def spend(self, amount: int) -> None:
        """Count what this replica has spent further."""
        self.own = min(self.own + amount, MOST_SPENT)

    def raise_own(self, amount: int) -> None:
        """Hear from the books what this replica has spent."""
        self.own_books = max(self.own_books, amount)

    def raise_other(self, replica: str, amount: int) -> None:
        """Hear from the books what another replica has spent."""
        before = self.others.get(replica, 0)
        if amount > before:
            self.others[replica] = amount
            self._others += amount - before

    def hold(self, hold_id: str, amount: int, until: float) -> None:
        """Hold an amount, in place of what the id held."""
        self.release(hold_id)
        self.held[hold_id] = (until, amount)
        self.total_held += amount
        heappush(self._leases, (until, hold_id))

    def release(self, hold_id: str) -> None:
        """Give back what the id holds, if anything."""
        _, amount = self.held.pop(hold_id, (0.0, 0))
        self.total_held -= amount
        if len(self._leases) > 64 + 2 * len(self.held):
            self._leases = sorted((until, one) for one, (until, _) in self.held.items())

    def forget(self, now: float) -> None:
        """Give back what is held beyond its lease."""
        while self._leases and self._leases[0][0] <= now:
            until, hold_id = heappop(self._leases)
            if self.held.get(hold_id, (None, 0))[0] == until:
                self.release(hold_id)
