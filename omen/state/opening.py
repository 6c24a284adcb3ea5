"""Opening the configured store."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import trio

from omen.state._patience import Patience
from omen.state._remote import Connect, Remote
from omen.state.memory import MemoryStore
from omen.state.shared import SharedStore
from omen.state.store import Store


@asynccontextmanager
async def open_state(
    redis_url: str | None,
    *,
    patience: float,
    most_bytes: int,
    replica: str | None = None,
    connect: Connect | None = None,
) -> AsyncIterator[Store]:
    """Open the store: in memory, or outside the process with the store in memory as the fallback.

    It is outside with a URL of Redis, or else with `connect`. It need not be available. `replica`
    is a name that only this process ever has; if it is None, a random name is used.

    **Units.** `patience` is the timeout in seconds of each call to a store outside; `most_bytes` is
    the limit of values in memory.
    """
    replica = replica or secrets.token_hex(8)
    local = MemoryStore(most_bytes, replica)
    opened: AbstractAsyncContextManager[Remote]
    if redis_url is not None:
        try:
            # Only here: coredis is an extra, which a single process does not need, and a tenth of
            # the start.
            from omen.state.redis import open_redis
        except ImportError as error:
            raise RuntimeError("Redis needs coredis: pip install 'omen-gateway[redis]'") from error
        opened = open_redis(redis_url, replica, patience)
    elif connect is not None:
        opened = _connected(connect, replica, patience)
    else:
        yield local
        return
    async with opened as remote:
        shared = SharedStore(remote, local)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shared.run)
            yield shared
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def _connected(connect: Connect, replica: str, patience: float) -> AsyncIterator[Remote]:
    watch = Patience(patience)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        yield connect(replica, watch)
        nursery.cancel_scope.cancel()
