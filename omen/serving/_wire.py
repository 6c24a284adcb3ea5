"""The bytes of one connection, both ways, in the clear or over TLS. It knows no HTTP."""

from __future__ import annotations

import ssl
from contextlib import suppress

import trio

from omen.serving._sockets import Address, abort, addresses
from omen.serving._tls import TLSStream

MAX_RECV = 64 * 1024
SLICE = 64 * 1024
"""What the write deadline is about: a large body to a slow client may take longer than that."""

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class Wire(trio.abc.AsyncResource):
    """What a connection reads from and writes to.

    The task that makes it is the one that reads, starts TLS, finishes and closes; any task may
    `write`.

    **Units.** Seconds.
    """

    def __init__(self, stream: trio.abc.Stream, *, write_timeout: float, linger: float) -> None:
        self._raw = stream
        self._stream: trio.abc.Stream | TLSStream = stream
        self._write_timeout = write_timeout
        self._linger = linger
        self._reader = trio.lowlevel.current_task()
        self._writing = trio.Lock()
        self._finished = False

    @property
    def is_tls(self) -> bool:
        return isinstance(self._stream, TLSStream)

    @property
    def addresses(self) -> tuple[Address, Address]:
        """The client's and the server's, where there are any."""
        return addresses(self._raw)

    async def start_tls(self, context: ssl.SSLContext, first: bytes) -> str | None:
        """Greet in TLS; `first` has been read already. Return the protocol that was agreed on.

        **Raises.** `trio.BrokenResourceError` when the client cannot or will not.
        """
        tls = TLSStream(self._raw, context, first)
        try:
            await tls.do_handshake()
        except trio.ClosedResourceError as error:
            raise trio.BrokenResourceError from error
        self._stream = tls
        return tls.protocol

    async def receive(self) -> bytes:
        """Wait for bytes; `b""` when the client has left.

        **Cancellation.** Nothing is lost.
        """
        try:
            return bytes(await self._stream.receive_some(MAX_RECV))
        except _GONE:
            return b""

    async def write(self, data: bytes) -> bool:
        """Write it all, or find out that the client has gone: then False.

        **Cancellation.** A handler's is held off: the protocol takes these bytes for sent, and
        other requests may share the connection. What bounds the wait is the client's deadline,
        and the closing of the socket when the client leaves or the connection is cancelled.
        """
        try:
            # Taking a free lock with `acquire` still lets other tasks run, and at the commit
            # of a race those are the losers unwinding while the client waits.
            self._writing.acquire_nowait()
        except trio.WouldBlock:
            with trio.CancelScope(shield=self._held_off()):
                await self._writing.acquire()
        try:
            return not self._finished and await self._deliver(memoryview(data))
        finally:
            self._writing.release()

    async def finish(self) -> None:
        """Say that nothing more comes, and hear the client out for a while.

        To close with unread bytes would reset the connection, and may destroy the last answer on
        its way.
        """
        async with self._writing:
            self._finished = True
            with trio.move_on_after(self._write_timeout):
                await self._send_eof()
        with trio.move_on_after(self._linger):
            await self._discard()

    async def aclose(self) -> None:
        """Close the socket at once; whoever is blocked reading or writing is woken."""
        await trio.aclose_forcefully(self._raw)

    async def _deliver(self, data: memoryview) -> bool:
        shield = self._held_off()
        for start in range(0, len(data), SLICE):
            with trio.move_on_after(self._write_timeout, shield=shield) as patience:
                try:
                    await self._stream.send_all(data[start : start + SLICE])
                except _GONE:
                    return False
            if patience.cancelled_caught:
                await abort(self._raw)
                return False
        return True

    def _held_off(self) -> bool:
        """Say whether this task's cancel must wait: all but that of the task that reads.

        That one is cancelled with the whole connection only, and then has to get to closing the
        socket, which is what wakes the others.
        """
        return trio.lowlevel.current_task() is not self._reader

    async def _send_eof(self) -> None:
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            with suppress(*_GONE):
                await self._stream.send_eof()

    async def _discard(self) -> None:
        with suppress(*_GONE):
            while await self._raw.receive_some(MAX_RECV):
                pass
