"""Binds, accepts, limits, drains."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio
from hypercorn.trio.worker_context import WorkerContext

from omen.serving._asgi import ASGIApp
from omen.serving._connection import Connection, Service
from omen.serving._handle import ServerHandle
from omen.serving._lifespan import Lifespan
from omen.serving._live import LiveConnections
from omen.serving._settings import BACKLOG, ServingSettings, hypercorn_config
from omen.serving._tls import CurrentTLS, is_tls
from omen.serving._unread import UnreadPool
from omen.serving._wire import Wire

MAX_REFUSING = 100
"""How many connections are turned away with an answer at the same time; more just get closed."""

UNTIL_ANNOUNCED = 0.5
"""How long after the shutdown HTTP/2 clients are told to open no more streams. Python's h2, and so
httpx, gives up every running answer when it is told; most answers that end soon are spared."""

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"content-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
)

Listeners = Sequence[trio.abc.Listener[trio.abc.Stream]]


async def serve(
    app: ASGIApp,
    settings: ServingSettings,
    *,
    shutdown: trio.Event,
    listeners: Listeners | None = None,
    connections: LiveConnections | None = None,
    task_status: trio.TaskStatus[ServerHandle] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI application over HTTP/1.1, HTTP/2 and websockets until `shutdown` is set.

    All on one port: HTTP/2 by its preface, by an upgrade, or as agreed on in TLS. With
    `settings.tls` the first byte of a connection tells whether it is TLS; one that is not is told
    so and closed, or served as well (`plain_beside_tls`).

    Use it as ``handle = await nursery.start(partial(serve, app, settings, shutdown=shutdown))``:
    that returns once the sockets are bound, the application has started up and connections are
    accepted. `listeners` are ones that listen already, made by a supervisor or a test; without
    them `settings` says where to bind. `connections` is where the connections are counted, for one
    who has to know them before there is a handle.

    **Resource handling.** The listeners are owned from the call on and always closed. A connection
    is owned by its own task, and a request's handler by its connection: when the socket is closed,
    which happens on every path, its handlers have been told or cancelled, and when this function
    returns, none is left. Beyond `max_connections` a new connection is answered ``503`` with
    ``retry-after`` and closed, unread: better a balancer hears no from here than nothing.

    **Error handling.** What goes wrong in a connection, in the protocol or in a handler, ends that
    connection at most; it is logged once by ``omen.serving``, as a kind and a place. When `accept`
    fails because the machine is out of file descriptors or memory, trio logs it and tries again
    every 0.1 s. Anything else that is raised here ends the server:

    **Raises.** `OSError` when an address cannot be bound. `StartupFailed` when the application did
    not start up. An exception group when the application's lifespan task fails after that.

    **Shutdown.** Setting `shutdown` closes the listeners. Running requests have `drain` seconds to
    end, and each connection is closed when its last one has. Connections without a request are
    closed when no request runs any more: until then one that comes on HTTP/1.1 is still served,
    because its client could not know better, and told `Connection: close`. On HTTP/2 it is refused
    in the way that lets a client safely repeat it, and after half a second clients are told, by a
    first GOAWAY, to open no more streams. Then everything left is cancelled, the application is
    asked to shut down, and the function returns.

    **Cancellation.** Cancelling it is a shutdown with no drain: sockets are closed and handlers
    cancelled at once, and the application's lifespan is cancelled, not asked.
    """
    if listeners is None:
        listeners = await trio.open_tcp_listeners(
            settings.port, host=settings.bind, backlog=BACKLOG
        )
    lifespan = Lifespan(app, settings.lifespan_timeout)
    live = LiveConnections() if connections is None else connections
    server = _Server(app, settings, lifespan, live)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lifespan.run)
            if await lifespan.start_up():
                async with server.accepting(listeners):
                    task_status.started(server.handle(listeners))
                    await shutdown.wait()
                await lifespan.shut_down()
            nursery.cancel_scope.cancel()
    finally:
        for listener in listeners:
            await trio.aclose_forcefully(listener)
    if lifespan.failure is not None:
        raise lifespan.failure


class _Server:
    def __init__(
        self, app: ASGIApp, settings: ServingSettings, lifespan: Lifespan, live: LiveConnections
    ) -> None:
        self._settings = settings
        self._context = WorkerContext(None)
        self._live = live
        self._service = Service(
            app=app,
            settings=settings,
            config=hypercorn_config(settings),
            context=self._context,
            state=lifespan.state,
            live=self._live,
            unread=UnreadPool(settings.max_unread_in_all),
            tls=CurrentTLS(settings.tls),
        )
        self._refusing = 0

    def handle(self, listeners: Listeners) -> ServerHandle:
        return ServerHandle(_addresses(listeners), self._live, self._service.tls)

    @asynccontextmanager
    async def accepting(self, listeners: Listeners) -> AsyncIterator[None]:
        """Accept connections while in the block; leaving it drains."""
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                await accepting.start(
                    partial(
                        trio.serve_listeners,
                        self._accept,
                        list(listeners),
                        handler_nursery=connections,
                    )
                )
                yield
                accepting.cancel_scope.cancel()
            connections.cancel_scope.deadline = trio.current_time() + self._settings.drain
            await self._drain()

    async def _drain(self) -> None:
        await self._context.terminated.set()
        for connection in self._live:
            if not connection.outlasts_a_drain:
                connection.end_if_idle()
        with trio.move_on_after(UNTIL_ANNOUNCED):
            await self._live.wait_until_none_is_busy()
        for connection in list(self._live):
            await connection.announce_end()
        await self._live.wait_until_none_is_busy()
        for connection in self._live:
            connection.end_if_idle()

    async def _accept(self, stream: trio.abc.Stream) -> None:
        settings = self._settings
        wire = Wire(stream, write_timeout=settings.write_timeout, linger=settings.linger)
        if len(self._live) >= settings.max_connections:
            await self._refuse(wire)
            return
        connection = Connection(wire, self._service)
        with self._live.admitted(connection):
            await connection.run()

    async def _refuse(self, wire: Wire) -> None:
        """Say 503 and wait a little for the client to hear it; trio closes the stream."""
        self._live.refused += 1
        if self._refusing >= MAX_REFUSING:
            return
        self._refusing += 1
        try:
            with trio.move_on_after(self._settings.linger):
                if self._service.tls.context is not None:
                    await self._greet(wire, self._service.tls.context)
                await wire.write(_BUSY)
                await wire.finish()
        except trio.BrokenResourceError:
            pass  # It does not even speak TLS.
        finally:
            self._refusing -= 1

    async def _greet(self, wire: Wire, context: ssl.SSLContext) -> None:
        first = await wire.receive()
        if is_tls(first):
            await wire.start_tls(context, first)


def _addresses(listeners: Listeners) -> tuple[tuple[str, int], ...]:
    names = [
        listener.socket.getsockname()
        for listener in listeners
        if isinstance(listener, trio.SocketListener)
    ]
    return tuple((host, port) for host, port, *_ in names)
