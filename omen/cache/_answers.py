"""The cache: answers in the shared store, and the requests that run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from omen.cache._codec import CachedAnswer, read_answer, write_answer
from omen.cache._flights import Flight
from omen.cache._key import PREFIX
from omen.state import Store


class AnswerCache:
    """Answers by key, for `ttl` seconds. Switched off it is asked for nothing."""

    def __init__(self, store: Store, *, enabled: bool = False, ttl: float = 3600.0) -> None:
        self._store = store
        self._flights: dict[str, Flight] = {}
        self.enabled = enabled
        self.ttl = ttl
        self.hits = 0
        self.misses = 0
        self.shared = 0
        """Of the hits, those that had waited for an identical request."""
        self.stored = 0

    def __repr__(self) -> str:
        return f"<AnswerCache {self.hits} hits, {self.misses} misses, {len(self._flights)} running>"

    @property
    def hit_rate(self) -> float:
        """Hits to requests that looked; 0 when none did."""
        looked = self.hits + self.misses
        return self.hits / looked if looked else 0.0

    async def look(self, key: str) -> CachedAnswer | None:
        """Find an answer."""
        found = await self._store.get(key)
        return None if found is None else read_answer(found)

    async def keep(self, key: str, answer: CachedAnswer) -> None:
        """Keep an answer."""
        await self._store.put(key, write_answer(answer), self.ttl)
        self.stored += 1

    async def clear(self) -> int:
        """Forget all answers; say how many there were."""
        return await self._store.clear(PREFIX)

    def flight(self, key: str) -> Flight | None:
        """Find the request under way that asks the same."""
        return self._flights.get(key)

    @asynccontextmanager
    async def lead(self, key: str) -> AsyncIterator[Flight]:
        """Be the request that others wait for, as long as the block lasts."""
        flight = Flight()
        self._flights[key] = flight
        try:
            yield flight
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.ended.set()
