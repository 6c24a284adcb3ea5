"""The exchanges under way: their owners, and which of them have a slot. It moves no bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
import trio

from omen.wire._origin import Origin

MAX_IN_USE_PER_ORIGIN = 1000
"""A safety net, not load control. A provider's `max_concurrency` limits the attempts before any of
them reaches the wire, and its origins may have as many exchanges (`Exchanges.allow`), so normally
no exchange waits here. If that limit has a defect, the requests to one origin queue for a few
seconds and then fail, instead of using up the file descriptors of the process."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its response, from the call of the transport to the close of the response.

    `owner` is the value of the request's extension `omen.owner`, or None. `waiting` is true until
    the exchange has a slot; until then it has no connection. Either its request body is still being
    read (from an iterator), or all slots of its origin are taken.
    """

    origin: Origin
    owner: object | None = field(repr=False)
    waiting: bool = True


class Exchanges:
    """Every exchange under way, oldest first, including those that wait for a slot.

    Each origin has `limit` slots, unless `allow` gives it more. The other exchanges wait, first
    come, first served. `end` passes a slot on in one synchronous step. So a waiter that is
    cancelled either has no slot yet, and the slot goes to the next waiter, or has it and gives it
    back by `end`. No slot is lost.

    Nothing is stored for an origin that is not in use.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._allowed: Mapping[Origin, int] = {}
        self._under_way: dict[Exchange, None] = {}  # used as a set that keeps the order
        self._taken: dict[Origin, int] = {}
        self._queues: dict[Origin, trio.lowlevel.ParkingLot] = {}

    def allow(self, slots: Mapping[Origin, int]) -> None:
        """Give these origins at least this many slots, in place of what was allowed before.

        Exchanges that wait get what is free now.
        """
        self._allowed = slots
        for origin, queue in list(self._queues.items()):
            while queue and self._taken.get(origin, 0) < self._slots(origin):
                self._taken[origin] = self._taken.get(origin, 0) + 1
                queue.unpark()

    def _slots(self, origin: Origin) -> int:
        return max(self._limit, self._allowed.get(origin, 0))

    def begin(self, origin: Origin, owner: object | None) -> Exchange:
        """Register and return an exchange. The caller must `end` it."""
        exchange = Exchange(origin, owner)
        self._under_way[exchange] = None
        return exchange

    async def acquire(self, exchange: Exchange, *, within: float) -> None:
        """Wait for a slot at the exchange's origin, for `within` seconds at most.

        With a free slot there is no checkpoint, because nearly every request takes this path.

        **Raises.** `httpx.PoolTimeout`.

        **Cancellation.** The exchange leaves the queue; the order of the others does not change.
        """
        taken = self._taken.get(exchange.origin, 0)
        if taken < self._slots(exchange.origin):
            self._taken[exchange.origin] = taken + 1
        else:
            await self._wait_in_queue(exchange.origin, within)
        # No await between getting the slot and this line: `end` releases a slot only of an exchange
        # that does not wait any more.
        exchange.waiting = False

    def end(self, exchange: Exchange) -> None:
        """Remove an exchange, and pass its slot on to the next waiter, if any."""
        del self._under_way[exchange]
        if exchange.waiting:
            return
        surplus = self._taken[exchange.origin] > self._slots(exchange.origin)
        if not surplus and (queue := self._queues.get(exchange.origin)):
            # The woken waiter has the slot from now on, so the count does not change. Lowering it
            # here and raising it in the waiter would let a newcomer overtake the queue.
            queue.unpark()
        elif self._taken[exchange.origin] > 1:
            self._taken[exchange.origin] -= 1
        else:
            del self._taken[exchange.origin]

    async def _wait_in_queue(self, origin: Origin, within: float) -> None:
        queue = self._queues.setdefault(origin, trio.lowlevel.ParkingLot())
        try:
            with trio.move_on_after(within) as scope:
                await queue.park()
        finally:
            # The last waiter removes the queue. An earlier queue of this origin may have been
            # removed and replaced meanwhile, and the new one must stay.
            if not queue and self._queues.get(origin) is queue:
                del self._queues[origin]
        if scope.cancelled_caught:
            slots = self._slots(origin)
            raise httpx.PoolTimeout(f"{slots} requests to {origin} are under way already")

    @property
    def origins(self) -> frozenset[Origin]:
        """The origins about which anything is stored here."""
        return frozenset((*self._taken, *self._queues))

    @property
    def waiting(self) -> int:
        """The number of exchanges that wait for a slot."""
        return sum(exchange.waiting for exchange in self._under_way)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._under_way)

    def __len__(self) -> int:
        return len(self._under_way)
