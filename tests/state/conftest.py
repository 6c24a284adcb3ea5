"""Both stores, for tests that hold for either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from omen.state import MemoryStore, Store
from omen.state.redis import open_redis
from tests.servers import RedisServer, running_redis

T = TypeVar("T")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


async def twice(call: Callable[[], Awaitable[T]]) -> T:
    """Make each call two times, as one is whose first answer came too late."""
    await call()
    return await call()


@pytest.fixture(params=["memory", "redis", "redis, each call made twice"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(replica="one")
        return
    server = request.getfixturevalue("redis")
    async with open_redis(server.url, "one", 5.0) as opened:
        await opened._client.flushall()
        if "twice" in request.param:
            opened._call = twice  # type: ignore[assignment]
        yield opened
