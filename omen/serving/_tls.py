"""TLS for the server's end of a connection: Python's `ssl` over any trio stream.

trio's own `SSLStream` serves both ends and every protocol. Three of its properties do not fit an
HTTP server. When a handshake fails, it does not send the alert that tells the client why. It sends
`close_notify` only when it closes, or it waits for the answer. And a read sometimes has to write;
if it is cancelled there, the stream is broken. Here a read never writes. All output waits in one
buffer for the next task that sends, and leaves in order.

**Source.** RFC 8446 sections 4.6.3 (the answer to a key update rides in front of the next data),
6 (alerts) and 6.1 (`close_notify`); RFC 7301 (ALPN); read 2026-11-26.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import trio

PROTOCOLS = ("h2", "http/1.1")
"""The protocols offered by ALPN, the preferred one first. A client without ALPN is assumed to speak
HTTP/1.1."""
MAX_RECORD = 16 * 1024
ONLY_TLS = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"content-type: text/plain\r\ncontent-length: 38\r\nconnection: close\r\n\r\n"
    b"This port speaks HTTPS, and only that\n"
)
"""The answer to a client that does not speak TLS, on a port that serves nothing else."""

_HANDSHAKE = 0x16
_ALERT_SECONDS = 1.0
"""How long a client may take to accept the alert that reports its error."""

_T = TypeVar("_T")


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return a context from two PEM files: the chain, beginning with our certificate, and its key.

    It allows TLS 1.2 and newer. Renegotiation is off: with it, a client of TLS 1.2 could make the
    server repeat the costly handshake at will.

    **Raises.** `OSError` if a file cannot be read or has the wrong content (`ssl.SSLError` is an
    `OSError`), or if key and certificate do not match.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(PROTOCOLS)
    # With an encrypted key and no password here, OpenSSL would ask on the terminal and wait.
    context.load_cert_chain(certificate, key, password="")
    return context


@dataclass(slots=True)
class CurrentTLS:
    """The context of new connections. A reload replaces it; open connections keep theirs."""

    context: ssl.SSLContext | None


def is_tls(first: bytes) -> bool:
    """Return whether a connection that begins with these bytes is TLS. No HTTP begins like that."""
    return first[:1] == bytes([_HANDSHAKE])


class TLSStream(trio.abc.HalfCloseableStream):
    """The server's end of a TLS connection.

    One task may be in `receive_some` while another is in `send_all`. `first` is the bytes that were
    read from the raw stream to find out that it is TLS.

    **Raises.** `trio.BrokenResourceError` if the raw stream breaks or the client violates the
    protocol. In the second case the alert that reports it has been sent.
    **Cancellation.** `receive_some` may be called again. After a `send_all` that was cancelled in
    the middle of a record, nothing more can be sent.
    """

    def __init__(self, stream: trio.abc.Stream, context: ssl.SSLContext, first: bytes) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming.write(first)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._sending = trio.StrictFIFOLock()
        self._torn = False

    @property
    def protocol(self) -> str | None:
        """The protocol that both sides agreed on by ALPN; None if the client did not use ALPN."""
        return self._tls.selected_alpn_protocol()

    async def do_handshake(self) -> None:
        """Complete the handshake. Nothing can be sent or received before."""
        while not await self._attempt(self._shake_hands, default=False):
            await self._flush()
            await self._fill()
        await self._flush()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return data of one record; `b""` after `close_notify`, or if the client just left."""
        await trio.lowlevel.checkpoint_if_cancelled()
        size = MAX_RECORD if max_bytes is None else max_bytes
        data = await self._attempt(self._read, size, default=None)
        if data is not None:
            # OpenSSL has given the data away: a cancel at this checkpoint would lose it.
            await trio.lowlevel.cancel_shielded_checkpoint()
        while data is None:
            await self._fill()
            data = await self._attempt(self._read, size, default=None)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt all the data and send it."""
        rest = memoryview(data)
        while rest:
            written = await self._attempt(self._tls.write, rest, default=0)
            if not written:
                raise trio.BrokenResourceError("sending would have to wait for the client to speak")
            rest = rest[written:]
            await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room in the raw stream."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Send `close_notify` and the raw stream's EOF. Do not wait for the client's answer."""
        # `unwrap` always raises here: it wants to read the answer, or there was no handshake.
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._flush()
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the raw stream, without `close_notify`."""
        await self._stream.aclose()

    def _shake_hands(self) -> bool:
        self._tls.do_handshake()
        return True

    def _read(self, size: int) -> bytes | None:
        try:
            return self._tls.read(size)
        except ssl.SSLEOFError:
            return b""  # many clients leave without `close_notify`

    async def _attempt(self, operate: Callable[..., _T], *arguments: object, default: _T) -> _T:
        """Return the operation's result, or `default` if it needs more bytes from the client."""
        try:
            return operate(*arguments)
        except ssl.SSLWantReadError:
            return default
        except ssl.SSLError as error:
            fault = error
        # OpenSSL has put an alert into the buffer. It must be sent before the stream is closed.
        with trio.move_on_after(_ALERT_SECONDS):
            await self._flush()
        raise trio.BrokenResourceError("the client does not speak TLS as we do") from fault

    async def _fill(self) -> None:
        data = await self._stream.receive_some()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        """Send the buffered output."""
        # The lock is FIFO and the buffer is read inside it, so records leave in the order of their
        # encryption. A task that waits here often finds that its record has been sent with others.
        async with self._sending:
            data = self._outgoing.read()
            if not data:
                return
            if self._torn:
                raise trio.BrokenResourceError("half a record was sent and the rest was not")
            # If `send_all` is cancelled or fails, the flag stays: half a record may be out.
            self._torn = True
            await self._stream.send_all(data)
            self._torn = False
