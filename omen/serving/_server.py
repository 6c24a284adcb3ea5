"""The server: binding, accepting, the limit of connections, and the drain."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio
from hypercorn.trio.worker_context import WorkerContext

from omen.serving._asgi import ASGIApp
from omen.serving._connection import Connection
from omen.serving._handle import ServerHandle
from omen.serving._lifespan import Lifespan
from omen.serving._live import LiveConnections
from omen.serving._service import Service
from omen.serving._settings import BACKLOG, ServingSettings, hypercorn_config
from omen.serving._tls import CurrentTLS, is_tls
from omen.serving._unread import UnreadPool
from omen.serving._wire import Wire

MAX_REFUSING = 100
"""How many surplus connections get a 503 at the same time. Further ones are closed without one."""

UNTIL_ANNOUNCED = 0.5
"""How long after the shutdown HTTP/2 clients get the GOAWAY that asks for no more streams. Python's
h2, and so httpx, drops all running answers at a GOAWAY. This delay saves answers that end soon."""

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

    One port serves all of them. A connection speaks HTTP/2 if it begins with the preface or if TLS
    agreed on it by ALPN. With `settings.tls` the first byte of a connection shows whether it is
    TLS. A plain connection gets a 400 and is closed, or is served as well (`plain_beside_tls`).

    Use it as ``handle = await nursery.start(partial(serve, app, settings, shutdown=shutdown))``.
    The call returns once the sockets are bound, the application has started and connections are
    accepted. `listeners` already listen; a supervisor or a test makes them. Without them,
    `settings` has the address to bind. `connections` counts the connections, for a caller that
    needs the counts before there is a handle.

    **Resource handling.** This function owns the listeners from the call on and always closes them.
    A connection is owned by its own task, and a request's handler by its connection. Every path
    closes the socket, and then notifies or cancels the handlers. No task is left when this function
    returns. Beyond `max_connections` a new connection gets a ``503`` with ``retry-after`` and is
    closed, unread, so that a load balancer gets an answer at once.

    **Error handling.** A failure in a connection, in its protocol or in a handler ends at most that
    connection. ``omen.serving`` logs it once, with its kind and its place. When `accept` fails
    because the machine is out of file descriptors or memory, trio logs it and tries again every
    0.1 s. Any other exception ends the server:

    **Raises.** `OSError` if an address cannot be bound. `StartupFailed` if the application did not
    start. An exception group if the application's lifespan task fails later.

    **Shutdown.** Setting `shutdown` closes the listeners. Running requests have `drain` seconds to
    end, and each connection is closed after its last one. Connections without a request stay open
    until no request runs anywhere. On HTTP/1.1, a request that arrives until then is still served,
    with `Connection: close`: its client could not know of the shutdown. On HTTP/2, idle connections
    are closed at once, a late request is refused in the way that lets a client safely repeat it,
    and after half a second a first GOAWAY asks clients to open no more streams. Then everything
    left is cancelled, the application gets its shutdown message, and the function returns.

    **Cancellation.** A cancel is a shutdown without a drain: sockets are closed, handlers and the
    application's lifespan are cancelled at once, and the lifespan gets no shutdown message.
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
        """Accept connections while in the block. Leaving the block drains.

        Two nurseries, because accepting must stop while the connections go on.
        """
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
            # The deadline is set before the drain begins: it bounds the wait inside, too.
            connections.cancel_scope.deadline = trio.current_time() + self._settings.drain
            await self._drain()

    async def _drain(self) -> None:
        # First: a request that arrives during the steps below already gets `Connection: close`, or
        # is refused on HTTP/2.
        await self._context.terminated.set()
        for connection in self._live:
            if not connection.outlasts_a_drain:
                connection.end_if_idle()
        with trio.move_on_after(UNTIL_ANNOUNCED):
            await self._live.wait_until_none_is_busy()
        # A copy: connections may end while this loop awaits.
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
        """Send a 503 and give the client a moment to read it. trio closes the stream."""
        self._live.refused += 1
        if self._refusing >= MAX_REFUSING:
            return
        self._refusing += 1
        try:
            with trio.move_on_after(self._settings.linger):
                if self._service.tls.context is not None:
                    await self._start_tls(wire, self._service.tls.context)
                await wire.write(_BUSY)
                await wire.finish()
        except trio.BrokenResourceError:
            pass  # the TLS handshake failed: there is no way to answer
        finally:
            self._refusing -= 1

    async def _start_tls(self, wire: Wire, context: ssl.SSLContext) -> None:
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
