"""The HTTP client for upstreams: httpx's transport interface over trio streams.

It speaks HTTP/1.1 only: there, closing a stream closes a socket, so an upstream notices within
milliseconds that its attempt is cancelled. It knows no provider and parses no body.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import httpx
import trio

from omen.core.frames import WireRequest
from omen.wire._body import ResponseBody
from omen.wire._connection import Connection, closed_on_failure
from omen.wire._dial import Dialer, default_ssl_context
from omen.wire._exchanges import MAX_IN_USE_PER_ORIGIN, Exchange, Exchanges
from omen.wire._http1 import RawHeaders, ResponseHead, ResponseReader, head_bytes
from omen.wire._origin import Dial, Origin, Proxies
from omen.wire._own_requests import OnUnsent, ignore_unsent, origin_of, raw_headers, url_of
from omen.wire._pool import IdlePool
from omen.wire._reasons import is_shortage
from omen.wire._spares import UNREACHABLE, Spares
from omen.wire._timeouts import Timeouts

__all__ = ["Dial", "Exchange", "Origin", "Transport"]

_ONE_SEND = 64 * 1024
"""Up to this size head and body are joined and sent by one call. Above it the copy costs more than
a second call."""


class Transport(httpx.AsyncBaseTransport):
    """Carries out requests. Each has a connection of its own until its response is closed.

    **Shape.** Each step of the response's `stream` gives all the body that one read brought. The
    stream must be closed, also after an error. If the response has ended by its own framing, the
    connection is then kept for the next exchange. Otherwise (closed early, an error, a
    cancellation) the socket is closed at once. Requests are sent whole, even if the body is an
    iterator. Redirects are returned, not followed. The connection of a HEAD is not kept.

    A request may carry two extensions: `timeout`, as httpx's client sets it, and `omen.owner`,
    which appears in `exchanges`. Without the first, only connecting and the wait for a slot have a
    timeout, each `connect_timeout` seconds. Any other deadline belongs to the caller.

    A kept connection may break within `repeat_within` seconds of a request, or within the time it
    took to connect. Then the request is repeated on a new connection, once; see
    `_closed_as_we_wrote`.

    At most `max_in_use_per_origin` exchanges have a connection to one origin; the others wait for a
    slot. Without it the limit is `MAX_IN_USE_PER_ORIGIN`, or what `allow` gives an origin.

    **Raises.** httpx's errors. `RemoteProtocolError` for bytes that are not HTTP, its subclass
    `IncompleteResponse` for a connection that ended too early; `DecodingError` for an answer that
    is compressed although the request allows identity only.

    **Cancellation.** No socket is left open and no slot is lost. A cancelled read of the body may
    be repeated and loses nothing.

    There is no background task, unless `keep_spares` is run: an idle connection is checked when it
    is about to be used, and expired ones are closed by the next request.
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
        max_in_use_per_origin: int | None = None,
    ) -> None:
        self._proxies = Proxies.from_environment() if dial is None else Proxies({})
        self._dial = dial or Dialer(self._proxies, ssl_context or default_ssl_context())
        self._timeouts = Timeouts(connect=connect_timeout, pool=connect_timeout)
        self._idle = IdlePool(max_per_origin=max_idle_per_origin, expiry=idle_expiry)
        self._follows = max_in_use_per_origin is None
        self._spares = Spares(self._dial, self._idle, within=idle_expiry, connect=connect_timeout)
        self._exchanges = Exchanges(max_in_use_per_origin or MAX_IN_USE_PER_ORIGIN)
        self._repeat_within = repeat_within
        self._closed = False

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every exchange under way, oldest first."""
        return tuple(self._exchanges)

    def allow(self, exchanges: Mapping[Origin, int]) -> None:
        """Let these origins have this many exchanges, unless a limit was given to the transport."""
        if self._follows:
            self._exchanges.allow(exchanges)

    async def keep_spares(self) -> None:
        """Open connections ahead of need, in place of those that lost a race, until cancelled.

        See `omen.wire._spares`. They count as idle. **Cancellation.** Leaves none half open.
        """
        await self._spares.run()

    @property
    def sockets_in_use(self) -> int:
        """The number of exchanges under way: requests whose responses are not closed yet.

        An exchange that still connects or waits for a slot counts as well. So the number of live
        attempts and the number of sockets in use are equal at every moment.
        """
        return len(self._exchanges)

    @property
    def sockets_idle(self) -> int:
        """The number of connections kept for later exchanges."""
        return len(self._idle)

    def __repr__(self) -> str:
        idle = ", ".join(f"{origin} {count}" for origin, count in self._idle.counts().items())
        state = "closed, " if self._closed else ""
        in_use = f"{len(self._exchanges)} in use ({self._exchanges.waiting} waiting)"
        where = f" ({idle})" if idle else ""
        return f"<Transport: {state}{in_use}, {len(self._idle)} idle{where}>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return once the head of its response has come."""
        extensions = request.extensions
        with self._begun(Origin.of(request.url), extensions.get("omen.owner")) as exchange:
            await request.aread()
            headers, content = request.headers.raw, request.content
            parts = self._write(request.method, request.url, headers, content, exchange.origin)
            # OMEN's own requests have none: their deadlines are scopes around the exchange.
            has_timeouts = extensions.get("timeout") is not None
            timeouts = self._timeouts.of(request) if has_timeouts else self._timeouts
            on_unsent = extensions.get("omen.on_unsent") or ignore_unsent
            head, body = await self._respond(request.method, parts, exchange, timeouts, on_unsent)
            return httpx.Response(
                head.status,
                headers=head.headers,
                stream=body,
                extensions={"http_version": head.http_version, "reason_phrase": head.reason},
            )

    async def open(
        self, request: WireRequest, owner: object | None, on_unsent: OnUnsent | None
    ) -> tuple[ResponseHead, ResponseBody]:
        """Do the same without httpx's objects: they cost more than the head of a request.

        **Raises.** As `handle_async_request`; `UnicodeError` for a header that is not ASCII.
        """
        url = url_of(request.url)
        with self._begun(origin_of(request.url), owner) as exchange:
            headers = raw_headers(url, request.headers)
            parts = self._write(request.method, url, headers, request.body, exchange.origin)
            return await self._respond(
                request.method, parts, exchange, self._timeouts, on_unsent or ignore_unsent
            )

    @contextmanager
    def _begun(self, origin: Origin, owner: object | None) -> Iterator[Exchange]:
        """Register an exchange, which goes on after the block unless the block fails."""
        self._refuse_if_closed()
        exchange = self._exchanges.begin(origin, owner)
        try:
            yield exchange
        except BaseException:
            # Until here no caller holds the response, so nothing else can end the exchange.
            self._exchanges.end(exchange)
            raise

    async def aclose(self) -> None:
        """Close the idle connections and refuse new requests. Running exchanges go on."""
        self._closed = True
        self._spares.close()
        for connection in self._idle.clear():
            await connection.aclose()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise httpx.ConnectError("the transport is closed")

    async def _respond(
        self,
        method: str,
        parts: list[bytes],
        exchange: Exchange,
        timeouts: Timeouts,
        on_unsent: OnUnsent,
    ) -> tuple[ResponseHead, ResponseBody]:
        on_unsent(True)
        await self._exchanges.acquire(exchange, within=timeouts.pool)
        kept = await self._reuse(exchange.origin)
        if kept is not None:
            on_unsent(False)
            try:
                return await self._exchange(kept, exchange, method, parts, timeouts)
            except httpx.TimeoutException:
                # A timeout is no break: the upstream may have read the request.
                raise
            except httpx.TransportError:
                if not self._closed_as_we_wrote(kept):
                    raise
            # The upstream has not read it, so nothing of it counts as sent.
            on_unsent(True)
        fresh = await self._connect(exchange.origin, timeouts)
        on_unsent(False)
        return await self._exchange(fresh, exchange, method, parts, timeouts)

    def _closed_as_we_wrote(self, connection: Connection) -> bool:
        """Return whether the upstream closed the idle connection while the request was on its way.

        Only then has the upstream not read the request, and the request may be repeated on a new
        connection (RFC 9110 9.2.2, read 2026-11-30: a request that is not idempotent may be
        repeated only if it is known not to have been applied). The signs are: no byte of an answer
        has come, and the break came within about one round trip, measured by the time it took to
        connect. A later break may end seconds of paid work, so it counts as a failed attempt, in
        the ledger and in the breaker.
        """
        elapsed = trio.current_time() - connection.began_at
        limit = max(self._repeat_within, connection.connect_seconds)
        return not connection.answered and elapsed <= limit

    def _write(
        self, method: str, url: httpx.URL, headers: RawHeaders, content: bytes, origin: Origin
    ) -> list[bytes]:
        proxy = (
            None
            if origin.scheme == "https" or self._proxies.is_empty
            else self._proxies.find(origin)
        )
        if proxy is None:
            head = head_bytes(method, url.raw_path, headers, len(content))
        else:  # a forwarding proxy needs the absolute URL
            absolute = b"http://" + url.netloc + url.raw_path
            head = head_bytes(method, absolute, (*headers, *proxy.headers), len(content))
        whole = len(head) + len(content) <= _ONE_SEND
        return [head + content] if whole else [head, content]

    async def _reuse(self, origin: Origin) -> Connection | None:
        for expired in self._idle.expire(trio.current_time()):
            await expired.aclose()
        # Taking and checking is one synchronous step, so the check still holds when it is used.
        while (connection := self._idle.take(origin)) is not None:
            if not connection.is_stale():
                return connection
            await connection.aclose()
        return None

    async def _connect(self, origin: Origin, timeouts: Timeouts) -> Connection:
        self._refuse_if_closed()  # it may have been closed while this request waited for a slot
        began = trio.current_time()
        try:
            with trio.fail_after(timeouts.connect):
                stream = await self._dial_with_room(origin)
        except trio.TooSlowError as error:
            raise httpx.ConnectTimeout(f"no connection to {origin} in time") from error
        except UNREACHABLE as error:
            raise httpx.ConnectError(f"no connection to {origin}") from error
        return Connection(stream, connect_seconds=trio.current_time() - began)

    async def _dial_with_room(self, origin: Origin) -> trio.abc.Stream:
        """Dial; in a shortage of descriptors close the idle connections, and dial once more."""
        try:
            return await self._dial(origin)
        except OSError as error:
            if not (is_shortage(error) and len(self._idle)):
                raise
        for connection in self._idle.clear():
            await connection.aclose()
        return await self._dial(origin)

    async def _exchange(
        self,
        connection: Connection,
        exchange: Exchange,
        method: str,
        parts: list[bytes],
        timeouts: Timeouts,
    ) -> tuple[ResponseHead, ResponseBody]:
        response = ResponseReader(method)
        try:
            async with closed_on_failure(connection.stream):
                await connection.send(parts, timeouts)
                head = await connection.receive_head(response)
        except BaseException as error:
            response.let_go()
            if isinstance(error, trio.Cancelled):
                self._spares.lost(exchange.origin)
            raise
        release = partial(self._release, connection, exchange, response)
        return head, ResponseBody(connection, response, release)

    async def _release(
        self, connection: Connection, exchange: Exchange, response: ResponseReader
    ) -> None:
        clean = response.complete and response.reusable and connection.is_sound
        if clean and not self._closed:
            to_close = self._idle.keep(exchange.origin, connection, trio.current_time())
        else:
            to_close = [connection]
            if connection.is_sound and not response.complete:
                self._spares.lost(exchange.origin)
        try:
            for surplus in to_close:
                await surplus.aclose()
        finally:
            # After the close: an exchange counts as a socket in use, so it must not end before its
            # socket is closed.
            self._exchanges.end(exchange)
            response.let_go()
