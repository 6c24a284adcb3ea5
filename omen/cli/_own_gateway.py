"""A gateway of this process on a free port of this machine, for as long as a block lasts."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import trio

from omen.cli._demo import with_prices, with_simulated
from omen.config import Loaded, Settings
from omen.front.app import make_app
from omen.gateway import make_books, open_gateway
from omen.serving import LiveConnections, ServingSettings, serve
from omen.sim import open_fleet
from omen.telemetry import LiveFeed

DRAIN_SECONDS = 5.0
"""How long running requests may go on at the end. Their only client is gone by then."""


@asynccontextmanager
async def open_own_gateway(loaded: Loaded) -> AsyncIterator[str]:
    """Serve while the block lasts, and yield the URL. Drain at the end.

    It has the providers, the ledger and the keys of the configuration; not its address and not its
    certificate: nobody else uses this gateway. It logs nothing, because a program of the terminal
    runs meanwhile; `omen log` shows its requests.

    **Raises.** `DatabaseTooNewError`, `OSError` if no port can be bound. An error of the block may
    come in an `ExceptionGroup`.
    """
    logging.getLogger("omen").setLevel(logging.CRITICAL)
    books = make_books(loaded.settings.ledger, loaded.folder)
    await books.check()
    async with _usable_settings(loaded) as settings:
        own = replace(settings.server, bind="127.0.0.1", port=0, drain_seconds=DRAIN_SECONDS)
        feed, connections, stop = LiveFeed(), LiveConnections(), trio.Event()
        async with open_gateway(settings, observers=[feed], books=books) as gateway:
            await gateway.prepare()
            app = make_app(gateway, feed, own, stop, connections)
            server = partial(
                serve,
                app,
                ServingSettings(
                    bind=own.bind,
                    port=own.port,
                    drain=own.drain_seconds,
                    max_message=own.max_body_bytes,
                ),
                shutdown=stop,
                connections=connections,
            )
            async with trio.open_nursery() as background:
                background.start_soon(gateway.keep_up)
                async with trio.open_nursery() as serving:
                    handle = await serving.start(server)
                    host, port = handle.addresses[0]
                    try:
                        yield f"http://{host}:{port}"
                    finally:
                        feed.close()
                        stop.set()
                background.cancel_scope.cancel()


@asynccontextmanager
async def _usable_settings(loaded: Loaded) -> AsyncIterator[Settings]:
    """Yield the settings, with simulated providers if none is configured, as in `omen serve`."""
    if loaded.settings.providers or loaded.declared:
        yield loaded.settings
        return
    async with open_fleet() as fleet:
        yield with_prices(with_simulated(loaded.settings, fleet))
