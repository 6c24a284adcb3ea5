"""All stores, for tests that hold for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from omen.state import MemoryStore, Store
from omen.state.redis import open_redis
from tests.servers import RedisServer, running_redis
from tests.workers.links import running_hub, socket_store

T = TypeVar("T")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


async def twice(call: Callable[[], Awaitable[T]]) -> T:
    """Make each call two times, as one is whose first answer came too late."""
    await call()
    return await call()


@pytest.fixture(params=["memory", "redis", "redis, each call made twice", "supervisor"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(replica="one")
        return
    if request.param == "supervisor":
        folder = request.getfixturevalue("tmp_path")
        async with running_hub(folder) as hub, socket_store(hub) as opened:
            yield opened
        return
    server = request.getfixturevalue("redis")
    async with open_redis(server.url, "one", 5.0) as remote:
        await remote._client.flushall()
        if "twice" in request.param:
            remote._call = twice  # type: ignore[assignment]
        yield remote
