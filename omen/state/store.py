"""The protocol of a store, and the few values it speaks in.

**Money** is whole nano-dollars: a store adds integers, so that no sum depends on its order.
**Money that is held** is neither spent nor free: it is set aside for a request while that runs, in
one step with the check that it fits, and given back or spent when the request is settled. A hold
whose owner died is given back when its lease is over.
**Windows** slide: at no moment is more than the limit in any of the last sixty seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Cap:
    """A budget: `scope` names whose and of which month, `limit` is in nano-dollars."""

    scope: str
    limit: int


@dataclass(frozen=True, slots=True)
class Hold:
    """What came of asking for money. `granted` is None when nothing that was asked for fits."""

    granted: int | None
    refused_by: str | None = None
    """The scope that has too little left."""
    left: int = 0
    """What the scarcest scope had left, before this hold."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rate limit, and what is to be counted towards it now."""

    scope: str
    limit: int
    amount: int = 1


@dataclass(frozen=True, slots=True)
class WindowState:
    """How a rate limit stands. **Units.** Seconds."""

    limit: int
    left: int
    resets_in: float = 0.0
    """Until nothing counts any more."""
    retry_in: float | None = None
    """Set when it was refused: until there is room again, if nobody else takes it."""


class StoreAwayError(Exception):
    """The store cannot be reached, or did not answer in time."""


class Store(Protocol):
    """What is shared. Every call is bounded in time by the store's own timeout.

    **Raises.** `StoreAwayError`, where there is anything to reach.
    **Cancellation.** A call that was cancelled may have been done.
    """

    @property
    def epoch(self) -> int:
        """Another number each time that what was spent may have been forgotten."""
        ...

    @property
    def replicas(self) -> int:
        """How many share the store, as last seen."""
        ...

    @property
    def replica(self) -> str:
        """What this process is called among those that share the store."""
        ...

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Set aside, under every cap, the first of these amounts that fits; largest first."""
        ...

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back what was held under `scopes` and add what was spent, by scope; once."""
        ...

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Say what was spent, in the order of the scopes."""
        ...

    async def raise_spent(self, spent: Mapping[str, int]) -> None:
        """Make sure that at least so much counts as spent: from books that are older."""
        ...

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count towards every window, or, if one has no room, towards none."""
        ...

    async def count(self, windows: Sequence[Window]) -> None:
        """Count what cannot be refused any more; a negative amount gives back."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Look a value up."""
        ...

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for so many seconds."""
        ...

    async def clear(self, prefix: str) -> int:
        """Forget every value whose key begins so; say how many there were."""
        ...

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Tell the other replicas; the latest value of each replica counts, for so long."""
        ...

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Hear what every replica has published, by replica, this one's own included."""
        ...
