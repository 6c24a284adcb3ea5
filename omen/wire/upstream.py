"""One request to an upstream and its response, as an async context manager.

It renames httpx's errors, once. It works over any httpx transport: `Transport`, or a
`MockTransport` in tests. It knows no provider.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache

import httpx
import trio

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import WireRequest
from omen.wire._http1 import IncompleteResponse
from omen.wire._reasons import connect_hint, own_shortage, shortage

CLOSE_TIMEOUT = 1.0
"""The timeout in seconds for closing a foreign transport's response. `Transport` closes at once."""

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

    def __init__(self, response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())
        self._stream = response.stream
        self._iterator: AsyncIterator[bytes] = aiter(response.stream)
        self._unread = b""

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
            raise _renamed(error, _IN_BODY) from error
        return b""

    def unread(self, data: bytes) -> None:
        """Put bytes back: the next `receive` returns them."""
        self._unread = data + self._unread

    async def read_body(self, limit: int = 1024 * 1024) -> bytes:
        """Return the whole body, or its first `limit` bytes. **Raises.** As `receive`."""
        body = bytearray()
        while len(body) < limit and (piece := await self.receive()):
            body += piece
        return bytes(body[:limit])

    async def _aclose(self) -> None:
        if isinstance(self._iterator, AsyncGenerator):  # only with a foreign transport
            await self._iterator.aclose()
        await self._stream.aclose()


@asynccontextmanager
async def open_response(
    transport: httpx.AsyncBaseTransport, request: WireRequest, owner: object | None = None
) -> AsyncIterator[UpstreamResponse]:
    """Send a request; read its response inside the block. Afterwards the exchange has ended.

    `owner` is the owner of the exchange, which `Transport` shows as long as the exchange is under
    way. Read to the end (`b""`) to let the connection be reused. Leave the block earlier to close
    the connection at once.

    **Raises.** `UpstreamFailure`: `CONNECTION` or `TIMEOUT` when no answer came, `PROTOCOL` when
    the answer is not HTTP, `UPSTREAM_MISCONFIGURED` when the request cannot be written (a bad URL,
    an API key with a newline). Another candidate may help.

    **Cancellation.** The socket is closed before the block is left.
    """
    try:
        response = await transport.handle_async_request(
            httpx.Request(
                request.method,
                _url(request.url),
                headers=request.headers,
                content=request.body,
                extensions={"omen.owner": owner},
            )
        )
    except (httpx.RequestError, httpx.InvalidURL, UnicodeError) as error:
        raise _not_opened(error) from error
    upstream = UpstreamResponse(response)
    try:
        yield upstream
    finally:
        with trio.move_on_after(CLOSE_TIMEOUT, shield=True):
            await upstream._aclose()


@lru_cache(maxsize=256)
def _url(text: str) -> httpx.URL:
    """Return a parsed URL. It is cached: an upstream has few URLs, and httpx parses slowly."""
    return httpx.URL(text)


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
