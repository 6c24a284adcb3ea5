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
    redis_url: str | None, *, patience: float, most_bytes: int, replica: str | None = None
) -> AsyncIterator[Store]:
    """Open the store: in memory, or in Redis with the one in memory to fall back on.

    Redis need not be there. `replica` names this process, and no other ever; without it a name is
    made. **Units.** `patience` is in seconds, for each call to Redis; bytes are those of values in
    memory.
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
