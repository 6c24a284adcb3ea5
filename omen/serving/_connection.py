"""One connection, from its first byte to its last."""

from __future__ import annotations

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
from omen.serving._settings import ServingSettings
from omen.serving._sockets import abort, addresses
from omen.serving._switch import Switch
from omen.serving._tasks import ConnectionTasks

MAX_RECV = 64 * 1024
SLICE = 64 * 1024
"""What the write deadline is about: a large body to a slow client may take longer than that."""


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


class Connection:
    """Reads, writes, idles and ends one connection, whichever protocol it speaks.

    One task reads the socket and feeds the protocol; each request's handler is a task beside it
    and writes through `_send`. Nothing but the reading task decides that the connection is over.

    **Ending.** In one of three ways. *The client left* (EOF, reset, or it did not read for
    `write_timeout`): the handlers are told and the socket is closed at once, which also wakes
    whoever is blocked writing to it. *We are done* (the response said `Connection: close`, an
    error was answered, nothing came for too long, the server drains): the last bytes and the EOF
    go out, and for `linger` seconds what still comes is thrown away. *Something failed*: see
    `run`.
    """

    def __init__(self, stream: trio.abc.Stream, service: Service) -> None:
        self.idle = True
        self._stream = stream
        self._service = service
        self._settings = service.settings
        self._protocol: Switch
        self._reader: trio.lowlevel.Task
        self._sending = trio.Lock()
        self._reading = trio.CancelScope()
        self._deadline = trio.current_time() + self._settings.header_timeout
        self._head_timed = False
        self._resume = False
        self._ending = False
        self._gone = False

    def __repr__(self) -> str:
        doing = "ending" if self._ending or self._gone else "idle" if self.idle else "busy"
        return f"<Connection {self._protocol.name} {doing}>"

    async def run(self) -> None:
        """Serve this connection until it is over.

        **Raises.** No exception of a connection: one that gets here, from the protocol or from
        what the application made of it, ends this connection only, and is logged once with its
        kind and its place. Its text is not logged, it may quote what the client sent.
        **Cancellation.** Closes the socket without ceremony and cancels the handlers.
        """
        self._reader = trio.lowlevel.current_task()
        try:
            async with trio.open_nursery() as nursery:
                try:
                    self._protocol = self._make_protocol(nursery)
                    await self._converse()
                    # A handler that does not heed `http.disconnect` is not waited for much longer.
                    nursery.cancel_scope.deadline = (
                        trio.current_time() + self._settings.abandon_timeout
                    )
                finally:
                    # Whoever writes is shielded from cancellation, not from this.
                    await trio.aclose_forcefully(self._stream)
        except* Exception as failure:  # noqa: BLE001  (containing it is what this is for)
            LOGGER.error("connection ended by a failure: %s", describe(failure))

    def drain(self) -> None:
        """End as soon as no request runs; at once, if none does."""
        if self.idle:
            self._set_deadline(trio.current_time())

    def _make_protocol(self, nursery: trio.Nursery) -> Switch:
        client, server = addresses(self._stream)
        tasks = ConnectionTasks(nursery, self._settings.max_unread)
        shared = self._service
        return Switch(
            shared.app,
            shared.config,
            shared.context,
            tasks,
            ConnectionState(shared.state),
            False,  # Over TLS: not yet.
            client,
            server,
            self._send,
        )

    async def _converse(self) -> None:
        while not self._ending and not self._gone:
            if self._resume:
                self._resume = False
                await self._protocol.handle(Resume())
                continue
            data = await self._receive()
            if data:
                await self._protocol.handle(RawData(data))
                self._time_head()
            elif data is not None:
                await self._lose()
            elif trio.current_time() >= self._deadline:
                await self._protocol.expire()
                await self._end()
        if not self._gone:
            with trio.move_on_after(self._settings.linger):
                while await self._receive_some():
                    pass

    async def _receive(self) -> bytes | None:
        """Wait for bytes; b"" when the client has left, None when there is something else to do."""
        with trio.CancelScope(deadline=self._deadline) as self._reading:
            return await self._receive_some()
        return None

    async def _receive_some(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(MAX_RECV))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def _send(self, event: Event) -> None:
        """Do what the protocol asks for. Any task of this connection may be here."""
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Closed):
            await self._end()
        elif isinstance(event, Updated):
            self._update(idle=event.idle)
        elif isinstance(event, Resume):
            self._resume = True
            self._reading.cancel()

    async def _write(self, data: bytes) -> None:
        """Write it all, or find out that the client has gone.

        **Cancellation.** A handler's is held off: the protocol takes these bytes for sent, and
        other requests may share the connection. What bounds the wait is the client's deadline,
        and the closing of the socket when the client leaves or the connection is cancelled.
        """
        try:
            # Taking a free lock with `acquire` still lets other tasks run, and at the commit
            # of a race those are the losers unwinding while the client waits.
            self._sending.acquire_nowait()
        except trio.WouldBlock:
            with trio.CancelScope(shield=self._held_off()):
                await self._sending.acquire()
        try:
            delivered = not self._gone and await self._deliver(memoryview(data))
        finally:
            self._sending.release()
        if not delivered:
            await self._lose()

    async def _deliver(self, data: memoryview) -> bool:
        shield, timeout = self._held_off(), self._settings.write_timeout
        for start in range(0, len(data), SLICE):
            with trio.move_on_after(timeout, shield=shield) as patience:
                try:
                    await self._stream.send_all(data[start : start + SLICE])
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return False
            if patience.cancelled_caught:
                await abort(self._stream)
                return False
        return True

    async def _lose(self) -> None:
        """Note that the client has gone and tell the handlers."""
        if not self._gone:
            self._gone = True
            await self._protocol.handle(Closed())
            self._reading.cancel()

    async def _end(self) -> None:
        """End in good order: handlers first, then the last bytes, then the EOF."""
        if self._ending:
            return
        self._ending = True
        await self._protocol.handle(Closed())
        with trio.CancelScope(shield=self._held_off()):
            await self._protocol.flush()
            async with self._sending:
                await self._send_eof()
        self._reading.cancel()

    def _held_off(self) -> bool:
        """Say whether this task's cancel must wait: all but that of the task that reads.

        That one is cancelled with the whole connection only, and then has to get to closing the
        socket, which is what wakes the others.
        """
        return trio.lowlevel.current_task() is not self._reader

    async def _send_eof(self) -> None:
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            with trio.move_on_after(self._settings.write_timeout):
                try:
                    await self._stream.send_eof()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._gone = True

    def _update(self, *, idle: bool) -> None:
        self.idle = idle
        self._head_timed = False
        if not idle:
            self._set_deadline(inf)
        elif self._service.context.terminated.is_set():
            self._set_deadline(trio.current_time())
        else:
            self._set_deadline(trio.current_time() + self._settings.keep_alive_timeout)

    def _time_head(self) -> None:
        """Start the clock when the first part of a request has come and not the rest."""
        if self.idle and not self._head_timed and self._protocol.head_begun:
            self._head_timed = True
            limit = trio.current_time() + self._settings.header_timeout
            self._set_deadline(min(self._deadline, limit))

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        self._reading.deadline = deadline
