"""`omen serve`: run the gateway until a signal stops it.

Three nurseries, from the outside in: the signal handler; the background tasks, which must run as
long as requests run; and the server. So the background tasks are cancelled only after the server
has drained, or was cut off by a second signal: the ledger writes the rows of these requests, too.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import trio

from omen.admission import TicketReleaser
from omen.cli._certificate import Certificate
from omen.cli._connections import too_many_connections
from omen.cli._database import unused_books_warning
from omen.cli._demo import with_prices, with_simulated
from omen.cli._listening import report_not_listening
from omen.cli._logging import set_up_logging
from omen.cli._memory import freeze_what_is_built, give_back_large_blocks, keep_giving_back
from omen.cli._place import Place
from omen.cli._reloading import heed_reloads
from omen.cli._reporters import Reporters
from omen.cli._retiring import retirement_warnings
from omen.cli._serving_settings import make_admission, serving_settings
from omen.cli._signals import Stages, heed_signals
from omen.cli._spans import open_spans
from omen.cli._supervising import Supervision
from omen.cli._worker_shares import warnings_of_workers, with_share, worker_count
from omen.config import Loaded, Settings, load_settings
from omen.config.given_files import ConfigFiles, DiskFiles, GivenFiles
from omen.config.secrets import public_words
from omen.core.descriptors import raise_limit
from omen.core.secrets import SecretHolder
from omen.front.app import make_app
from omen.front.http.admitted import Admitted
from omen.gateway import Books, Gateway, find_unusable_file, make_books, open_gateway
from omen.gateway.workers import read_seat
from omen.ledger.database import DatabaseTooNewError, shown_url
from omen.ledger.private_files import open_private
from omen.race.installed import load_strategies
from omen.serving import LiveConnections, ServerHandle, serve
from omen.telemetry import (
    Journal,
    LiveFeed,
    OpenTelemetryUnusableError,
    RequestLines,
    escaped,
    log_attempts,
    redact_logs,
)


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
    # For a supervisor's own use: the process is one of several workers.
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load the configuration and serve, alone, as a supervisor, or as one of its workers."""
    place = Place(read_seat()) if args.worker else None
    raise_limit()
    give_back_large_blocks()
    # A worker thread that reads a heavy request gives the loop its turn after this time.
    sys.setswitchinterval(0.001)
    secrets = SecretHolder()
    environ = dict(os.environ)
    if args.bind is not None:
        environ["OMEN_BIND"] = args.bind
    if args.port is not None:
        environ["OMEN_PORT"] = str(args.port)

    def load(files: ConfigFiles) -> Loaded:
        loaded = load_settings(
            args.config, environ, cwd=Path.cwd(), strategies=load_strategies(), files=files
        )
        secrets.add(loaded.secrets, public_words(loaded.settings))
        if place is not None:
            loaded = with_share(loaded, place.seat.number, place.seat.workers)
        if not args.audit:
            return loaded
        server = replace(loaded.settings.server, audit=True)
        return replace(loaded, settings=replace(loaded.settings, server=server))

    files = DiskFiles()
    loaded = load(files if place is None else GivenFiles(place.seat.files))
    number = None if place is None else place.seat.number
    set_up_logging(loaded.settings.log, verbose=args.verbose, worker=number)
    redact_logs()
    workers = worker_count(loaded.settings.server) if place is None else 1
    if place is None and (status := _check_start(args, loaded, workers)):
        return status
    try:
        # A supervisor exports no spans, but a mistake that ends its workers must end it.
        insists = loaded.settings.telemetry.opentelemetry is True
        spans = open_spans(loaded.settings.telemetry, secrets) if workers == 1 or insists else None
    except OpenTelemetryUnusableError as error:
        print(f"omen: telemetry.opentelemetry: {error}", file=sys.stderr)
        return 2
    if workers > 1:
        return trio.run(_supervise, loaded, load, files, workers)
    journal = None if args.record is None else Journal(args.record)
    lines = RequestLines() if loaded.settings.log.requests else None
    try:
        return trio.run(_serve, loaded, load, Reporters(journal, lines, spans), place)
    finally:
        if lines is not None:
            # A second signal cancels requests and the task that writes lines in the same moment.
            lines.flush()


def _check_start(args: argparse.Namespace, loaded: Loaded, workers: int) -> int:
    """Print warnings, and check what a start needs. Return an exit status, or 0 if all is well."""
    if args.record is not None and (reason := _unwritable(args.record)):
        print(f"omen: --record {args.record} cannot be written: {reason}", file=sys.stderr)
        return 2
    own = [unused_books_warning(loaded, Path.cwd()), too_many_connections(loaded.settings.server)]
    if workers > 1:
        own += warnings_of_workers(loaded.settings, workers)
    for warning in filter(None, (*loaded.warnings, *own)):
        print(f"omen: warning: {warning}", file=sys.stderr)
    for note in loaded.notes:
        print(f"omen: {note}", file=sys.stderr)
    if unusable := find_unusable_file(loaded.settings.ledger, loaded.folder):
        # Keys are in it, so nobody could be served. It is a mistake like one in omen.toml.
        print(f"omen: cannot start: {unusable}", file=sys.stderr)
        return 1
    return 0


def _unwritable(path: Path) -> str:
    try:
        with open_private(path, "ab"):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


async def _supervise(
    loaded: Loaded, load: Callable[[ConfigFiles], Loaded], files: DiskFiles, workers: int
) -> int:
    """Run several workers until a signal arrives, and return the exit status."""
    books = make_books(loaded.settings.ledger, loaded.folder)
    if not await _is_for_this_version(books):
        return 1
    return await Supervision(loaded, load, files, books, workers).run()


async def _is_for_this_version(books: Books) -> bool:
    try:
        await books.check()
    except DatabaseTooNewError as error:
        print(f"omen: {shown_url(books.url)}: {error}", file=sys.stderr)
        return False
    return True


async def _serve(
    loaded: Loaded,
    load: Callable[[ConfigFiles], Loaded],
    reporters: Reporters,
    place: Place | None,
) -> int:
    """Serve until a signal arrives, and return the exit status. `place` is that of a worker."""
    status, make = 0, make_books if place is None else place.make_books
    books = make(loaded.settings.ledger, loaded.folder)
    if not await _is_for_this_version(books):
        return 1
    stop_signal, shutdown, stages = trio.Event(), trio.Event(), Stages()
    feed, connections = LiveFeed(), LiveConnections()
    joined = nullcontext() if place is None else place.joined(feed, stop_signal)
    async with joined, _providers(loaded) as settings, trio.open_nursery() as nursery:
        heed = heed_signals if place is None else place.heed_signals
        await nursery.start(heed, stop_signal, stages.cut_off)
        admission = make_admission(settings)
        certificate = Certificate(loaded)
        opened = open_gateway(
            settings,
            observers=[feed, log_attempts, TicketReleaser(), *reporters.observers],
            books=books,
            request_observers=[*reporters.request_observers],
            begin_trace=reporters.begin_trace,
            pressure=lambda: admission.pressure,
            connect=None if place is None else place.connect,
        )
        async with opened as gateway:
            with stages.stage():
                await gateway.prepare()
            controller = admission if settings.server.admission else None
            app = make_app(
                gateway,
                feed,
                settings.server,
                stop_signal,
                connections,
                admission=controller,
                peers=place,
            )
            if place is None or place.seat.number == 1:
                _warn_of_retirements(gateway)
            freeze_what_is_built()
            server = partial(
                serve,
                app,
                serving_settings(
                    settings,
                    certificate.context,
                    app if isinstance(app, Admitted) else None,
                    None if place is None else place.share,
                ),
                shutdown=shutdown,
                listeners=None if place is None else place.listeners(),
                connections=connections,
            )
            async with trio.open_nursery() as background:
                background.start_soon(gateway.keep_up)
                background.start_soon(keep_giving_back)
                for part in (controller, *reporters):
                    if part is not None:
                        background.start_soon(part.run)
                with stages.stage():
                    async with trio.open_nursery() as serving:
                        try:
                            handle = await serving.start(server)
                        except OSError as error:
                            report_not_listening(settings.server, error)
                            shutdown.set()
                            status = 1
                        else:
                            renew = partial(certificate.renew, handle=handle)
                            if place is None:
                                read = partial(load, DiskFiles())
                                await background.start(heed_reloads, gateway, read, loaded, renew)
                                _announce(handle, settings, loaded, shown_url(books.url))
                            else:
                                await place.begin(gateway, load, loaded, renew, handle)
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
    # Only here, as it takes a twentieth of the start: few gateways run on simulated providers.
    from omen.sim import open_fleet

    async with open_fleet() as fleet:
        yield with_prices(with_simulated(loaded.settings, fleet))


def _warn_of_retirements(gateway: Gateway) -> None:
    for warning in retirement_warnings(gateway.models, date.today()):
        # A discovered model has the name that its upstream gave it.
        print(f"omen: warning: {escaped(warning)}", file=sys.stderr)


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
