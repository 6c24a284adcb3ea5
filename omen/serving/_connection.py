"""One connection, from its first byte to its last.

Rule 1: one task, the *reading task*, runs `Connection.run`. It alone reads the socket, parses, and
closes. The handler of a request is another task of the same nursery. It writes and sets flags.

Rule 2: a task sets a flag first, and then wakes the reading task (`Reading.wake`). The reading task
tests the flags before every read. No other task runs between this test and the read, so no wake-up
is lost.

States
======

The state is not stored. It follows from six flags:

=============  ==============================  ====================================================
flag           set by                          meaning
=============  ==============================  ====================================================
`idle`         `update` (protocol)             No request runs. True at the start.
`_head_timed`  `_time_head`                    Idle, and `header_timeout` runs for a request's head.
                                               `update` clears it.
`_resume`      `resume` (HTTP/1.1)             The protocol holds bytes that were sent ahead, and
                                               may parse them now. `_converse` clears it.
`_ending`      `end` (protocol, deadline)      We end the connection. Never cleared.
`_gone`        EOF, reset, failed write        The client has left. Never cleared.
`_evicted`     `evict` (the server)            Another connection needs the place. Never cleared.
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

`Reading` bounds one read, or the TLS handshake. The scope of the nursery bounds the handlers after
the connection has ended, by `abandon_timeout`; and after `evict` the connection, by `EVICTION`.
"""

from __future__ import annotations

import ssl
from math import inf

import trio
from hypercorn.events import Closed, Event, RawData, Updated

from omen.serving._failures import LOGGER, describe
from omen.serving._link import Peer
from omen.serving._reading import Reading
from omen.serving._service import Service
from omen.serving._switch import Switch
from omen.serving._tasks import ConnectionTasks
from omen.serving._tls import ONLY_TLS, is_tls
from omen.serving._wire import Wire

EVICTION = 0.1
"""Seconds for a GOAWAY or a 408 on a connection that is closed to make room."""


class Connection:
    """One connection, whichever protocol it speaks: its opening, reading, idling and end.

    **Ending.** *The client left* (EOF, reset, or it did not read for `write_timeout`): the handlers
    are notified and the socket is closed at once, which wakes every task that is blocked on a
    write. *We end it* (the response has `Connection: close`, an error was answered, a deadline
    passed, the server drains): the last bytes and the EOF are sent, and for `linger` seconds the
    bytes that still arrive are discarded. Else: see `evict` and `run`.
    """

    def __init__(self, wire: Wire, service: Service) -> None:
        self.idle = True
        self.wire = wire
        self._service = service
        self._settings = service.settings
        self._protocol: Switch | None = None
        self._reading = Reading(wire, trio.current_time() + self._settings.header_timeout)
        self._whole = trio.CancelScope()
        self._head_timed = False
        self._resume = False
        self._ending = False
        self._gone = False
        self._evicted = False

    def __repr__(self) -> str:
        state = "ending" if self._ends else "idle" if self.idle else "busy"
        name = self._protocol.name if self._protocol else "nothing yet"
        return f"<Connection {'TLS, ' if self.wire.is_tls else ''}{name} {state}>"

    async def run(self) -> None:
        """Serve this connection until it has ended.

        **Raises.** No exception of a connection. One that arrives here, from the protocol or from
        the messages of the application, ends this connection only. It is logged once, with its kind
        and its place. Its text is not logged: it may quote what the client sent.
        **Cancellation.** Closes the socket at once and cancels the handlers.
        """
        try:
            async with trio.open_nursery() as nursery:
                self._whole = nursery.cancel_scope
                try:
                    await self._serve(nursery)
                    # A handler that ignores `http.disconnect` is cancelled after this time.
                    self._whole.deadline = trio.current_time() + self._settings.abandon_timeout
                finally:
                    # Inside the nursery: a handler in `Wire.write` is shielded from cancellation.
                    # Only the closed socket wakes it, and the nursery waits for it.
                    await trio.aclose_forcefully(self.wire)
        except* Exception as failure:  # noqa: BLE001  (this is where a failure is contained)
            LOGGER.error("connection ended by a failure: %s", describe(failure))
        finally:
            self._protocol = None  # a cycle, which only a collection would free

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
            self._reading.deadline = trio.current_time()

    def evict(self) -> None:
        """Close the connection, which runs no request, in a moment: its place is needed."""
        self._evicted = True
        self._reading.wake()  # in vain if it writes, to a client that does not read
        self._whole.deadline = trio.current_time() + EVICTION

    @property
    def _ends(self) -> bool:
        return self._ending or self._gone or self._evicted

    async def _serve(self, nursery: trio.Nursery) -> None:
        protocol = await self._open(nursery)
        if protocol is not None:
            await self._converse(protocol)
            await protocol.flush()
        if not self._gone and not self._evicted:
            self._service.live.note_answered(self)
            await self.wire.finish()

    async def _open(self, nursery: trio.Nursery) -> Switch | None:
        """Return the protocol that the client speaks, or None if none can be spoken with it."""
        tls = self._service.tls.context
        if tls is None:
            return self._make_protocol(nursery)
        first = await self._reading.receive()
        if not first:
            self._gone = first is not None
            return None
        if is_tls(first):
            return await self._open_tls(nursery, first, tls)
        if not self._settings.plain_beside_tls:
            await self.wire.write(ONLY_TLS)
            return None
        protocol = self._make_protocol(nursery)
        await self._feed(protocol, first)
        return protocol

    async def _open_tls(
        self, nursery: trio.Nursery, first: bytes, context: ssl.SSLContext
    ) -> Switch | None:
        succeeded, agreed = await self._reading.start_tls(context, first)
        if not succeeded:
            return None
        protocol = self._make_protocol(nursery)
        if agreed == "h2":
            await protocol.speak_h2()
        return protocol

    def _make_protocol(self, nursery: trio.Nursery) -> Switch:
        client, server = self.wire.addresses
        shared = self._service
        tasks = ConnectionTasks(nursery, self._settings.max_unread, shared.unread)
        peer = Peer(self.wire.is_tls, client, server, shared.state)
        self._protocol = Switch(shared, tasks, peer, self, self._send)
        return self._protocol

    async def _converse(self, protocol: Switch) -> None:
        while not self._ends:
            if self._resume:
                # Cleared first: while the held bytes are parsed, the next response may complete.
                self._resume = False
                await protocol.resume()
                self._time_head(protocol)
                continue
            data = await self._reading.receive()
            if self._evicted:
                break  # bytes that came at the same moment must not start a request
            if data:
                await self._feed(protocol, data)
            elif data is not None:
                await self._lose_client()
            elif self._reading.expired:
                await protocol.expire()
                await self.end()
        if self._evicted:
            await protocol.expire()

    async def _feed(self, protocol: Switch, data: bytes) -> None:
        await protocol.receive(data)
        self._time_head(protocol)

    async def _send(self, event: Event) -> None:
        """Carry out an event of HTTP/2. Any task of this connection may call this."""
        if isinstance(event, RawData):
            await self.write(event.data)
        elif isinstance(event, Closed):
            await self.end()
        elif isinstance(event, Updated):
            self.update(idle=event.idle)

    async def write(self, data: bytes) -> None:
        """Write bytes. If the client has gone, notify the handlers instead."""
        if self._gone or not await self.wire.write(data):
            await self._lose_client()

    def resume(self) -> None:
        """Let the reading task parse the bytes that the protocol holds."""
        self._resume = True
        self._reading.wake()

    async def _lose_client(self) -> None:
        """Record that the client has left, and notify the handlers."""
        # The flag comes first: a handler that is notified may write, fail, and arrive here again.
        if not self._gone:
            self._gone = True
            await self._notify_handlers()

    async def end(self) -> None:
        """End in good order: the handlers are notified, then the reading task sends the rest."""
        if not self._ending:
            self._ending = True
            await self._notify_handlers()

    async def _notify_handlers(self) -> None:
        self._service.live.note_ending(self)  # no request counts on this connection any more
        if self._protocol is not None:
            await self._protocol.close()
        self._reading.wake()

    def update(self, *, idle: bool) -> None:
        """Record whether a request runs."""
        self._service.live.note(self, idle=idle)
        self.idle = idle
        self._head_timed = False
        if not idle:
            self._reading.deadline = inf
        elif self._service.context.terminated.is_set():
            self._reading.deadline = trio.current_time()
        else:
            self._reading.deadline = trio.current_time() + self._settings.keep_alive_timeout

    def _time_head(self, protocol: Switch) -> None:
        """Start the header timeout when a part of a request's head is here, but not all of it."""
        if not self.idle:
            return
        if protocol.head_begun and not self._head_timed:
            # Once per head: a client that sends byte by byte must not extend it.
            self._head_timed = True
            limit = trio.current_time() + self._settings.header_timeout
            self._reading.deadline = min(self._reading.deadline, limit)
        elif self._head_timed and not protocol.head_begun:
            self.update(idle=True)  # the rest is here, and it was not a request
