"""The one place that speaks HTTP to upstreams: httpx's transport interface over trio streams.

HTTP/1.1 only, because there the close of a stream is the close of a socket, and an upstream learns
within milliseconds that it has lost. It knows no provider and reads no body.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx
import trio

from omen.wire._connection import Connection, closed_on_failure
from omen.wire._dial import Dialer, default_ssl_context
from omen.wire._http1 import ResponseHead, ResponseReader, write_head
from omen.wire._origin import Dial, Origin
from omen.wire._pool import IdlePool
from omen.wire._proxy import Proxies

__all__ = ["Dial", "Origin", "Transport"]

_ONE_SEND = 64 * 1024
"""Up to this size head and body are joined and leave in one packet train; beyond it the copy
costs more than the second call."""

_UNREACHABLE = (OSError, trio.BrokenResourceError, UnicodeError)


class Transport(httpx.AsyncBaseTransport):
    """Carries out requests, each on a connection of its own while it lasts.

    **Shape.** The response's `stream` gives, at each step, all the body that one read brought. It
    must be closed: after an exchange that ended by its own framing that leaves the connection for
    the next one; after any other (closed before the end, an error, a cancellation) the socket is
    closed at once. Requests are sent whole; redirects are returned, not followed; no deadline but
    the one for connecting is kept, since a timeout belongs to the caller.

    **Raises.** httpx's errors. `RemoteProtocolError` for what is not HTTP, its subclass
    `IncompleteResponse` for a connection that ended too early.

    **Cancellation.** No socket is left open. The body's iterator may be cancelled and asked again;
    nothing is lost.

    There is no task in the background: an idle connection is examined when it would be used, and
    expired ones are closed when the next request comes.
    """

    def __init__(
        self,
        *,
        dial: Dial | None = None,
        ssl_context: ssl.SSLContext | None = None,
        connect_timeout: float = 10.0,
        idle_expiry: float = 60.0,
        max_idle_per_origin: int = 64,
    ) -> None:
        self._proxies = Proxies.from_environment() if dial is None else Proxies({})
        self._dial = dial or Dialer(self._proxies, ssl_context or default_ssl_context())
        self._connect_timeout = connect_timeout
        self._idle = IdlePool(max_per_origin=max_idle_per_origin, expiry=idle_expiry)
        self._in_use = 0
        self._closed = False

    @property
    def sockets_in_use(self) -> int:
        """Requests whose responses are not closed yet, those still connecting included."""
        return self._in_use

    @property
    def sockets_idle(self) -> int:
        """Connections kept for a next exchange."""
        return len(self._idle)

    def __repr__(self) -> str:
        idle = ", ".join(f"{origin} {count}" for origin, count in self._idle.counts().items())
        state = "closed, " if self._closed else ""
        where = f" ({idle})" if idle else ""
        return f"<Transport: {state}{self._in_use} in use, {len(self._idle)} idle{where}>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; come back with the head of its response."""
        if self._closed:
            raise httpx.ConnectError("the transport is closed")
        await request.aread()
        self._in_use += 1
        try:
            return await self._respond(request, Origin.of(request.url))
        except BaseException:
            self._in_use -= 1
            raise

    async def aclose(self) -> None:
        """Close what is idle and refuse what is new. Exchanges under way end as they will."""
        self._closed = True
        for connection in self._idle.clear():
            await connection.close()

    async def _respond(self, request: httpx.Request, origin: Origin) -> httpx.Response:
        parts = self._write(request, origin)
        kept = await self._reuse(origin)
        if kept is not None:
            try:
                return await self._exchange(kept, origin, request.method, parts)
            except httpx.TransportError:
                # The upstream may have closed it just as we wrote. Then it has not begun to
                # answer, and a fresh connection deserves a try.
                if kept.answered:
                    raise
        fresh = await self._connect(origin)
        return await self._exchange(fresh, origin, request.method, parts)

    def _write(self, request: httpx.Request, origin: Origin) -> list[bytes]:
        proxy = None if origin.is_tls else self._proxies.find(origin)
        if proxy is None:
            head = write_head(request, request.url.raw_path, ())
        else:  # a proxy that forwards wants to know where to
            absolute = b"http://" + request.url.netloc + request.url.raw_path
            head = write_head(request, absolute, proxy.headers)
        whole = len(head) + len(request.content) <= _ONE_SEND
        return [head + request.content] if whole else [head, request.content]

    async def _reuse(self, origin: Origin) -> Connection | None:
        for expired in self._idle.expire(trio.current_time()):
            await expired.close()
        while (connection := self._idle.take(origin)) is not None:
            if not connection.is_stale():
                return connection
            await connection.close()
        return None

    async def _connect(self, origin: Origin) -> Connection:
        try:
            with trio.fail_after(self._connect_timeout):
                stream = await self._dial(origin)
        except trio.TooSlowError as error:
            raise httpx.ConnectTimeout(f"no connection to {origin} in time") from error
        except _UNREACHABLE as error:
            raise httpx.ConnectError(f"no connection to {origin}") from error
        return Connection(stream)

    async def _exchange(
        self, connection: Connection, origin: Origin, method: str, parts: list[bytes]
    ) -> httpx.Response:
        response = ResponseReader(method)
        async with closed_on_failure(connection.stream):
            await connection.send(parts)
            head = await connection.receive_head(response)
            _refuse_encoded(head)
            release = partial(self._release, connection, origin, response)
            return httpx.Response(
                head.status,
                headers=head.headers,
                stream=_Body(connection, response, release),
                extensions={"http_version": b"HTTP/1.1"},
            )

    async def _release(
        self, connection: Connection, origin: Origin, response: ResponseReader
    ) -> None:
        clean = response.complete and response.reusable and connection.is_sound
        if clean and not self._closed:
            to_close = self._idle.keep(origin, connection, trio.current_time())
        else:
            to_close = [connection]
        try:
            for surplus in to_close:
                await surplus.close()
        finally:
            self._in_use -= 1


class _Body(httpx.AsyncByteStream):
    """The body of one response. A class, not a generator: a cancelled `__anext__` may be repeated.

    It owns the connection until `aclose`, which keeps it for the next request if the response has
    ended as it should, and else closes it. An error closes it at once.
    """

    def __init__(
        self,
        connection: Connection,
        response: ResponseReader,
        release: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._response = response
        self._release = release
        self._released = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            while not (piece := self._response.take_body()):
                if self._response.complete:
                    raise StopAsyncIteration
                if self._released:
                    raise httpx.StreamClosed
                await self._connection.receive_into(self._response)
        except httpx.TransportError:
            await self.aclose()
            raise
        return piece

    async def aclose(self) -> None:
        if not self._released:
            self._released = True
            await self._release()


def _refuse_encoded(head: ResponseHead) -> None:
    """Refuse a body in an encoding we asked not to get."""
    for name, value in head.headers:
        if name.lower() == b"content-encoding" and value.lower() not in (b"", b"identity"):
            raise httpx.DecodingError("the answer is compressed although identity was asked for")
