"""`omen serve`: run the gateway until a signal stops it.

Three nurseries, from the outside in: the signal handler, which may cancel everything; the
background tasks, which must run as long as requests run; and the server. So the background tasks
are cancelled only after the server has drained.
"""

from __future__ import annotations

import argparse
import logging
import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import trio

from omen.cli._certificate import Certificate
from omen.cli._database import unused_books_warning
from omen.cli._demo import with_prices, with_simulated
from omen.cli._memory import freeze_what_is_built
from omen.cli._reloading import heed_reloads
from omen.cli._retiring import retirement_warnings
from omen.cli._signals import heed_signals
from omen.config import Loaded, Settings, load_settings
from omen.core.records import Observer
from omen.front.app import make_app
from omen.gateway import find_unusable_file, make_books, open_gateway
from omen.ledger.database import DatabaseTooNewError, shown_url
from omen.race.installed import load_strategies
from omen.serving import LiveConnections, ServerHandle, ServingSettings, serve
from omen.sim import open_fleet
from omen.telemetry import Journal, LiveFeed, log_attempts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.add_argument("--config", type=Path, help="a configuration file (else ./omen.toml)")
    parser.add_argument("--bind", help="address to listen on; overrides the configuration")
    parser.add_argument("--port", type=int, help="port to listen on; overrides the configuration")
    parser.add_argument(
        "--audit", action="store_true", help="check for leaks at the end of every request"
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="append a row for every attempt to this file"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log every attempt")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load the configuration and serve."""
    level = logging.INFO if args.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # hpack logs header values, keys among them, at DEBUG. So it never gets that level.
    logging.getLogger("hpack").setLevel(logging.INFO)
    environ = dict(os.environ)
    if args.bind is not None:
        environ["OMEN_BIND"] = args.bind
    if args.port is not None:
        environ["OMEN_PORT"] = str(args.port)

    def load() -> Loaded:
        loaded = load_settings(args.config, environ, cwd=Path.cwd(), strategies=load_strategies())
        if not args.audit:
            return loaded
        server = replace(loaded.settings.server, audit=True)
        return replace(loaded, settings=replace(loaded.settings, server=server))

    loaded = load()
    if args.record is not None and (reason := _unwritable(args.record)):
        print(f"omen: --record {args.record} cannot be written: {reason}", file=sys.stderr)
        return 2
    for warning in filter(None, (*loaded.warnings, unused_books_warning(loaded, Path.cwd()))):
        print(f"omen: warning: {warning}", file=sys.stderr)
    if unusable := find_unusable_file(loaded.settings.ledger, loaded.folder):
        # Keys are in it, so nobody could be served. It is a mistake like one in omen.toml.
        print(f"omen: cannot start: {unusable}", file=sys.stderr)
        return 1
    return trio.run(_serve, loaded, load, None if args.record is None else Journal(args.record))


def _unwritable(path: Path) -> str:
    try:
        with path.open("ab"):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


async def _serve(loaded: Loaded, load: Callable[[], Loaded], journal: Journal | None) -> int:
    """Serve until a signal arrives, and return the exit status."""
    status, books = 0, make_books(loaded.settings.ledger, loaded.folder)
    try:
        await books.check()
    except DatabaseTooNewError as error:
        print(f"omen: {shown_url(books.url)}: {error}", file=sys.stderr)
        return 1
    async with _providers(loaded) as settings, trio.open_nursery() as nursery:
        stop_signal, shutdown = trio.Event(), trio.Event()
        await nursery.start(heed_signals, stop_signal, nursery.cancel_scope)
        certificate = Certificate(loaded)
        feed, connections = LiveFeed(), LiveConnections()
        observers: list[Observer] = [feed, log_attempts, *([] if journal is None else [journal])]
        async with open_gateway(settings, observers=observers, books=books) as gateway:
            await gateway.prepare()
            app = make_app(gateway, feed, settings.server, stop_signal, connections)
            for warning in retirement_warnings(gateway.models, date.today()):
                print(f"omen: warning: {warning}", file=sys.stderr)
            freeze_what_is_built()
            server = partial(
                serve,
                app,
                _serving(settings, certificate.context),
                shutdown=shutdown,
                connections=connections,
            )
            async with trio.open_nursery() as background:
                background.start_soon(gateway.keep_up)
                if journal is not None:
                    background.start_soon(journal.run)
                async with trio.open_nursery() as serving:
                    try:
                        handle = await serving.start(server)
                    except OSError as error:
                        print(f"omen: cannot listen: {error}", file=sys.stderr)
                        shutdown.set()
                        status = 1
                    else:
                        renew = partial(certificate.renew, handle=handle)
                        await background.start(heed_reloads, gateway, load, loaded, renew)
                        _announce(handle, settings, loaded, shown_url(books.url))
                        await stop_signal.wait()
                        # `/ready` reports 503 from here on. A load balancer needs this time to
                        # notice that, before the port refuses connections.
                        await trio.sleep(settings.server.drain_delay_seconds)
                        # A feed has no end of its own: its readers would hold up the drain.
                        feed.close()
                        shutdown.set()
                background.cancel_scope.cancel()
        nursery.cancel_scope.cancel()
    return status


@asynccontextmanager
async def _providers(loaded: Loaded) -> AsyncIterator[Settings]:
    """Yield the settings to run with. Without a configured provider, run simulated ones."""
    if loaded.settings.providers or loaded.declared:
        yield loaded.settings
        return
    async with open_fleet() as fleet:
        yield with_prices(with_simulated(loaded.settings, fleet))


def _serving(settings: Settings, tls: ssl.SSLContext | None) -> ServingSettings:
    server = settings.server
    return ServingSettings(
        bind=server.bind,
        port=server.port,
        write_timeout=server.write_timeout_seconds,
        keep_alive_timeout=server.idle_timeout_seconds,
        header_timeout=server.header_timeout_seconds,
        drain=server.drain_seconds,
        max_connections=server.max_connections,
        max_message=server.max_body_bytes,
        max_streams=server.max_streams_per_connection,
        tls=tls,
        plain_beside_tls=not server.tls_only,
    )


def _announce(handle: ServerHandle, settings: Settings, loaded: Loaded, database: str) -> None:
    simulated = not (loaded.settings.providers or loaded.declared)
    print(f"omen: configuration from {loaded.source or 'defaults and environment'}")
    print(f"omen: ledger and keys in {database}")
    if simulated:
        print("omen: no provider is configured; running on the built-in simulated ones:")
    for provider in settings.providers.values():
        models = ", ".join(provider.models) or "any model, as provider/model"
        print(f"omen:   {provider.name} ({provider.kind}) {provider.base_urls[0]}: {models}")
    scheme = "https" if settings.server.tls_certificate else "http"
    for host, port in handle.addresses:
        print(f"omen: serving on {scheme}://{host}:{port}", flush=True)
