"""One connection: a stream over which one exchange at a time is carried out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import trio

from omen.wire._http1 import ResponseHead, ResponseReader
from omen.wire._timeouts import Timeouts

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
_NONE = Timeouts()


@asynccontextmanager
async def closed_on_failure(stream: trio.abc.Stream) -> AsyncIterator[None]:
    """Close the stream at once if the block fails or is cancelled; leave it be if not."""
    try:
        yield
    except BaseException:
        with trio.move_on_after(0, shield=True):
            await stream.aclose()
        raise


class Connection:
    """A stream, and whether it may carry another exchange.

    `answered` is true once a byte of the present exchange's response has come; `began_at` and
    `idle_since` are the times on trio's clock when the present exchange began and the last one
    ended. `took` is how long it took to connect, in seconds.
    """

    def __init__(self, stream: trio.abc.Stream, took: float = 0.0) -> None:
        self.stream = stream
        self.took = took
        self.answered = False
        self.began_at = 0.0
        self.idle_since = 0.0
        self._send_failure: Exception | None = None
        self._read_timeout: float | None = None

    async def send(self, parts: Sequence[bytes], timeouts: Timeouts = _NONE) -> None:
        """Send a request. The timeouts hold for this exchange; where there is none, no scope is.

        A break does not raise here: an upstream that refuses a large body answers and closes
        without having read it all, and that answer says more than the break.

        **Raises.** `httpx.WriteTimeout`.
        """
        self.answered = False
        self.began_at = trio.current_time()
        self._read_timeout = timeouts.read
        try:
            for part in parts:
                if timeouts.write is None:
                    await self.stream.send_all(part)
                else:
                    await self._send_in_time(part, timeouts.write)
        except _GONE as error:
            self._send_failure = error

    async def receive_head(self, response: ResponseReader) -> ResponseHead:
        """Read until the head is there.

        **Raises.** As `receive_into` and `ResponseReader`; `httpx.WriteError` when there is no
        head and the request had not got through either.
        """
        try:
            while (head := response.take_head()) is None:
                await self.receive_into(response)
        except httpx.TransportError:
            if self._send_failure is None:
                raise
            raise httpx.WriteError("the request did not get through") from self._send_failure
        return head

    async def receive_into(self, response: ResponseReader) -> None:
        """Hand the response what comes next.

        **Raises.** `httpx.ReadError` when the connection broke, `httpx.ReadTimeout`.

        **Cancellation.** Nothing is lost: it can be called again.
        """
        try:
            if self._read_timeout is None:
                data = await self.stream.receive_some()
            else:
                data = await self._receive_in_time(self._read_timeout)
        except _GONE as error:
            raise httpx.ReadError("the connection broke") from error
        if data:
            self.answered = True
            response.feed(data)
        else:
            response.feed_eof()

    async def _send_in_time(self, part: bytes, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self.stream.send_all(part)
            return
        raise httpx.WriteTimeout("the request could not be sent in time")

    async def _receive_in_time(self, seconds: float) -> bytes | bytearray:
        with trio.move_on_after(seconds):
            return await self.stream.receive_some()
        raise httpx.ReadTimeout("nothing came in time")

    @property
    def is_sound(self) -> bool:
        """Whether everything that was to be sent has been sent."""
        return self._send_failure is None

    def is_stale(self) -> bool:
        """Whether the other side has closed, or said more than it was asked.

        What came in one read with the end of an answer, but in a TLS record of its own, is no
        longer in the socket: it waits in the TLS layer, and would be taken for the next answer.
        Trio does not tell how much it holds there, so we look.

        A stream that is no socket cannot be asked; there the caller's retry must do.
        """
        stream = self.stream
        while isinstance(stream, trio.SSLStream):
            if stream._incoming.pending:
                return True
            stream = stream.transport_stream
        return isinstance(stream, trio.SocketStream) and stream.socket.is_readable()

    async def aclose(self) -> None:
        """Close the socket at once.

        **Cancellation.** It is never cancelled. There is no TLS goodbye and no waiting: a stream
        whose closing is given no time is closed all the same.
        """
        with trio.move_on_after(0, shield=True):
            await self.stream.aclose()
