"""Which connections are opened ahead of need, in place of those that lost a race.

A race closes the connections of its losers, and the next race would have to connect to all but one
of its upstreams anew: over TLS that takes two or three round trips before a request can be sent. So
a loser's connection is replaced in the background: over TLS only, where it is worth a socket, and
only at origins that have lost twice within the time for which an idle connection is kept. A race
now and then leaves nothing behind.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from math import inf

import trio

from omen.wire._connection import Connection
from omen.wire._origin import Dial, Origin
from omen.wire._pool import IdlePool

MOST_PER_ORIGIN = 8
"""Idle connections at an origin from which on none is opened ahead of need."""
_MOST_ORIGINS = 1000
"""Origins whose losses are remembered. They are the operator's: a bound, not a limit of use."""
UNREACHABLE = (OSError, trio.BrokenResourceError, ValueError)
"""The exceptions of a dial; ValueError for a host name that no look-up or certificate accepts."""


class Spares:
    """Opens connections for the pool of idle ones while `run` runs; without it, none.

    **Units.** Seconds: `within` between two losses at an origin, `connect` for a dial.
    """

    def __init__(self, dial: Dial, idle: IdlePool, *, within: float, connect: float | None) -> None:
        self._dial = dial
        self._idle = idle
        self._within = within
        self._connect = inf if connect is None else connect
        self._lost_at: dict[Origin, float] = {}
        self._coming: Counter[Origin] = Counter()
        """Connections that are wanted or being opened."""
        self._wanted: list[Origin] = []
        self._wake: trio.Event | None = None
        """None while `run` does not run."""
        self._closed = False

    def close(self) -> None:
        """Keep no connection any more."""
        self._closed = True

    def lost(self, origin: Origin) -> None:
        """Note that a connection was closed that could have carried on."""
        if origin.scheme != "https" or self._wake is None or self._closed:
            return
        now = trio.current_time()
        before = self._lost_at.pop(origin, -inf)
        self._lost_at[origin] = now
        if len(self._lost_at) > _MOST_ORIGINS:
            del self._lost_at[next(iter(self._lost_at))]
        there = self._idle.count(origin) + self._coming[origin]
        if now - before < self._within and there < MOST_PER_ORIGIN:
            self._coming[origin] += 1
            self._wanted.append(origin)
            self._wake.set()

    async def run(self) -> None:
        """Open what is wanted, until cancelled.

        **Cancellation.** No connection that is being opened is left open.
        """
        self._wake = trio.Event()
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    await self._wake.wait()
                    self._wake = trio.Event()
                    wanted, self._wanted = self._wanted, []
                    for origin in wanted:
                        nursery.start_soon(self._open, origin)
        finally:
            self._wake = None
            self._wanted.clear()
            self._coming.clear()

    async def _open(self, origin: Origin) -> None:
        try:
            # If it fails, nobody has missed it: the next request connects, and tells why it cannot.
            with trio.move_on_after(self._connect), suppress(*UNREACHABLE):
                await self._open_one(origin)
        finally:
            self._coming[origin] -= 1
            if not self._coming[origin]:
                del self._coming[origin]

    async def _open_one(self, origin: Origin) -> None:
        began = trio.current_time()
        stream = await self._dial(origin)
        now = trio.current_time()
        connection = Connection(stream, connect_seconds=now - began)
        to_close = [connection] if self._closed else self._idle.keep(origin, connection, now)
        for surplus in to_close:
            await surplus.aclose()
