"""Requests in flight that identical requests wait for."""

from __future__ import annotations

from contextlib import AsyncExitStack

from omen.cache import AnswerCache
from omen.state import MemoryStore


async def test_the_end_of_an_older_flight_does_not_hide_a_newer_one() -> None:
    cache = AnswerCache(MemoryStore())
    async with AsyncExitStack() as older:
        await older.enter_async_context(cache.lead("key"))
        async with cache.lead("key") as newer:
            await older.aclose()
            assert cache.flight("key") is newer
        assert cache.flight("key") is None
