"""A listener that accepts all waiting connections at once, and answers some of them at once.

trio accepts one connection in each pass of its scheduler. The more there is to do the longer the
passes are, and then connections wait in the kernel's queue, unseen: also those of an operator who
asks whether the gateway is alive. So all waiting ones are accepted together.

While requests are refused, the request of a new connection is refused here, if all of it is here
already, and a new TLS connection is closed before its handshake; see `_early`. A connection whose
request is served then, or whose request has not come yet, comes in.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from contextlib import suppress

import trio

from omen.core.descriptors import is_spare
from omen.serving._early import MOST_IN_A_PASS, EarlyRefusals
from omen.serving._settings import MAX_HEAD
from omen.serving._share import ConnectionShare
from omen.serving._sockets import is_readable
from omen.serving._tls import is_tls

MOST_AT_ONCE, MOST_ADMITTED = 256, 32
"""Connections that are accepted in one pass, and those of them that come in. Each of these costs
some 0.3 ms, and what has come in before must go on meanwhile."""
PAUSES = (0.0005, 0.001, 0.0025)
"""For how long a process leaves a connection to others that have fewer, look by look."""
LATE_AT_ONCE = 4
"""Connections that it takes at once when the others have not taken them by then."""


class EagerListener(trio.abc.Listener[trio.abc.Stream]):
    """A listener in front of a socket's, with the same connections in the same order.

    `early` refuses new connections while requests are refused; None: it refuses nothing. `tls` and
    `plain` are the connections that are served. With `share`, several processes accept from this
    socket.
    """

    def __init__(
        self,
        listener: trio.SocketListener,
        early: EarlyRefusals | None,
        *,
        tls: bool,
        plain: bool,
        share: ConnectionShare | None = None,
    ) -> None:
        self._listener = listener
        # A second descriptor of the same socket, because trio's has no accept that does not wait.
        self._socket = socket.socket(fileno=os.dup(listener.socket.fileno()))
        self._socket.setblocking(False)
        self._accepted: deque[trio.SocketStream] = deque()
        self._early = early
        self._tls, self._plain = tls, plain
        self._share = share
        if share is not None:
            share.begin()

    async def accept(self) -> trio.abc.Stream:
        """Return the next connection. It is a checkpoint only if none was accepted before.

        **Raises.** As `trio.SocketListener.accept`.
        **Cancellation.** No connection is lost.
        """
        while not self._accepted:
            is_late = await self._let_others_go_first()
            if self._early is not None and self._early.active:
                await self._accept_some(self._early, is_late=is_late)
            else:
                await self._accept_one(is_late=is_late)
        return self._accepted.popleft()

    async def aclose(self) -> None:
        """Close the listener."""
        if self._share is not None:
            self._share.end()
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        while self._accepted:
            self._accepted.popleft().socket.close()
            if self._share is not None:
                self._share.leave()
        await self._listener.aclose()

    async def _let_others_go_first(self) -> bool:
        """While other processes have fewer connections, leave them those that wait, for a moment.

        Return whether the others did not take a connection in time: one that hangs must not keep
        connections waiting.
        """
        share = self._share
        if share is None:
            return False
        while not share.room:
            await trio.lowlevel.wait_readable(self._listener.socket)
            for pause in PAUSES:
                await trio.sleep(pause)
                if share.room or not is_readable(self._socket.fileno()):
                    break
            else:
                return True
        return False

    def _most_admitted(self, *, is_late: bool) -> int:
        """Return how many connections may have come in after this pass."""
        if self._share is None:
            return MOST_ADMITTED
        room = len(self._accepted) + self._share.room
        return LATE_AT_ONCE if is_late else min(MOST_ADMITTED, max(1, room))

    async def _accept_one(self, *, is_late: bool) -> None:
        """Wait for a connection, and accept it with all others that wait."""
        first = (await self._listener.accept()).socket
        is_short = is_spare(first.fileno())
        self._admit(first)
        most = self._most_admitted(is_late=is_late)
        if not is_short and len(self._accepted) < most:
            self._accept_all(None, most)

    async def _accept_some(self, early: EarlyRefusals, *, is_late: bool) -> None:
        """Wait for connections and accept them; the next call comes in a later pass."""
        await trio.lowlevel.wait_readable(self._socket)
        if not self._accept_all(early, self._most_admitted(is_late=is_late)):
            await self._accept_one(is_late=is_late)  # it says what is wrong

    def _accept_all(self, early: EarlyRefusals | None, most: int) -> bool:
        """Accept what waits, up to the limits; return whether any could be accepted.

        It ends when `most` have come in and were not fetched yet.
        """
        refused = 0
        for number in range(MOST_AT_ONCE):
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                # Nothing waits, or nothing more can be accepted: the next accept says which.
                return number > 0
            if early is not None and self._refuse(accepted, early):
                refused += 1
                if refused >= MOST_IN_A_PASS:
                    break
                continue
            # Once one uses a spare descriptor, the next waits until this one has made room.
            is_last = len(self._accepted) + 1 >= most or is_spare(accepted.fileno())
            self._admit(trio.socket.from_stdlib_socket(accepted))
            if is_last:
                break
        return True

    def _admit(self, accepted: trio.socket.SocketType) -> None:
        try:
            self._accepted.append(trio.SocketStream(accepted))
        except OSError:  # its client has reset it already
            accepted.close()
        else:
            if self._share is not None:
                self._share.enter()

    def _refuse(self, accepted: socket.socket, early: EarlyRefusals) -> bool:
        """Refuse a new connection and close it; return False if it comes in."""
        accepted.setblocking(False)
        try:
            data = accepted.recv(MAX_HEAD, socket.MSG_PEEK)
            client = accepted.getpeername()[0]
        except OSError:  # nothing is here yet, or its client has gone
            return False
        if is_tls(data):
            if not self._tls or early.admits_unread(client):
                return False
            # With unread bytes the close is a reset, so its client learns of it at once.
        else:
            response = early.of_new(data, client) if self._plain else None
            if response is None:
                return False
            with suppress(OSError):
                accepted.recv(MAX_HEAD)  # an unread request would reset it as well
                accepted.send(response)
        accepted.close()
        return True


def eager(
    listener: trio.abc.Listener[trio.abc.Stream],
    early: EarlyRefusals | None,
    *,
    tls: bool = False,
    plain: bool = True,
    share: ConnectionShare | None = None,
) -> trio.abc.Listener[trio.abc.Stream]:
    """Return a listener that accepts eagerly, if this one is of a socket."""
    if isinstance(listener, trio.SocketListener):
        return EagerListener(listener, early, tls=tls, plain=plain, share=share)
    return listener
