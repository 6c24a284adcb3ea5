"""One connection, from its first byte to its last."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from math import inf
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from omen.serving._asgi import ASGIApp
from omen.serving._failures import LOGGER, describe
from omen.serving._h1 import Resume
from omen.serving._live import LiveConnections
from omen.serving._settings import ServingSettings
from omen.serving._switch import Switch
from omen.serving._tasks import ConnectionTasks
from omen.serving._tls import CurrentTLS, is_tls
from omen.serving._unread import UnreadPool
from omen.serving._wire import Wire

_NOT_PLAIN = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"content-type: text/plain\r\ncontent-length: 38\r\nconnection: close\r\n\r\n"
    b"This port speaks HTTPS, and only that\n"
)


@dataclass(frozen=True, slots=True)
class Service:
    """What all connections of a server share."""

    app: ASGIApp
    settings: ServingSettings
    config: Config
    context: WorkerContext
    """hypercorn's: its protocols ask it for events, and whether the server drains."""
    state: dict[str, Any]
    """What the application's lifespan put aside; every request gets a copy."""
    live: LiveConnections
    unread: UnreadPool
    tls: CurrentTLS


class Connection:
    """Opens, feeds, idles and ends one connection, whichever protocol it speaks.

    One task reads the socket and feeds the protocol; each request's handler is a task beside it
    and writes through `_send`. Nothing but the reading task decides that the connection is over.

    **Ending.** In one of three ways. *The client left* (EOF, reset, or it did not read for
    `write_timeout`): the handlers are told and the socket is closed at once, which also wakes
    whoever is blocked writing to it. *We are done* (the response said `Connection: close`, an
    error was answered, nothing came for too long, the server drains): the last bytes and the EOF
    go out, and for `linger` seconds what still comes is thrown away. *Something failed*: see
    `run`.
    """

    def __init__(self, wire: Wire, service: Service) -> None:
        self.idle = True
        self._wire = wire
        self._service = service
        self._settings = service.settings
        self._protocol: Switch | None = None
        self._reading = trio.CancelScope()
        self._deadline = trio.current_time() + self._settings.header_timeout
        self._head_timed = False
        self._resume = False
        self._ending = False
        self._gone = False

    def __repr__(self) -> str:
        doing = "ending" if self._ending or self._gone else "idle" if self.idle else "busy"
        name = self._protocol.name if self._protocol else "nothing yet"
        return f"<Connection {'TLS, ' if self._wire.is_tls else ''}{name} {doing}>"

    async def run(self) -> None:
        """Serve this connection until it is over.

        **Raises.** No exception of a connection: one that gets here, from the protocol or from
        what the application made of it, ends this connection only, and is logged once with its
        kind and its place. Its text is not logged, it may quote what the client sent.
        **Cancellation.** Closes the socket without ceremony and cancels the handlers.
        """
        try:
            async with trio.open_nursery() as nursery:
                try:
                    await self._serve(nursery)
                    # A handler that does not heed `http.disconnect` is not waited for much longer.
                    nursery.cancel_scope.deadline = (
                        trio.current_time() + self._settings.abandon_timeout
                    )
                finally:
                    # Whoever writes is shielded from cancellation, not from this.
                    await trio.aclose_forcefully(self._wire)
        except* Exception as failure:  # noqa: BLE001  (containing it is what this is for)
            LOGGER.error("connection ended by a failure: %s", describe(failure))

    @property
    def outlasts_a_drain(self) -> bool:
        """Whether an idle connection may stay while the server finishes what it is doing.

        Over HTTP/1.1, yes: a request may be on its way already. It is served, with `Connection:
        close`. Over HTTP/2 one that comes too late is refused so that its client may repeat it.
        """
        return self._protocol is not None and self._protocol.name == "http/1.1"

    async def announce_end(self) -> None:
        """Tell the client, if its protocol can, to ask for nothing more on this connection."""
        if self._protocol is not None and not self.idle:
            await self._protocol.announce_end()

    def end_if_idle(self) -> None:
        """Close the connection in good order, unless a request runs."""
        if self.idle:
            self._set_deadline(trio.current_time())

    async def _serve(self, nursery: trio.Nursery) -> None:
        protocol = await self._open(nursery)
        if protocol is not None:
            await self._converse(protocol)
            await protocol.flush()
        if not self._gone:
            await self._wire.finish()

    async def _open(self, nursery: trio.Nursery) -> Switch | None:
        """Find out what the client speaks; None when it is nothing that can be answered."""
        tls = self._service.tls.context
        if tls is None:
            return self._speak(nursery)
        first = await self._receive()
        if not first:
            self._gone = first is not None
            return None
        if is_tls(first):
            return await self._open_tls(nursery, first, tls)
        if not self._settings.plain_beside_tls:
            await self._wire.write(_NOT_PLAIN)
            return None
        protocol = self._speak(nursery)
        await self._take(protocol, first)
        return protocol

    async def _open_tls(
        self, nursery: trio.Nursery, first: bytes, context: ssl.SSLContext
    ) -> Switch | None:
        agreed: str | None = None
        with trio.CancelScope(deadline=self._deadline) as self._reading:
            try:
                agreed = await self._wire.start_tls(context, first)
            except trio.BrokenResourceError:
                return None
        if self._reading.cancelled_caught:
            return None
        protocol = self._speak(nursery)
        if agreed == "h2":
            await protocol.speak_h2()
        return protocol

    def _speak(self, nursery: trio.Nursery) -> Switch:
        client, server = self._wire.addresses
        shared = self._service
        self._protocol = Switch(
            shared.app,
            shared.config,
            shared.context,
            ConnectionTasks(nursery, self._settings.max_unread, shared.unread),
            ConnectionState(shared.state),
            self._wire.is_tls,
            client,
            server,
            self._send,
        )
        return self._protocol

    async def _converse(self, protocol: Switch) -> None:
        while not self._ending and not self._gone:
            if self._resume:
                self._resume = False
                await protocol.handle(Resume())
                self._time_head(protocol)
                continue
            data = await self._receive()
            if data:
                await self._take(protocol, data)
            elif data is not None:
                await self._lose()
            elif trio.current_time() >= self._deadline:
                await protocol.expire()
                await self._end()

    async def _take(self, protocol: Switch, data: bytes) -> None:
        await protocol.handle(RawData(data))
        self._time_head(protocol)

    async def _receive(self) -> bytes | None:
        """Wait for bytes; b"" when the client has left, None when there is something else to do."""
        with trio.CancelScope(deadline=self._deadline) as self._reading:
            return await self._wire.receive()
        return None

    async def _send(self, event: Event) -> None:
        """Do what the protocol asks for. Any task of this connection may be here."""
        if isinstance(event, RawData):
            if self._gone or not await self._wire.write(event.data):
                await self._lose()
        elif isinstance(event, Closed):
            await self._end()
        elif isinstance(event, Updated):
            self._update(idle=event.idle)
        elif isinstance(event, Resume):
            self._resume = True
            self._reading.cancel()

    async def _lose(self) -> None:
        """Note that the client has gone and tell the handlers."""
        if not self._gone:
            self._gone = True
            await self._tell_closed()

    async def _end(self) -> None:
        """End in good order: the handlers are told, then the reading task sends the last bytes."""
        if not self._ending:
            self._ending = True
            await self._tell_closed()

    async def _tell_closed(self) -> None:
        self._service.live.note(self, idle=True)  # Nobody is served here any more.
        if self._protocol is not None:
            await self._protocol.handle(Closed())
        self._reading.cancel()

    def _update(self, *, idle: bool) -> None:
        self._service.live.note(self, idle=idle)
        self.idle = idle
        self._head_timed = False
        if not idle:
            self._set_deadline(inf)
        elif self._service.context.terminated.is_set():
            self._set_deadline(trio.current_time())
        else:
            self._set_deadline(trio.current_time() + self._settings.keep_alive_timeout)

    def _time_head(self, protocol: Switch) -> None:
        """Start the clock when the first part of a request has come and not the rest."""
        if not self.idle:
            return
        if protocol.head_begun and not self._head_timed:
            self._head_timed = True
            limit = trio.current_time() + self._settings.header_timeout
            self._set_deadline(min(self._deadline, limit))
        elif self._head_timed and not protocol.head_begun:
            self._update(idle=True)  # The rest has come, and it was no request.

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        self._reading.deadline = deadline
