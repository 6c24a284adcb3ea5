"""The protocol of a store, and the few values it speaks in.

**Money** is whole nano-dollars: a store adds integers, so that no sum depends on its order.

**Money that is held** is neither spent nor free: it is set aside for a request while that runs, in
one step with the check that it fits, and given back or spent when the request is settled. A hold
whose owner died is given back when its lease is over.

**Money that is spent** is counted by replica: each has a number of its own for each scope, which
only it raises and which never falls, and what was spent is the sum of them all. So nothing counts
twice: to raise a number to where it is already does nothing, whoever does it and however late.
Books from which a store is told again what it has forgotten say which replica spent what.

**Windows** slide: at no moment is more than the limit in any of the last sixty seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

WINDOW_SECONDS = 60
MOST_SPENT = 9 * 10**18
"""Nano-dollars. No number of a store grows beyond it: nine billion dollars, and 64 bits."""


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
    """What the scarcest scope has left beside the holds of others, before this hold: what the same
    request held before counts as free."""


class Known(NamedTuple):
    """What a replica has heard last of a budget that it shares."""

    others_spent: int = 0
    others_held: int = 0


class Counted(NamedTuple):
    """Where and when something was counted towards a window, so that it can be given back there."""

    place: str
    """The counter: another one has never heard of it."""
    second: int
    """By that counter's clock."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rate limit, and what is to be counted towards it now.

    With `at` it is counted towards that second: a negative amount so takes back what was counted
    then. Nothing happens once that second has left the window, and its count with it.
    """

    scope: str
    limit: int
    amount: int = 1
    at: Counted | None = None


@dataclass(frozen=True, slots=True)
class WindowState:
    """How a rate limit stands. **Units.** Seconds."""

    limit: int
    left: int
    resets_in: float = 0.0
    """Until nothing counts any more."""
    retry_in: float | None = None
    """Set when it was refused: until there is room again, if nobody else takes it."""
    counted: Counted | None = None
    """Where the amount was counted; None: it was not."""


class StoreAwayError(Exception):
    """The store cannot be reached, or did not answer in time."""


class Money(Protocol):
    """The part of a store that is about budgets; see `Store`."""

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Set aside, under every cap (at least one), the first of these amounts that fits.

        An id that already holds something *replaces* that in one step, under whichever caps it was
        held: at no moment are both held, and at no moment neither. When nothing that was asked for
        fits, what was held before stays held. An id that was settled holds nothing any more: a call
        that comes late is refused.

        `amounts` are largest first, in nano-dollars; `lease` is in seconds, from now.
        """
        ...

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Give back what the id holds, and add what was spent, by scope; once for each id.

        `scopes` names under what it may be held, for a store that has not heard of the hold, or
        whose answer never came.
        """
        ...

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return what was spent, in the order of the scopes."""
        ...

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Have at least so much count as spent by a replica. Told again, it changes nothing.

        `by` names the replica, as the books do; "" stands for all that cannot be named. None: it is
        this one, by its own count.
        """
        ...


class Store(Money, Protocol):
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
        """What this process is called among those that share the store; no other ever is."""
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
        """Forget every value whose key begins so; return how many there were."""
        ...

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Tell the other replicas; the latest value of each replica counts, for so long."""
        ...

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Return what every replica has published, by replica, this one's own included."""
        ...
