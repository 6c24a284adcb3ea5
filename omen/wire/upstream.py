"""Requests to an upstream and their responses, owned by an async context manager.

It renames httpx's errors, once. It works over any httpx transport: `Transport`, or a
`MockTransport` in tests. It knows no provider.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Self

import httpx
import trio

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import WireRequest
from omen.core.trace import NO_HEADERS
from omen.wire._body import ResponseBody
from omen.wire._http1 import IncompleteResponse, RawHeaders
from omen.wire._reasons import connect_hint, own_shortage, shortage
from omen.wire.transport import Transport

CLOSE_TIMEOUT = 1.0
"""The timeout in seconds for closing a foreign transport's response. `Transport` closes at once."""

_ENCODINGS = ("ascii", "utf-8", "iso-8859-1")
"""The encodings of headers in the order in which they are tried, as httpx does it."""

_Names = tuple[tuple[type[Exception], FailureKind, str], ...]

_BEFORE_BODY: _Names = (
    (httpx.ConnectTimeout, FailureKind.TIMEOUT, "could not connect in time"),
    (httpx.TimeoutException, FailureKind.TIMEOUT, "did not answer in time"),
    (httpx.ConnectError, FailureKind.CONNECTION, "could not connect"),
    (httpx.ProxyError, FailureKind.CONNECTION, "could not connect through the proxy"),
    (httpx.NetworkError, FailureKind.CONNECTION, "the connection broke before the answer began"),
    (IncompleteResponse, FailureKind.CONNECTION, "the connection broke before the answer began"),
    (httpx.DecodingError, FailureKind.PROTOCOL, "the answer is compressed"),
    (httpx.RemoteProtocolError, FailureKind.PROTOCOL, "the answer is not valid HTTP"),
    (Exception, FailureKind.UPSTREAM_MISCONFIGURED, "the request cannot be written as HTTP"),
)

_IN_BODY: _Names = (
    (httpx.TimeoutException, FailureKind.TIMEOUT, "the answer did not continue in time"),
    (httpx.NetworkError, FailureKind.TRUNCATED, "the connection broke in the middle of the answer"),
    (IncompleteResponse, FailureKind.TRUNCATED, "the connection ended in the middle of the answer"),
    (Exception, FailureKind.PROTOCOL, "the answer is not valid HTTP"),
)
"""The first row that matches applies. The messages are OMEN's: httpx's may quote a URL or a header.
"""


class UpstreamResponse:
    """A response whose body has not been read yet.

    `headers` has lower-case names; the values of a repeated header are joined with a comma.
    """

    def __init__(
        self, status: int, headers: Mapping[str, str], stream: httpx.AsyncByteStream
    ) -> None:
        self.status = status
        self.headers = headers
        self._stream = stream
        self._iterator: AsyncIterator[bytes] = aiter(stream)
        self._unread = b""

    @property
    def has_ended(self) -> bool:
        """Whether it is known, without a wait, that no more of the body comes."""
        return isinstance(self._stream, ResponseBody) and self._stream.has_ended

    def __repr__(self) -> str:
        return f"<UpstreamResponse {self.status}>"

    async def receive(self) -> bytes:
        """Return the next piece of the body; `b""` at its end.

        **Raises.** `UpstreamFailure`: `TRUNCATED` when the connection ended first, `PROTOCOL` for
        bytes that are not HTTP. Another candidate may help.

        **Cancellation.** It may be called again and loses nothing, if that holds for the stream of
        the transport. It holds for `Transport`.
        """
        if self._unread:
            piece, self._unread = self._unread, b""
            return piece
        try:
            # Some streams give empty pieces. Only the end of the iterator is the end of the body.
            async for piece in self._iterator:
                if piece:
                    return piece
        except httpx.RequestError as error:
            raise shortage(error) or _renamed(error, _IN_BODY) from error
        return b""

    def take_ready(self) -> bytes:
        """Return what can be had of the body without a wait; `b""` if it needs `receive`."""
        if self._unread or not isinstance(self._stream, ResponseBody):
            piece, self._unread = self._unread, b""
            return piece
        return self._stream.take_ready()

    def unread(self, data: bytes) -> None:
        """Put bytes back: the next `receive` returns them."""
        self._unread = data + self._unread

    async def read_body(self, limit: int = 1024 * 1024) -> bytes:
        """Return the whole body, or its first `limit` bytes. **Raises.** As `receive`."""
        body = bytearray()
        while len(body) < limit and (piece := await self.receive()):
            body += piece
        return bytes(body[:limit])

    @property
    def closes_at_once(self) -> bool:
        """Whether `Transport` made it, which keeps or closes the connection without a wait."""
        return isinstance(self._stream, ResponseBody)

    async def _aclose(self) -> None:
        if isinstance(self._iterator, AsyncGenerator):  # only with a foreign transport
            await self._iterator.aclose()
        await self._stream.aclose()


class UpstreamRequests:
    """Sends requests, one after the other, and owns the response of the latest.

    It is an async context manager. `owner` is the owner of the exchanges, which `Transport` shows
    as long as an exchange is under way. `on_unsent` is called by `Transport` with True while
    nothing of the request can have reached the upstream, because there is no connection yet, and
    then with False. `headers` are added to each request. Read a response to its end (`b""`) to let
    the connection be reused. Leave the block earlier to close the connection at once.

    **Cancellation.** The socket is closed before the block is left.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        owner: object | None = None,
        on_unsent: Callable[[bool], None] | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        self._transport = transport
        self._headers = headers
        self._owner = owner
        self._on_unsent = on_unsent
        self._response: UpstreamResponse | None = None

    async def __aenter__(self) -> Self:
        return self

    def __aexit__(self, *_: object) -> Awaitable[None]:
        return self._close_latest()

    async def _close_latest(self) -> None:
        response, self._response = self._response, None
        if response is None:
            return
        if response.closes_at_once:
            await response._aclose()  # without a scope: it waits for nothing, and shields itself
        else:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_TIMEOUT):
                await response._aclose()

    async def send(self, request: WireRequest) -> UpstreamResponse:
        """Send a request and return its response. The response before it is closed first.

        **Raises.** `UpstreamFailure`: `CONNECTION` or `TIMEOUT` when no answer came, `PROTOCOL`
        when the answer is not HTTP, `UPSTREAM_MISCONFIGURED` when the request cannot be written (a
        bad URL, an API key with a newline). Another candidate may help.
        """
        await self._close_latest()
        if self._headers:
            request = replace(request, headers={**self._headers, **request.headers})
        try:
            if isinstance(self._transport, Transport):
                head, body = await self._transport.open(request, self._owner, self._on_unsent)
                self._response = UpstreamResponse(head.status, joined(head.headers), body)
            else:
                self._response = await self._send_by_httpx(request)
        except (httpx.RequestError, httpx.InvalidURL, UnicodeError) as error:
            raise _not_opened(error) from error
        return self._response

    async def _send_by_httpx(self, request: WireRequest) -> UpstreamResponse:
        extensions = {"omen.owner": self._owner, "omen.on_unsent": self._on_unsent}
        response = await self._transport.handle_async_request(
            httpx.Request(
                request.method,
                request.url,
                headers=request.headers,
                content=request.body,
                extensions=extensions,
            )
        )
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return UpstreamResponse(
            response.status_code, dict(response.headers.items()), response.stream
        )


@asynccontextmanager
async def open_response(
    transport: httpx.AsyncBaseTransport,
    request: WireRequest,
    owner: object | None = None,
    on_unsent: Callable[[bool], None] | None = None,
    headers: Mapping[str, str] = NO_HEADERS,
) -> AsyncIterator[UpstreamResponse]:
    """Send one request and read its response inside the block; see `UpstreamRequests`."""
    async with UpstreamRequests(transport, owner, on_unsent, headers) as requests:
        yield await requests.send(request)


def joined(headers: RawHeaders) -> dict[str, str]:
    """Return headers by lower-case name. The values of a repeated one are joined with a comma."""
    whole = b"".join([part for header in headers for part in header])
    encoding = next(code for code in _ENCODINGS if _is_text(whole, code))
    found: dict[str, str] = {}
    for raw, value in headers:
        name, text = raw.decode(encoding).lower(), value.decode(encoding)
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _is_text(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _not_opened(error: Exception) -> UpstreamFailure:
    """Return the failure of an exchange without a response."""
    if isinstance(error, httpx.PoolTimeout):
        return own_shortage("too many requests to it were under way here")
    failure = shortage(error) or _renamed(error, _BEFORE_BODY)
    if failure.kind is FailureKind.CONNECTION:
        failure.hint = connect_hint(error)
    return failure


def _renamed(error: Exception, names: _Names) -> UpstreamFailure:
    kind, message = next((k, m) for foreign, k, m in names if isinstance(error, foreign))
    return UpstreamFailure(kind, message)
