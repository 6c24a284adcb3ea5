"""Opening a websocket, and closing it on every path.

This module owns the stream under the websocket. trio-websocket (0.12) does not close a stream whose
handshake was refused, and waits for ever if the connection ends before the handshake.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import SplitResult, urlsplit

import h11
import trio
import trio_websocket
from pydantic_core import from_json

from omen.client._errors import ConnectFailed

MAX_MESSAGE = 64 * 1024 * 1024
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 1.0

Headers = Sequence[tuple[bytes, bytes]]
WebSocket = trio_websocket.WebSocketConnection
Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]

_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})")

logger = logging.getLogger(__name__)


def check_authorities() -> None:
    """Check that the file of `SSL_CERT_FILE`, if it is set, can be read.

    OpenSSL passes over a file that is missing, and reports every certificate instead; httpx raises
    an error without the name of the variable.

    **Raises.** `ConnectFailed`.
    """
    named = os.environ.get("SSL_CERT_FILE")
    if named and not os.access(named, os.R_OK):
        raise ConnectFailed("the file that SSL_CERT_FILE names cannot be read")


async def with_socket(
    url: str, headers: Headers, use: Callable[[WebSocket], Awaitable[None]]
) -> None:
    """Open a socket to `url` (`http://`, `https://`), call `use` with it, and close it.

    **Raises.** `ConnectFailed`, and the exceptions of `use`.
    **Cancellation.** The socket is closed.
    """
    target = urlsplit(url)
    failed: ConnectFailed | None = None
    stream = _Watched(await _open_stream(target))
    try:
        async with trio.open_nursery() as nursery:
            socket = None
            with trio.move_on_after(CONNECT_SECONDS) as timeout:
                socket = await _shake_hands(nursery, stream, target, headers)
            if timeout.cancelled_caught:
                failed = ConnectFailed(f"no handshake within {CONNECT_SECONDS:g} s")
            elif socket is None or socket.closed is not None:
                failed = ConnectFailed(f"no handshake: {stream.description}")
            else:
                await use(socket)
                with trio.move_on_after(CLOSE_SECONDS):
                    await socket.aclose()
            nursery.cancel_scope.cancel()
    except* trio_websocket.ConnectionRejected as group:
        failed = _refused(group, target)
    except* h11.LocalProtocolError:
        # The answer was not a handshake, and trio-websocket tries to refuse it as a server would.
        failed = ConnectFailed(f"no handshake: {stream.description}")
    finally:
        await trio.aclose_forcefully(stream)
    if failed is not None:
        raise failed


class _Watched(trio.abc.Stream):
    """A stream with an event for its end, which also keeps its first bytes."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._first = b""
        self.ended = trio.Event()

    @property
    def description(self) -> str:
        """What the server did instead of a handshake. Its bytes are not quoted."""
        status = _STATUS.match(self._first)
        if status is not None:
            return f"the connection ended in an answer with status {status[1].decode()}"
        if self._first:
            return "the server does not speak HTTP"
        return "the connection was closed at once"

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError:
            # The server closed before it had our bytes. trio-websocket then reads nothing more, so
            # this is the only sign.
            self.ended.set()
            raise

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            data = bytes(await self._stream.receive_some(max_bytes))
        except trio.BrokenResourceError:
            self.ended.set()
            raise
        self._first = self._first or data[:64]
        if not data:
            self.ended.set()
        return data

    async def aclose(self) -> None:
        self.ended.set()
        await self._stream.aclose()


async def _shake_hands(
    nursery: trio.Nursery, stream: _Watched, target: SplitResult, headers: Headers
) -> WebSocket | None:
    """Return the socket after the handshake; None if the connection ends before."""
    socket: WebSocket | None = None

    async def give_up(scope: trio.CancelScope) -> None:
        await stream.ended.wait()
        scope.cancel()

    async with trio.open_nursery() as waiting:
        waiting.start_soon(give_up, waiting.cancel_scope)
        socket = await trio_websocket.wrap_client_stream(
            nursery,
            stream,  # type: ignore[arg-type]  # it uses only methods that every stream has
            target.netloc.rpartition("@")[2],
            target.path,
            extra_headers=list(headers),
            max_message_size=MAX_MESSAGE,
        )
        waiting.cancel_scope.cancel()
    return socket


async def _open_stream(target: SplitResult) -> Stream:
    secure = target.scheme == "https"
    host, port = target.hostname or "", target.port or (443 if secure else 80)
    try:
        with trio.fail_after(CONNECT_SECONDS):
            if secure:
                return await _open_tls(host, port)
            return await trio.open_tcp_stream(host, port)
    except trio.TooSlowError:
        raise ConnectFailed(f"no connection within {CONNECT_SECONDS:g} s") from None
    except trio.BrokenResourceError as failure:
        raise ConnectFailed(f"TLS failed: {_reason(failure)}") from failure
    except (OSError, ValueError) as failure:
        raise ConnectFailed(f"cannot connect: {failure or type(failure).__name__}") from failure


async def _open_tls(host: str, port: int) -> trio.SSLStream[trio.SocketStream]:
    """Connect, and complete the handshake, so that a wrong certificate is reported here."""
    context = ssl.create_default_context()
    stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context)
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


_TRUST = "; name the authority's file in SSL_CERT_FILE"
_CERTIFICATE_HINTS = {18: _TRUST, 19: _TRUST, 20: _TRUST, 21: _TRUST, 62: "; use its own name"}
"""By OpenSSL's codes: an unknown authority in four forms, and another host name."""


def _reason(failure: trio.BrokenResourceError) -> str:
    """Return why a TLS handshake failed, in OpenSSL's words."""
    match failure.__cause__:
        case ssl.SSLCertVerificationError(verify_code=code, verify_message=reason):
            hint = _CERTIFICATE_HINTS.get(code, "")
            return f"its certificate is not trusted ({reason}){hint}"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "HTTP_REQUEST"):
            return "the server does not speak TLS there; use http://"
        case ssl.SSLError(reason=str(reason)) if reason != "UNEXPECTED_EOF_WHILE_READING":
            return reason.lower().replace("_", " ")
    return "the connection ended during the handshake"


def _refused(
    group: BaseExceptionGroup[trio_websocket.ConnectionRejected], target: SplitResult
) -> ConnectFailed:
    refused = _first(group)
    message = f"the gateway refused with status {refused.status_code}"
    try:
        message += f": {from_json(refused.body or b'')['error']['message']}"
    except (ValueError, KeyError, TypeError):
        logger.debug("the refusal has no readable reason")
        if refused.status_code == 400 and target.scheme == "http":
            # Servers answer like this to a request without TLS.
            message += "; if it speaks TLS there, use https://"
    return ConnectFailed(message, refused.status_code)


def _first(
    group: BaseExceptionGroup[trio_websocket.ConnectionRejected],
) -> trio_websocket.ConnectionRejected:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
