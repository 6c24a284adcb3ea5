"""Opening the configured store."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from omen.state.memory import MemoryStore
from omen.state.shared import SharedStore
from omen.state.store import Store

try:
    from omen.state.redis import open_redis
except ImportError:  # coredis is an extra, which a single process does not need
    open_redis = None  # type: ignore[assignment]


@asynccontextmanager
async def open_state(
    redis_url: str | None, *, patience: float, most_bytes: int, replica: str | None = None
) -> AsyncIterator[Store]:
    """Open the store: in memory, or in Redis with the store in memory as the fallback.

    Redis need not be available. `replica` is a name that only this process ever has; if it is None,
    a random name is used.

    **Units.** `patience` is the timeout of each call to Redis in seconds; `most_bytes` is the limit
    of values in memory.
    """
    replica = replica or secrets.token_hex(8)
    local = MemoryStore(most_bytes, replica)
    if redis_url is None:
        yield local
        return
    if open_redis is None:
        raise RuntimeError("Redis needs coredis: pip install 'omen-gateway[redis]'")
    async with open_redis(redis_url, replica, patience) as remote:
        shared = SharedStore(remote, local)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shared.run)
            yield shared
            nursery.cancel_scope.cancel()
