"""One connection to an upstream: a stream that carries one exchange at a time.

Rule 1: a connection is in exactly one place. It belongs to one exchange, or it is in the idle pool,
or it is closed. Each move between these places is one synchronous step (`IdlePool.take`,
`IdlePool.keep`) or a close, so no two exchanges can have the same connection.

Rule 2: a connection has no task and no deadline of its own. The task of the exchange calls it. The
deadline of the exchange is a scope around that call, and belongs to the caller.

States
======

The state is not stored. It follows from the place of the connection and from five flags:

==================  ==========================  ===================================================
flag                set by                      meaning
==================  ==========================  ===================================================
`answered`          the first byte received     The upstream has begun to answer this exchange.
                                                `send` clears it.
`_send_failure`     a break while sending       The request did not go out whole. Never cleared: the
                                                connection cannot be reused.
`complete`          `ResponseReader`            The response has ended by its own framing.
`reusable`          `ResponseReader`            The framing allows another exchange. Bytes after the
                                                response clear it.
`_released`         `ResponseBody.aclose`       The exchange has given the connection back.
==================  ==========================  ===================================================

==========  =================  ====================================  ==============================
state       held by            event                                 next state
==========  =================  ====================================  ==============================
opening     the dialer         stream open                           sending
                               failed, connect timeout, cancelled    closed
sending     `Transport`        every part sent                       waiting
                               broke (`_send_failure`)               waiting: it may have answered
                               write timeout, cancelled              closed
waiting     `Transport`        head read                             answering
                               broke, not HTTP, timeout, cancelled   closed
answering   `ResponseBody`     body read up to its end               answering (`complete`)
                               broke, not HTTP, timeout              closed, not yet `_released`
                               `aclose`: `complete`, `reusable`      idle
                               and no `_send_failure`
                               `aclose` otherwise                    closed
idle        `IdlePool`         taken, not stale                      sending
                               taken and stale, expired, surplus,    closed
                               transport closed
closed      (none)             (none)                                (final)
==========  =================  ====================================  ==============================

A read of the body that is cancelled changes no state: the next read goes on. The exchange that owns
the body closes it, and that decides between idle and closed.

If a *kept* connection closes in `sending` or `waiting`, before it `answered` and soon after the
request, `Transport` opens a new one for the same exchange, once; see `_closed_as_we_wrote` there.

Scopes
======

Two scopes bound single calls, when the request sets a timeout: `_send_in_time` one `send_all`, and
`_receive_in_time` one `receive_some`. Each is left before its method returns. OMEN's own requests
set no such timeouts; their deadlines are scopes around the whole exchange.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import httpx
import trio

from omen.wire._http1 import ResponseHead, ResponseReader
from omen.wire._socket_io import receive, send_all
from omen.wire._timeouts import Timeouts

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
_NONE = Timeouts()
_ONE_CALL = 256 * 1024
"""The most bytes of a request that one call sends."""


@asynccontextmanager
async def closed_on_failure(stream: trio.abc.Stream) -> AsyncIterator[None]:
    """Close the stream at once if the block fails or is cancelled; otherwise leave it open."""
    try:
        yield
    except BaseException:
        # See `Connection.aclose` for this scope.
        with trio.move_on_after(0, shield=True):
            await stream.aclose()
        raise


def _slices(parts: Sequence[bytes]) -> Iterator[bytes | memoryview]:
    """Yield large parts in slices: TLS encrypts what one call gets without letting others run."""
    for part in parts:
        if len(part) <= _ONE_CALL:
            yield part
            continue
        whole = memoryview(part)
        yield from (whole[at : at + _ONE_CALL] for at in range(0, len(part), _ONE_CALL))


class Connection:
    """A stream, and whether it may carry another exchange. The states are in the module docstring.

    `began_at` and `idle_since` are times on trio's clock: the start of the current exchange and the
    end of the last one. `connect_seconds` is the time it took to connect.
    """

    def __init__(self, stream: trio.abc.Stream, connect_seconds: float = 0.0) -> None:
        self.stream = stream
        self.connect_seconds = connect_seconds
        self.answered = False
        self.began_at = 0.0
        self.idle_since = 0.0
        self._send_failure: Exception | None = None
        self._read_timeout: float | None = None

    async def send(self, parts: Sequence[bytes], timeouts: Timeouts = _NONE) -> None:
        """Send a request. The timeouts apply to this exchange; without a timeout there is no scope.

        A break does not raise here: an upstream that refuses a large body answers and closes before
        it has read the whole body, and its answer says more than the break.

        **Raises.** `httpx.WriteTimeout`.

        **Cancellation.** A part of the request may have been sent, so the caller must close the
        connection.
        """
        # Before the first await: `_closed_as_we_wrote` must not see the values of an earlier
        # exchange if this one fails at once.
        self.answered = False
        self.began_at = trio.current_time()
        self._read_timeout = timeouts.read
        try:
            for part in _slices(parts):
                if timeouts.write is None:
                    await send_all(self.stream, part)
                else:
                    await self._send_in_time(part, timeouts.write)
        except _GONE as error:
            # Kept, not raised: `receive_head` raises it if no answer comes either.
            self._send_failure = error

    async def receive_head(self, response: ResponseReader) -> ResponseHead:
        """Read until the head of the response is complete, and return it.

        **Raises.** As `receive_into` and `ResponseReader`; `httpx.WriteError` when there is no head
        and the request was not sent whole.
        """
        try:
            while (head := response.take_head()) is None:
                await self.receive_into(response)
        except httpx.TransportError:
            if self._send_failure is None:
                raise
            # The break while sending is the cause; that nothing could be read is its consequence.
            raise httpx.WriteError("the request could not be sent whole") from self._send_failure
        return head

    async def receive_into(self, response: ResponseReader) -> None:
        """Read once from the stream and feed the result to the response.

        **Raises.** `httpx.ReadError` when the connection broke, `httpx.ReadTimeout`.

        **Cancellation.** No byte is lost, and it may be called again.
        """
        try:
            if self._read_timeout is None:
                data = await receive(self.stream)
            else:
                data = await self._receive_in_time(self._read_timeout)
        except _GONE as error:
            raise httpx.ReadError("the connection broke") from error
        # No await from here on: bytes that have left the socket must reach the reader, or a
        # cancelled read would lose them.
        if data:
            self.answered = True
            response.feed(data)
        else:
            response.feed_eof()

    async def _send_in_time(self, part: bytes | memoryview, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self.stream.send_all(part)
            # Inside the scope: a part that is sent just as the deadline passes counts as sent.
            return
        raise httpx.WriteTimeout("the request could not be sent in time")

    async def _receive_in_time(self, seconds: float) -> bytes | bytearray:
        with trio.move_on_after(seconds):
            # Inside the scope: bytes that arrive just as the deadline passes are not lost.
            return await self.stream.receive_some()
        raise httpx.ReadTimeout("nothing came in time")

    @property
    def is_sound(self) -> bool:
        """Whether every request on this connection was sent whole."""
        return self._send_failure is None

    def is_stale(self) -> bool:
        """Return whether the upstream has closed an idle connection, or sent something unasked.

        Such bytes would be read as the next answer. They may be in the TLS layer and no longer in
        the socket, if they came in one read with the end of the last answer, but in a TLS record of
        their own. Trio has no public way to see them, so this reads a private attribute.

        A stream that is no socket is never stale here; there the repetition on a new connection
        must be enough.
        """
        stream = self.stream
        # A tunnel through an HTTPS proxy has two TLS layers.
        while isinstance(stream, trio.SSLStream):
            if stream._incoming.pending:
                return True
            stream = stream.transport_stream
        # An idle HTTP/1.1 connection has nothing to read, so readable means EOF or unasked bytes.
        return isinstance(stream, trio.SocketStream) and stream.socket.is_readable()

    async def aclose(self) -> None:
        """Close the socket at once. A second call does nothing.

        **Cancellation.** It is never cancelled. It waits for nothing and sends no TLS close_notify:
        a stream that is closed in a cancelled scope closes its socket without either.
        """
        # Shielded, so that a cancelled exchange closes its socket, too. The deadline of 0 seconds
        # cancels the scope at once, which makes the close an immediate one.
        with trio.move_on_after(0, shield=True):
            await self.stream.aclose()
