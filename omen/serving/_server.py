"""The server: binding, accepting, the limit of connections, and the drain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from hypercorn.trio.worker_context import WorkerContext

from omen.serving._accepting import Acceptor
from omen.serving._admission import Admission, EarlyAdmission
from omen.serving._asgi import ASGIApp
from omen.serving._connection import Connection
from omen.serving._eager import eager
from omen.serving._early import EarlyRefusals
from omen.serving._handle import ServerHandle
from omen.serving._lifespan import Lifespan
from omen.serving._live import LiveConnections
from omen.serving._places import Places
from omen.serving._service import Service
from omen.serving._settings import BACKLOG, ServingSettings, hypercorn_config
from omen.serving._tls import CurrentTLS
from omen.serving._unread import UnreadPool
from omen.serving._wire import Wire

UNTIL_ANNOUNCED = 0.5
"""How long after the shutdown HTTP/2 clients get the GOAWAY that asks for no more streams. Python's
h2, and so httpx, drops all running answers at a GOAWAY. This delay saves answers that end soon."""

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
    returns. Beyond `max_connections` the connection that has been without a request for longest is
    closed for the new one. If all run requests, the new one gets a ``503`` with ``retry-after`` and
    is closed, unread, so that a load balancer gets an answer at once.

    **Error handling.** A failure in a connection, in its protocol or in a handler ends at most that
    connection. ``omen.serving`` logs it once, with its kind and its place. When `accept` fails
    because the machine is out of file descriptors or memory, idle connections are closed, and
    accepting is tried again when a connection has ended, or after a pause. Any other exception ends
    the server:

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
            admission=settings.admission,
            early=_early(settings.admission),
        )
        self._places = Places(self._service)

    def handle(self, listeners: Listeners) -> ServerHandle:
        return ServerHandle(_addresses(listeners), self._live, self._service.tls)

    @asynccontextmanager
    async def accepting(self, listeners: Listeners) -> AsyncIterator[None]:
        """Accept connections while in the block. Leaving the block drains.

        Two nurseries, because accepting must stop while the connections go on.
        """
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                acceptor = Acceptor(self._live, self._settings.share)
                for listener in self._eager(listeners):
                    accepting.start_soon(acceptor.accept, listener, self._serve, connections)
                yield
                accepting.cancel_scope.cancel()
            # The deadline is set before the drain begins: it bounds the wait inside, too.
            connections.cancel_scope.deadline = trio.current_time() + self._settings.drain
            await self._drain()

    def _eager(self, listeners: Listeners) -> list[trio.abc.Listener[trio.abc.Stream]]:
        early, tls = self._service.early, self._service.tls.context is not None
        plain = not tls or self._settings.plain_beside_tls
        share = self._settings.share
        return [eager(one, early, tls=tls, plain=plain, share=share) for one in listeners]

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

    async def _serve(self, stream: trio.abc.Stream) -> None:
        settings = self._settings
        wire = Wire(stream, write_timeout=settings.write_timeout, linger=settings.linger)
        address = self._places.address_of(wire)
        if not self._places.make_room(wire, address):
            await self._places.refuse(wire)
            return
        connection = Connection(wire, self._service)
        with self._live.admitted(connection, address):
            await connection.run()


def _early(admission: Admission | None) -> EarlyRefusals | None:
    return EarlyRefusals(admission) if isinstance(admission, EarlyAdmission) else None


def _addresses(listeners: Listeners) -> tuple[tuple[str, int], ...]:
    names = [
        listener.socket.getsockname()
        for listener in listeners
        if isinstance(listener, trio.SocketListener)
    ]
    return tuple((host, port) for host, port, *_ in names)
