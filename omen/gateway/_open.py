"""Opens a gateway: its store, its transport, and the parts that use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from omen.config import Settings
from omen.core.records import Observer
from omen.gateway._books import Books
from omen.gateway._gateway import Gateway
from omen.gateway._parts import make_parts
from omen.state import open_state
from omen.wire.transport import Transport


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    observers: Sequence[Observer] = (),
    books: Books | None = None,
) -> AsyncIterator[Gateway]:
    """Open a gateway for the block. At its end the store and the idle connections are closed.

    `transport` may be any httpx transport; tests pass their own. Without `books` the gateway keeps
    no ledger and has no keys.
    """
    cache = settings.cache
    async with (
        open_state(
            cache.redis_url,
            patience=cache.redis_timeout_seconds,
            most_bytes=cache.max_bytes,
            replica=None if books is None else books.replica,
        ) as store,
        transport or Transport() as upstream,
    ):
        yield Gateway(make_parts(settings, store, upstream, observers, books), settings)
