"""One connection, from its first byte to its last.

Rule 1: one task, the *reading task*, runs `Connection.run`. It alone reads the socket, parses, and
closes. The handler of a request is another task of the same nursery. It writes and sets flags.

Rule 2: a task sets a flag first, and then wakes the reading task by a cancel of `_reading`. The
reading task tests the flags before every read. No other task runs between this test and the read,
so no wake-up is lost.

States
======

The state is not stored. It follows from five flags:

=============  ==============================  ====================================================
flag           set by                          meaning
=============  ==============================  ====================================================
`idle`         `Updated` from the protocol     No request runs. True at the start.
`_head_timed`  `_time_head`                    Idle, and `header_timeout` runs for a request's head.
                                               `_update` clears it.
`_resume`      `Resume` from the protocol      The protocol holds bytes that were sent ahead, and
                                               may parse them now. `_converse` clears it.
`_ending`      `Closed` (protocol), deadline   We end the connection. Never cleared.
`_gone`        EOF, reset, failed write        The client has left. Never cleared.
=============  ==============================  ====================================================

=========  ===================  ==================================  ===============================
state      deadline             event                               next state
=========  ===================  ==================================  ===============================
opening    `header_timeout`     no TLS configured; handshake        idle (the deadline goes on)
           after the accept     complete; plain bytes allowed
                                plain bytes refused (400 sent),     lingering
                                handshake failed, deadline
                                EOF before the first byte           closed (`_gone`)
idle       keep-alive (before   a request; `_resume`: a held one    busy
           the first request:   part of a head                      head (`_head_timed`)
           as in opening)       error answered, GOAWAY, deadline    ending
                                EOF, reset                          gone
head       `header_timeout`,    the rest of the head                busy
           unless idle's is     the rest, but it was no request     idle
           earlier              as in idle                          as in idle
busy       none                 last response complete              idle
                                the same with `Connection: close`,  ending
                                after GOAWAY or in a drain; error
                                EOF, reset, write failed            gone
ending     (none)               `flush` written                     lingering
                                write failed                        gone
gone       (none)               handlers notified                   closed
lingering  `write_timeout`,     EOF from the client, timeout        closed
           then `linger`
closed     (none)               (none)                              (final)
=========  ===================  ==================================  ===============================

At a deadline, `expire` sends the last message: a 408 in the state head, a GOAWAY over HTTP/2. A
write fails when the socket is broken, or when the client accepts nothing for `write_timeout`. In
every state an exception or a cancel closes the socket and cancels the handlers.

Scopes
======

`_reading` bounds one read, or the TLS handshake. Each read makes a new scope, with the deadline of
the state. Other tasks move its deadline (`end_if_idle` moves it to now) or cancel it. When no read
runs, this is a former scope and has no effect: the next read starts from `_deadline` and the flags.

The scope of the nursery bounds the handlers after the connection has ended, by `abandon_timeout`.
"""

from __future__ import annotations

import ssl
from math import inf

import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.typing import ConnectionState

from omen.serving._failures import LOGGER, describe
from omen.serving._h1 import Resume
from omen.serving._service import Service
from omen.serving._switch import Switch
from omen.serving._tasks import ConnectionTasks
from omen.serving._tls import ONLY_TLS, is_tls
from omen.serving._wire import Wire


class Connection:
    """One connection, whichever protocol it speaks: its opening, reading, idling and end.

    **Ending.** In three ways. *The client left* (EOF, reset, or it did not read for
    `write_timeout`): the handlers are notified and the socket is closed at once, which also wakes
    every task that is blocked on a write. *We end it* (the response has `Connection: close`, an
    error was answered, a deadline passed, the server drains): the last bytes and the EOF are sent,
    and for `linger` seconds the bytes that still arrive are discarded. *A failure*: see `run`.
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
        state = "ending" if self._ending or self._gone else "idle" if self.idle else "busy"
        name = self._protocol.name if self._protocol else "nothing yet"
        return f"<Connection {'TLS, ' if self._wire.is_tls else ''}{name} {state}>"

    async def run(self) -> None:
        """Serve this connection until it has ended.

        **Raises.** No exception of a connection. One that arrives here, from the protocol or from
        the messages of the application, ends this connection only. It is logged once, with its kind
        and its place. Its text is not logged: it may quote what the client sent.
        **Cancellation.** Closes the socket at once and cancels the handlers.
        """
        try:
            async with trio.open_nursery() as nursery:
                try:
                    await self._serve(nursery)
                    # A handler that ignores `http.disconnect` is cancelled after this time.
                    nursery.cancel_scope.deadline = (
                        trio.current_time() + self._settings.abandon_timeout
                    )
                finally:
                    # Inside the nursery: a handler in `Wire.write` is shielded from cancellation.
                    # Only the closed socket wakes it, and the nursery waits for it.
                    await trio.aclose_forcefully(self._wire)
        except* Exception as failure:  # noqa: BLE001  (this is where a failure is contained)
            LOGGER.error("connection ended by a failure: %s", describe(failure))

    @property
    def outlasts_a_drain(self) -> bool:
        """Whether an idle connection may stay open while the server drains.

        Over HTTP/1.1, yes: a request may be on its way already. It is served, with `Connection:
        close`. Over HTTP/2, no: a late request is refused in a way that lets the client repeat it.
        """
        return self._protocol is not None and self._protocol.name == "http/1.1"

    async def announce_end(self) -> None:
        """Ask the client, if its protocol can, to start no more requests on this connection."""
        if self._protocol is not None and not self.idle:
            await self._protocol.announce_end()

    def end_if_idle(self) -> None:
        """End the connection in good order, unless a request runs."""
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
        """Return the protocol that the client speaks, or None if none can be spoken with it."""
        tls = self._service.tls.context
        if tls is None:
            return self._make_protocol(nursery)
        first = await self._receive()
        if not first:
            self._gone = first is not None
            return None
        if is_tls(first):
            return await self._open_tls(nursery, first, tls)
        if not self._settings.plain_beside_tls:
            await self._wire.write(ONLY_TLS)
            return None
        protocol = self._make_protocol(nursery)
        await self._feed(protocol, first)
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
        protocol = self._make_protocol(nursery)
        if agreed == "h2":
            await protocol.speak_h2()
        return protocol

    def _make_protocol(self, nursery: trio.Nursery) -> Switch:
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
                # Cleared first: while the held bytes are parsed, the next response may complete.
                self._resume = False
                await protocol.handle(Resume())
                self._time_head(protocol)
                continue
            data = await self._receive()
            if data:
                await self._feed(protocol, data)
            elif data is not None:
                await self._lose_client()
            elif trio.current_time() >= self._deadline:
                await protocol.expire()
                await self._end()

    async def _feed(self, protocol: Switch, data: bytes) -> None:
        await protocol.handle(RawData(data))
        self._time_head(protocol)

    async def _receive(self) -> bytes | None:
        """Wait for bytes. Return b"" if the client has left, None if a flag or deadline woke us."""
        with trio.CancelScope(deadline=self._deadline) as self._reading:
            return await self._wire.receive()
        return None

    async def _send(self, event: Event) -> None:
        """Carry out an event of the protocol. Any task of this connection may call this."""
        if isinstance(event, RawData):
            if self._gone or not await self._wire.write(event.data):
                await self._lose_client()
        elif isinstance(event, Closed):
            await self._end()
        elif isinstance(event, Updated):
            self._update(idle=event.idle)
        elif isinstance(event, Resume):
            self._resume = True
            self._reading.cancel()

    async def _lose_client(self) -> None:
        """Record that the client has left, and notify the handlers."""
        # The flag comes first: a handler that is notified may write, fail, and arrive here again.
        if not self._gone:
            self._gone = True
            await self._notify_handlers()

    async def _end(self) -> None:
        """End in good order: the handlers are notified, then the reading task sends the rest."""
        if not self._ending:
            self._ending = True
            await self._notify_handlers()

    async def _notify_handlers(self) -> None:
        self._service.live.note(self, idle=True)  # no request counts on this connection any more
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
        """Start the header timeout when a part of a request's head is here, but not all of it."""
        if not self.idle:
            return
        if protocol.head_begun and not self._head_timed:
            # Once per head: a client that sends byte by byte must not extend it.
            self._head_timed = True
            limit = trio.current_time() + self._settings.header_timeout
            self._set_deadline(min(self._deadline, limit))
        elif self._head_timed and not protocol.head_begun:
            self._update(idle=True)  # the rest is here, and it was not a request

    def _set_deadline(self, deadline: float) -> None:
        # Both: the scope of the read that runs, and the value for the next read's scope.
        self._deadline = deadline
        self._reading.deadline = deadline
