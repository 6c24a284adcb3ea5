"""The bytes of one connection in both directions, plain or over TLS. It knows no HTTP.

A plain socket is read and written by system calls of our own. trio's stream takes two turns of the
scheduler for a read and one for each write, and a write through it costs three times as much CPU
(2026-12-01: 24 against 8 µs). Where the socket is full, or the stream is none, trio's way is used.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress

import trio

from omen.serving._sockets import Address, abort, addresses, descriptor, has_arrivals
from omen.serving._tls import TLSStream

MAX_RECV = 64 * 1024
SLICE = 64 * 1024
"""Bytes to which one write deadline applies: a large body to a slow client may take longer."""
WRITES_AT_ONCE = 8
"""Writes after which other tasks have their turn, even if the socket takes more. A handler that
only sends would stop all others."""

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class Wire(trio.abc.AsyncResource):
    """The stream under a connection.

    The task that creates it is the reading task: it alone reads, starts TLS, finishes and closes.
    Any task may `write`.

    **Units.** Seconds.
    """

    def __init__(self, stream: trio.abc.Stream, *, write_timeout: float, linger: float) -> None:
        self._raw = stream
        self._stream: trio.abc.Stream | TLSStream = stream
        self._write_timeout = write_timeout
        self._linger = linger
        self._is_plain_socket = descriptor(stream) >= 0 and os.name == "posix"
        self._writes = 0
        self._reader = trio.lowlevel.current_task()
        self._writing = trio.Lock()
        self._finished = False

    @property
    def is_tls(self) -> bool:
        return isinstance(self._stream, TLSStream)

    @property
    def addresses(self) -> tuple[Address, Address]:
        """The client's and the server's address. Each is None if the stream has none."""
        return addresses(self._raw)

    @property
    def descriptor(self) -> int:
        """The file descriptor of the socket; -1 if the stream has none."""
        return descriptor(self._raw)

    @property
    def has_arrivals(self) -> bool:
        """Whether bytes (or an EOF) wait in the kernel to be read."""
        return has_arrivals(self._raw)

    async def start_tls(self, context: ssl.SSLContext, first: bytes) -> str | None:
        """Complete a TLS handshake, and return the protocol that both sides agreed on.

        `first` is the bytes that were already read.

        **Raises.** `trio.BrokenResourceError` if the handshake fails.
        """
        tls = TLSStream(self._raw, context, first)
        try:
            await tls.do_handshake()
        except trio.ClosedResourceError as error:
            raise trio.BrokenResourceError from error
        self._stream = tls
        self._is_plain_socket = False
        return tls.protocol

    async def receive(self) -> bytes:
        """Wait for bytes and return them; `b""` if the client has left.

        **Cancellation.** Nothing is lost.
        """
        if self._is_plain_socket:
            return await self._read_socket()
        try:
            return bytes(await self._stream.receive_some(MAX_RECV))
        except _GONE:
            return b""

    async def write(self, data: bytes) -> bool:
        """Write all the data. Return False if the client has gone.

        **Cancellation.** A handler is shielded: the protocol has recorded these bytes as sent, and
        other requests may share the connection. The wait is bounded by the write timeout, and by
        the close of the socket when the client leaves or the connection is cancelled.
        """
        if self._is_plain_socket and not self._finished and not self._writing.locked():
            try:
                sent = os.write(descriptor(self._raw), data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return False
            if sent == len(data):
                await self._let_others_run()
                return True
            data = data[sent:]
        try:
            # `acquire` is a checkpoint even if the lock is free. At the commit of a race, that
            # would run the cancelled losers first, while the client waits for its first token.
            self._writing.acquire_nowait()
        except trio.WouldBlock:
            with trio.CancelScope(shield=self._must_shield()):
                await self._writing.acquire()
        try:
            return not self._finished and await self._deliver(memoryview(data))
        finally:
            self._writing.release()

    async def finish(self) -> None:
        """Send an EOF, then read and discard the client's bytes for `linger` seconds.

        A close with unread bytes would reset the connection, which can destroy the last answer on
        its way.
        """
        # The lock: an EOF between two slices of another task's write would cut that write.
        async with self._writing:
            self._finished = True
            with trio.move_on_after(self._write_timeout):
                await self._send_eof()
        with trio.move_on_after(self._linger):
            await self._discard()

    async def aclose(self) -> None:
        """Close the socket at once. Tasks that are blocked on a read or a write are woken."""
        await trio.aclose_forcefully(self._raw)

    async def _read_socket(self) -> bytes:
        while (fd := descriptor(self._raw)) >= 0:
            try:
                await trio.lowlevel.wait_readable(fd)
                return os.read(fd, MAX_RECV)
            except BlockingIOError:
                continue  # it was ready, but is not any more
            except (OSError, trio.ClosedResourceError):
                break
        return b""

    async def _let_others_run(self) -> None:
        self._writes += 1
        if self._writes >= WRITES_AT_ONCE:
            self._writes = 0
            await trio.lowlevel.cancel_shielded_checkpoint()

    async def _deliver(self, data: memoryview) -> bool:
        shield = self._must_shield()
        for start in range(0, len(data), SLICE):
            with trio.move_on_after(self._write_timeout, shield=shield) as timeout:
                try:
                    await self._stream.send_all(data[start : start + SLICE])
                except _GONE:
                    return False
            if timeout.cancelled_caught:
                await abort(self._raw)
                return False
        return True

    def _must_shield(self) -> bool:
        """Return whether this task must be shielded: every task except the reading task.

        The reading task is cancelled only together with the whole connection. It must then close
        the socket, because only that wakes the shielded tasks.
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
