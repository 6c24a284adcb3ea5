"""Both stores, for tests that hold for either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from omen.state import MemoryStore, Store
from omen.state.redis import open_redis
from tests.servers import RedisServer, running_redis


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    server = request.getfixturevalue("redis")
    async with open_redis(server.url, "one", 5.0) as opened:
        await opened._client.flushall()
        yield opened
