"""The one place that speaks HTTP to upstreams: httpx's transport interface over trio streams.

HTTP/1.1 only, because there the close of a stream is the close of a socket, and an upstream learns
within milliseconds that it has lost. It knows no provider and reads no body.
"""

from __future__ import annotations

import ssl
from functools import partial

import httpx
import trio

from omen.wire._body import ResponseBody
from omen.wire._connection import Connection, closed_on_failure
from omen.wire._dial import Dialer, default_ssl_context
from omen.wire._exchanges import MAX_IN_USE_PER_ORIGIN, Exchange, Exchanges
from omen.wire._http1 import ResponseReader, write_head
from omen.wire._origin import Dial, Origin
from omen.wire._pool import IdlePool
from omen.wire._proxy import Proxies
from omen.wire._timeouts import Timeouts

__all__ = ["Dial", "Exchange", "Origin", "Transport"]

_ONE_SEND = 64 * 1024
"""Up to this size head and body are joined and leave in one packet train; beyond it the copy
costs more than the second call."""

_UNREACHABLE = (OSError, trio.BrokenResourceError, ValueError)
"""What a dial raises; a ValueError for a name that no look-up and no certificate could be about."""


class Transport(httpx.AsyncBaseTransport):
    """Carries out requests, each on a connection of its own while it lasts.

    **Shape.** The response's `stream` gives, at each step, all the body that one read brought. It
    must be closed, also after an error: after an exchange that ended by its own framing that leaves
    the connection for the next one; after any other (closed before the end, an error, a
    cancellation) the socket is closed at once. Requests are sent whole, a body that is an iterator
    too; redirects are returned, not followed; HEAD's connection is not kept.

    A request may carry two extensions: `timeout`, as httpx's client sets it, and `omen.owner`,
    which shows in `exchanges`. Without the first, only connecting and the wait for a turn are
    bounded, each by `connect_timeout`: any other deadline belongs to the caller.

    A kept connection that breaks within `repeat_within` seconds of a request, or within the time it
    took to connect, is replaced by a fresh one, once; see `_closed_as_we_wrote`.

    At most `max_in_use_per_origin` exchanges at one origin have their turn; the rest wait for it.

    **Raises.** httpx's errors. `RemoteProtocolError` for what is not HTTP, its subclass
    `IncompleteResponse` for a connection that ended too early; `DecodingError` for an answer that
    is compressed although identity was asked for.

    **Cancellation.** No socket is left open and no turn is lost. The body's iterator may be
    cancelled and asked again; nothing is lost.

    There is no task in the background: an idle connection is examined when it would be used, and
    expired ones are closed when the next request comes.
    """

    def __init__(
        self,
        *,
        dial: Dial | None = None,
        ssl_context: ssl.SSLContext | None = None,
        connect_timeout: float = 10.0,
        repeat_within: float = 0.25,
        idle_expiry: float = 60.0,
        max_idle_per_origin: int = 64,
        max_in_use_per_origin: int = MAX_IN_USE_PER_ORIGIN,
    ) -> None:
        self._proxies = Proxies.from_environment() if dial is None else Proxies({})
        self._dial = dial or Dialer(self._proxies, ssl_context or default_ssl_context())
        self._timeouts = Timeouts(connect=connect_timeout, pool=connect_timeout)
        self._idle = IdlePool(max_per_origin=max_idle_per_origin, expiry=idle_expiry)
        self._exchanges = Exchanges(max_in_use_per_origin)
        self._repeat_within = repeat_within
        self._closed = False

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every exchange under way, oldest first."""
        return tuple(self._exchanges)

    @property
    def sockets_in_use(self) -> int:
        """How many exchanges are under way: requests whose responses are not closed yet.

        Those that still connect count, and those that wait for their turn: each has an owner who
        counts on it, so that live attempts and sockets in use are one number at every moment.
        """
        return len(self._exchanges)

    @property
    def sockets_idle(self) -> int:
        """Connections kept for a next exchange."""
        return len(self._idle)

    def __repr__(self) -> str:
        idle = ", ".join(f"{origin} {count}" for origin, count in self._idle.counts().items())
        state = "closed, " if self._closed else ""
        in_use = f"{len(self._exchanges)} in use ({self._exchanges.waiting} waiting)"
        where = f" ({idle})" if idle else ""
        return f"<Transport: {state}{in_use}, {len(self._idle)} idle{where}>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; come back with the head of its response."""
        self._refuse_if_closed()
        owner = request.extensions.get("omen.owner")
        exchange = self._exchanges.begin(Origin.of(request.url), owner)
        try:
            return await self._respond(request, exchange)
        except BaseException:
            self._exchanges.end(exchange)
            raise

    async def aclose(self) -> None:
        """Close what is idle and refuse what is new. Exchanges under way end as they will."""
        self._closed = True
        for connection in self._idle.clear():
            await connection.aclose()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise httpx.ConnectError("the transport is closed")

    async def _respond(self, request: httpx.Request, exchange: Exchange) -> httpx.Response:
        await request.aread()
        parts = self._write(request, exchange.origin)
        timeouts = self._timeouts.of(request)
        await self._exchanges.acquire(exchange, within=timeouts.pool)
        kept = await self._reuse(exchange.origin)
        if kept is not None:
            try:
                return await self._exchange(kept, exchange, request.method, parts, timeouts)
            except httpx.TimeoutException:
                raise
            except httpx.TransportError:
                if not self._closed_as_we_wrote(kept):
                    raise
        fresh = await self._connect(exchange.origin, timeouts)
        return await self._exchange(fresh, exchange, request.method, parts, timeouts)

    def _closed_as_we_wrote(self, connection: Connection) -> bool:
        """Whether the upstream closed an idle connection just as the request was on its way.

        Only then has it not read the request, and the request may be sent again on a fresh
        connection (RFC 9110 9.2.2, read 2026-11-30: a method that is not idempotent is repeated
        only when it is known not to have been applied). No byte of an answer has come, and the
        break is there within about a round trip, for which the time it took to connect stands in.
        A break that comes later may end seconds of paid work: it is a failure of the attempt like
        any other, for the books and for the breaker.
        """
        gone = trio.current_time() - connection.began_at
        return not connection.answered and gone <= max(self._repeat_within, connection.took)

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
            await expired.aclose()
        while (connection := self._idle.take(origin)) is not None:
            if not connection.is_stale():
                return connection
            await connection.aclose()
        return None

    async def _connect(self, origin: Origin, timeouts: Timeouts) -> Connection:
        self._refuse_if_closed()  # it may have been closed while this request waited for its turn
        began = trio.current_time()
        try:
            with trio.fail_after(timeouts.connect):
                stream = await self._dial(origin)
        except trio.TooSlowError as error:
            raise httpx.ConnectTimeout(f"no connection to {origin} in time") from error
        except _UNREACHABLE as error:
            raise httpx.ConnectError(f"no connection to {origin}") from error
        return Connection(stream, took=trio.current_time() - began)

    async def _exchange(
        self,
        connection: Connection,
        exchange: Exchange,
        method: str,
        parts: list[bytes],
        timeouts: Timeouts,
    ) -> httpx.Response:
        response = ResponseReader(method)
        async with closed_on_failure(connection.stream):
            await connection.send(parts, timeouts)
            head = await connection.receive_head(response)
            release = partial(self._release, connection, exchange, response)
            return httpx.Response(
                head.status,
                headers=head.headers,
                stream=ResponseBody(connection, response, release),
                extensions={"http_version": head.http_version, "reason_phrase": head.reason},
            )

    async def _release(
        self, connection: Connection, exchange: Exchange, response: ResponseReader
    ) -> None:
        clean = response.complete and response.reusable and connection.is_sound
        if clean and not self._closed:
            to_close = self._idle.keep(exchange.origin, connection, trio.current_time())
        else:
            to_close = [connection]
        try:
            for surplus in to_close:
                await surplus.aclose()
        finally:
            self._exchanges.end(exchange)
