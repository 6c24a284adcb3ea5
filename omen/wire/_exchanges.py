"""Which exchanges are under way, whose they are, and whose turn it is. It moves no bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import trio

from omen.wire._origin import Origin

MAX_IN_USE_PER_ORIGIN = 1000
"""A safety net, and not how load is steered: who may start an attempt is decided before anything
reaches the wire, by a provider's `max_concurrency`, which is 256 unless it is configured. So in
health nobody waits here. Should that decision have a hole, requests to one origin queue for a few
seconds and then fail, instead of taking the file descriptors of every other one."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its response, from the call of the transport to the response's close.

    `owner` is who asks, as the request's extension `omen.owner` says; None when it does not.
    `began_at` is a time on trio's clock. It is `waiting` until it has its turn, and has no
    connection before: its body is still being read (when that is an iterator), or as many exchanges
    as may have their turn at its origin have it.
    """

    origin: Origin
    owner: object | None = field(repr=False)
    began_at: float
    waiting: bool = True


class Exchanges:
    """Every exchange under way, oldest first, those that wait for their turn included.

    At each origin `limit` of them may have their turn at once; the others wait, first come, first
    served. A turn is handed on in one synchronous step, so a waiter that is cancelled has either
    not got it yet, and it goes to the next, or has it and gives it back by `end`: none is lost.
    Of an origin that nobody uses, nothing is kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._under_way: dict[Exchange, None] = {}  # a set that remembers the order
        self._taken: dict[Origin, int] = {}
        self._lines: dict[Origin, trio.lowlevel.ParkingLot] = {}

    def begin(self, origin: Origin, owner: object | None) -> Exchange:
        """Write an exchange down. Whoever begins one has to `end` it."""
        exchange = Exchange(origin, owner, trio.current_time())
        self._under_way[exchange] = None
        return exchange

    async def acquire(self, exchange: Exchange, *, within: float) -> None:
        """Wait, for `within` seconds at most, until this exchange may have a connection.

        When there is room it takes no checkpoint: nearly every request comes through here.

        **Raises.** `httpx.PoolTimeout`.
        **Cancellation.** It waits no longer, and whose turn is next does not change.
        """
        taken = self._taken.get(exchange.origin, 0)
        if taken < self._limit:
            self._taken[exchange.origin] = taken + 1
        else:
            await self._stand_in_line(exchange.origin, within)
        exchange.waiting = False

    def end(self, exchange: Exchange) -> None:
        """Strike an exchange out, and let the next one have its turn."""
        del self._under_way[exchange]
        if exchange.waiting:
            return
        if line := self._lines.get(exchange.origin):
            line.unpark()  # who is woken has the turn from now on, so as many are taken as before
        elif self._taken[exchange.origin] > 1:
            self._taken[exchange.origin] -= 1
        else:
            del self._taken[exchange.origin]

    async def _stand_in_line(self, origin: Origin, within: float) -> None:
        line = self._lines.setdefault(origin, trio.lowlevel.ParkingLot())
        try:
            with trio.move_on_after(within) as scope:
                await line.park()
        finally:
            # The last to leave takes the line away, unless somebody has begun a new one meanwhile.
            if not line and self._lines.get(origin) is line:
                del self._lines[origin]
        if scope.cancelled_caught:
            raise httpx.PoolTimeout(f"{self._limit} requests to {origin} are under way already")

    @property
    def origins(self) -> frozenset[Origin]:
        """Of which origins anything is kept here."""
        return frozenset((*self._taken, *self._lines))

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(exchange.waiting for exchange in self._under_way)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._under_way)

    def __len__(self) -> int:
        return len(self._under_way)
