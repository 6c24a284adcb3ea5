"""The protocol of a store, and the types of its values.

**Money** is whole nano-dollars: a store adds integers, so that no sum depends on the order.

**Held money** is neither spent nor free. It belongs to a running request. The hold is one atomic
step with the check that it fits. It is released or spent when the request is settled. If the owner
of a hold dies, the hold ends with its lease.

**Spent money** is counted by replica. For each scope each replica has its own number, which only it
raises and which never falls; the costs are the sum of these numbers. So nothing counts twice:
raising a number to its current value has no effect, whichever process does it, and however late.
The ledger, from which a store gets its data again after a loss, knows the replica of each cost.

**Windows** slide: no period of sixty seconds ever contains more than the limit.

**Token buckets** are drawn from ahead of need: a replica has a lease on a few tokens, takes them
without a call, and reports its totals from time to time. See `Store.draw`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

WINDOW_SECONDS = 60
MILLIONTHS = 1_000_000
"""The millionths of a token in one token."""
MOST_SPENT = 9 * 10**18
"""Nano-dollars. No number of a store grows beyond it: nine billion dollars, within 64 bits."""


@dataclass(frozen=True, slots=True)
class Cap:
    """A budget: `scope` names its owner and month, `limit` is in nano-dollars."""

    scope: str
    limit: int


@dataclass(frozen=True, slots=True)
class Hold:
    """The result of a hold. `granted` is None if no requested amount fits."""

    granted: int | None
    refused_by: str | None = None
    """The scope that has too little left."""
    left: int = 0
    """The money left in the scarcest scope before this hold. Holds of other requests are
    subtracted; an earlier hold of the same request counts as free."""


class Known(NamedTuple):
    """The last known state of a shared budget: the costs and the holds of other replicas."""

    others_spent: int = 0
    others_held: int = 0


class Counted(NamedTuple):
    """The counter and the second in which an amount was counted, so that it can be corrected."""

    place: str
    """The counter. Another counter does not have this amount."""
    second: int
    """The second on that counter's clock."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rate limit, and the amount to count now.

    With `at` the amount is added to that second: a negative amount corrects an earlier count. If
    that second has left the window, nothing happens, because its count has left it, too.
    """

    scope: str
    limit: int
    amount: int = 1
    at: Counted | None = None


@dataclass(frozen=True, slots=True)
class WindowState:
    """The state of a rate limit. **Units.** Seconds."""

    limit: int
    left: int
    resets_in: float = 0.0
    """Time until the window is empty."""
    retry_in: float | None = None
    """Set if it was refused: the time until there is room, if no other request uses it."""
    counted: Counted | None = None
    """Where the amount was counted; None if it was not counted."""


class BucketReport(NamedTuple):
    """What a replica reports to a token bucket. The totals are since the start of its process."""

    size: int
    """The most that the bucket holds, in millionths of a token."""
    added: int
    """What its requests have added in total, in millionths of a token."""
    taken: int
    """The tokens that it has taken in total, those that it took without a lease included."""
    needed: int = 0
    """The tokens that it could use at once."""
    wanted: int = 0
    """The tokens that it would like to have in all, so that the next start need not wait."""


class StoreAwayError(Exception):
    """The store cannot be reached, or did not answer in time."""


class Money(Protocol):
    """The budgets of a store; see `Store`."""

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        """Hold, in every scope of the caps (at least one), the first of these amounts that fits.

        If the id already has a hold, the new one *replaces* it in one atomic step, whatever its
        scopes were: at no moment are both held, and at no moment neither. If no amount fits, the
        earlier hold remains. A settled id cannot hold anything: a late call is refused.

        `amounts` are in nano-dollars, the largest first; `lease` is in seconds from now.
        """
        ...

    async def settle(self, hold_id: str, scopes: Sequence[str], spent: Mapping[str, int]) -> None:
        """Release the hold of the id, and add its costs by scope. They are added once per id.

        `scopes` are those in which it may have a hold. A store needs them if it does not know of
        the hold, or if its answer to the hold was lost.
        """
        ...

    async def spent(self, scopes: Sequence[str]) -> Sequence[int]:
        """Return the costs of all replicas, in the order of the scopes."""
        ...

    async def raise_spent(self, spent: Mapping[str, int], by: str | None = None) -> None:
        """Raise the costs of a replica to at least these. A repeated call has no effect.

        `by` is the replica's name in the ledger; "" stands for all unknown replicas. None means
        this replica, by its own count.
        """
        ...


class Store(Money, Protocol):
    """The state that replicas share. The store itself limits the time of every call.

    **Raises.** `StoreAwayError`, if the store is outside this process.
    **Cancellation.** A cancelled call may have taken effect.
    """

    @property
    def epoch(self) -> int:
        """A number that changes each time that the store may have lost the costs."""
        ...

    @property
    def replicas(self) -> int:
        """The last known number of processes that share the store."""
        ...

    @property
    def replica(self) -> str:
        """The name of this process among those that share the store. It is never used again."""
        ...

    async def take(self, windows: Sequence[Window]) -> Sequence[WindowState]:
        """Count in every window; if one of them has no room, count in none."""
        ...

    async def count(self, windows: Sequence[Window]) -> None:
        """Count without a check of the limits. A negative amount corrects an earlier count."""
        ...

    async def draw(self, bucket: str, report: BucketReport, lease: float) -> int | None:
        """Report to a token bucket of all replicas, and renew this replica's lease on its tokens.

        A bucket begins full. Return the number of tokens that this replica may take until its next
        call, counted from this report; an earlier lease is replaced. Return None if there is no
        common bucket now: then each replica keeps to a part of its own. `lease` is in seconds; at
        its end the leased tokens count as taken.
        """
        ...

    async def get(self, key: str) -> bytes | None:
        """Return a value; None if there is none."""
        ...

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Store a value for `ttl` seconds."""
        ...

    async def clear(self, prefix: str) -> int:
        """Remove every value whose key has this prefix. Return their number."""
        ...

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        """Publish a value to the other replicas for `ttl` seconds. The latest value counts."""
        ...

    async def collect(self, topic: str) -> Mapping[str, bytes]:
        """Return the published values by replica, this replica's included."""
        ...
