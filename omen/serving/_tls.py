"""TLS for the server's end of a connection: Python's `ssl` over any trio stream.

trio's own `SSLStream` serves both ends and every protocol, and has three habits for it that a
server of HTTP cannot use. When a handshake fails it keeps the alert that would have told the
client why. It can say goodbye (`close_notify`) only by closing, or by waiting for an answer. And a
read sometimes has to write, and breaks the stream when it is cancelled there. Here reading never
writes: whatever is to be written waits in one buffer for whoever sends next, and leaves in order.

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
"""What is offered by ALPN, the preferred first. A client that asks for nothing is taken to speak
HTTP/1.1."""
MAX_RECORD = 16 * 1024

_HANDSHAKE = 0x16
_ALERT_SECONDS = 1.0
"""How long a client may take to accept the alert that says what was wrong with it."""

_T = TypeVar("_T")


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Make a context of two PEM files: the chain, beginning with our certificate, and its key.

    TLS 1.2 and newer, and no renegotiation, which is how a client of TLS 1.2 makes a server work.

    **Raises.** `OSError` when a file cannot be read, is not what it should be (`ssl.SSLError` is
    one), or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(PROTOCOLS)
    # Without a password of ours OpenSSL would ask for one on the terminal, and wait.
    context.load_cert_chain(certificate, key, password="")
    return context


@dataclass(slots=True)
class CurrentTLS:
    """The context of the connections that will be made; those that are there keep theirs."""

    context: ssl.SSLContext | None


def is_tls(first: bytes) -> bool:
    """Say whether a connection that begins with these bytes is TLS: no HTTP begins like that."""
    return first[:1] == bytes([_HANDSHAKE])


class TLSStream(trio.abc.HalfCloseableStream):
    """The server's end of a TLS connection.

    One task may be in `receive_some` while another is in `send_all`. `first` is what had been
    read from the stream beneath before it was known to be TLS.

    **Raises.** `trio.BrokenResourceError` when the stream beneath breaks, or the client breaks the
    protocol; in the second case it has been sent the alert that says so.
    **Cancellation.** `receive_some` may be called again. A `send_all` cancelled in the middle of a
    record leaves a stream that nothing more can be sent on.
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
        """What both sides agreed to speak, by ALPN; None when the client did not ask."""
        return self._tls.selected_alpn_protocol()

    async def do_handshake(self) -> None:
        """Greet. Nothing can be sent or received before that."""
        while not await self._attempt(self._greet, default=False):
            await self._flush()
            await self._fill()
        await self._flush()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Give what one record holds; `b""` when the client has said goodbye, or just left."""
        await trio.lowlevel.checkpoint_if_cancelled()
        size = MAX_RECORD if max_bytes is None else max_bytes
        data = await self._attempt(self._read, size, default=None)
        if data is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
        while data is None:
            await self._fill()
            data = await self._attempt(self._read, size, default=None)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt it and send it all."""
        rest = memoryview(data)
        while rest:
            written = await self._attempt(self._tls.write, rest, default=0)
            if not written:
                raise trio.BrokenResourceError("sending would have to wait for the client to speak")
            rest = rest[written:]
            await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room in the stream beneath."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say goodbye, in TLS and beneath, without waiting for the client's own goodbye."""
        # It raises in either case: it would go on to read, or there was no greeting.
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._flush()
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the stream beneath, without a goodbye."""
        await self._stream.aclose()

    def _greet(self) -> bool:
        self._tls.do_handshake()
        return True

    def _read(self, size: int) -> bytes | None:
        try:
            return self._tls.read(size)
        except ssl.SSLEOFError:
            return b""  # Without a goodbye, as many clients leave.

    async def _attempt(self, operate: Callable[..., _T], *arguments: object, default: _T) -> _T:
        """Do it, or return `default` when the client has to say more first."""
        try:
            return operate(*arguments)
        except ssl.SSLWantReadError:
            return default
        except ssl.SSLError as error:
            fault = error
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
        """Send what waits to be sent. Whoever comes second finds that the first has sent it all."""
        async with self._sending:
            data = self._outgoing.read()
            if not data:
                return
            if self._torn:
                raise trio.BrokenResourceError("half a record was sent and the rest was not")
            self._torn = True
            await self._stream.send_all(data)
            self._torn = False
