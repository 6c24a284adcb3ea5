"""Opens a gateway: its store, its transport, and the parts that use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing

import httpx

from omen.admission import Pressure
from omen.config import Settings
from omen.core.records import Observer
from omen.core.requests import BeginTrace, RequestObserver
from omen.core.secrets import SecretHolder
from omen.gateway._books import Books
from omen.gateway._gateway import Gateway
from omen.gateway._parts import make_parts
from omen.state import Connect, open_state
from omen.telemetry import pass_on
from omen.wire.transport import Transport


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    observers: Sequence[Observer] = (),
    books: Books | None = None,
    request_observers: Sequence[RequestObserver] = (),
    begin_trace: BeginTrace = pass_on,
    pressure: Callable[[], Pressure] = lambda: Pressure.NORMAL,
    connect: Connect | None = None,
) -> AsyncIterator[Gateway]:
    """Open a gateway for the block. At its end the store and the idle connections are closed.

    `transport` may be any httpx transport; tests pass their own. Without `books` the gateway keeps
    no ledger and has no keys. `begin_trace` makes the trace of each request; by default a trace
    goes on as it came. `pressure` says how short of processor time the process is.
    `connect` makes the store that several processes share, if no Redis is configured.
    """
    cache = settings.cache
    async with (
        open_state(
            cache.redis_url,
            patience=cache.redis_timeout_seconds,
            most_bytes=cache.max_bytes,
            replica=None if books is None else books.replica,
            connect=connect,
        ) as store,
        transport or Transport() as upstream,
    ):
        with closing(SecretHolder()) as secrets:
            parts = make_parts(
                settings,
                store,
                upstream,
                observers,
                books,
                secrets=secrets,
                request_observers=request_observers,
                begin_trace=begin_trace,
                pressure=pressure,
            )
            yield Gateway(parts, settings)
