"""The cache: answers in the shared store, and the cacheable requests in flight."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from omen.cache._codec import CachedAnswer, read_answer, write_answer
from omen.cache._flights import Flight
from omen.cache._key import PREFIX
from omen.isolation import off_loop
from omen.state import Store

_LARGE = 32 * 1024
"""Bytes of a stored answer that is read on the loop."""


class AnswerCache:
    """Answers by key, for `ttl` seconds. The pipeline does not use it unless it is enabled."""

    def __init__(self, store: Store, *, enabled: bool = False, ttl: float = 3600.0) -> None:
        self._store = store
        self._flights: dict[str, Flight] = {}
        self.enabled = enabled
        self.ttl = ttl
        self.hits = 0
        self.misses = 0
        self.shared = 0
        """The hits that waited for an identical request in flight."""
        self.stored = 0

    def __repr__(self) -> str:
        return f"<AnswerCache {self.hits} hits, {self.misses} misses, {len(self._flights)} running>"

    @property
    def hit_rate(self) -> float:
        """The share of hits among all lookups; 0 without a lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0

    async def look(self, key: str) -> CachedAnswer | None:
        """Return the answer stored under the key; None if there is none."""
        data = await self._store.get(key)
        if data is None:
            return None
        if len(data) <= _LARGE:
            return read_answer(data)
        return await off_loop(partial(read_answer, data))

    async def keep(self, key: str, answer: CachedAnswer) -> None:
        """Store an answer under the key."""
        await self._store.put(key, write_answer(answer), self.ttl)
        self.stored += 1

    async def clear(self) -> int:
        """Delete all answers; return their number."""
        return await self._store.clear(PREFIX)

    def flight(self, key: str) -> Flight | None:
        """Return the identical request in flight; None if there is none."""
        return self._flights.get(key)

    @asynccontextmanager
    async def lead(self, key: str) -> AsyncIterator[Flight]:
        """Make this request the one that identical requests wait for, while the block runs.

        **Cancellation.** The requests that wait are woken, and each of them runs itself.
        """
        flight = Flight()
        self._flights[key] = flight
        try:
            yield flight
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.ended.set()
