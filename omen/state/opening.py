"""Opens the store that is configured."""

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
except ImportError:  # an extra: whoever is alone does without
    open_redis = None  # type: ignore[assignment]


@asynccontextmanager
async def open_state(
    redis_url: str | None, *, patience: float, most_bytes: int
) -> AsyncIterator[Store]:
    """Open the store: in memory, or in Redis with the one in memory to fall back on.

    Redis need not be there. **Units.** `patience` is in seconds, for each call to Redis; bytes are
    those of values in memory.
    """
    local = MemoryStore(most_bytes)
    if redis_url is None:
        yield local
        return
    if open_redis is None:
        raise RuntimeError("Redis needs coredis: pip install 'omen-gateway[redis]'")
    async with open_redis(redis_url, secrets.token_hex(8), patience) as remote:
        shared = SharedStore(remote, local)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shared.run)
            yield shared
            nursery.cancel_scope.cancel()
