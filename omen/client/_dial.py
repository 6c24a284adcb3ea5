"""Opens a websocket, and closes it whatever happens to it.

The stream under it is ours: trio-websocket (0.12) leaves one whose handshake was refused open, and
waits for ever for a handshake when the connection ends before it.
"""

from __future__ import annotations

import logging
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


async def with_socket(
    url: str, headers: Headers, use: Callable[[WebSocket], Awaitable[None]]
) -> None:
    """Open a socket to `url` (`http://`, `https://`), have it used, and close it.

    **Raises.** `ConnectFailed`, and what `use` raises.
    **Cancellation.** The socket is closed.
    """
    where = urlsplit(url)
    failed: ConnectFailed | None = None
    stream = _Watched(await _open_stream(where))
    try:
        async with trio.open_nursery() as nursery:
            socket = None
            with trio.move_on_after(CONNECT_SECONDS) as patience:
                socket = await _greet(nursery, stream, where, headers)
            if patience.cancelled_caught:
                failed = ConnectFailed(f"no handshake within {CONNECT_SECONDS:g} s")
            elif socket is None or socket.closed is not None:
                failed = ConnectFailed(f"no handshake: {stream.heard}")
            else:
                await use(socket)
                with trio.move_on_after(CLOSE_SECONDS):
                    await socket.aclose()
            nursery.cancel_scope.cancel()
    except* trio_websocket.ConnectionRejected as group:
        failed = _refused(group)
    except* h11.LocalProtocolError:
        # It was no handshake, and trio-websocket tries to refuse it, as a server would.
        failed = ConnectFailed(f"no handshake: {stream.heard}")
    finally:
        await trio.aclose_forcefully(stream)
    if failed is not None:
        raise failed


class _Watched(trio.abc.Stream):
    """A stream that says when it is over, and what came first."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._first = b""
        self.over = trio.Event()

    @property
    def heard(self) -> str:
        """Say what the other side did instead of a handshake; none of what it sent is quoted."""
        status = _STATUS.match(self._first)
        if status is not None:
            return f"the connection ended in an answer with status {status[1].decode()}"
        if self._first:
            return "what answers there does not speak HTTP"
        return "the connection was closed at once"

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            data = bytes(await self._stream.receive_some(max_bytes))
        except trio.BrokenResourceError:
            self.over.set()
            raise
        self._first = self._first or data[:64]
        if not data:
            self.over.set()
        return data

    async def aclose(self) -> None:
        self.over.set()
        await self._stream.aclose()


async def _greet(
    nursery: trio.Nursery, stream: _Watched, where: SplitResult, headers: Headers
) -> WebSocket | None:
    """Wait for the handshake; None when the connection ends before it."""
    socket: WebSocket | None = None

    async def give_up(scope: trio.CancelScope) -> None:
        await stream.over.wait()
        scope.cancel()

    async with trio.open_nursery() as waiting:
        waiting.start_soon(give_up, waiting.cancel_scope)
        socket = await trio_websocket.wrap_client_stream(
            nursery,
            stream,  # type: ignore[arg-type]  # it asks no more of it than any stream has
            where.netloc.rpartition("@")[2],
            where.path,
            extra_headers=list(headers),
            max_message_size=MAX_MESSAGE,
        )
        waiting.cancel_scope.cancel()
    return socket


async def _open_stream(where: SplitResult) -> Stream:
    secure = where.scheme == "https"
    host, port = where.hostname or "", where.port or (443 if secure else 80)
    try:
        with trio.fail_after(CONNECT_SECONDS):
            if secure:
                return await _open_tls(host, port)
            return await trio.open_tcp_stream(host, port)
    except trio.TooSlowError:
        raise ConnectFailed(f"no connection within {CONNECT_SECONDS:g} s") from None
    except trio.BrokenResourceError as failure:
        raise ConnectFailed(f"no TLS with it: {_reason(failure)}") from failure
    except (OSError, ValueError) as failure:
        raise ConnectFailed(f"cannot connect: {failure or type(failure).__name__}") from failure


async def _open_tls(host: str, port: int) -> trio.SSLStream[trio.SocketStream]:
    """Connect and greet: what is wrong with a certificate is known here, and nowhere later."""
    context = ssl.create_default_context()
    stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context)
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


def _reason(failure: trio.BrokenResourceError) -> str:
    """Say why a greeting failed, in the words of what found out."""
    match failure.__cause__:
        case ssl.SSLCertVerificationError(verify_message=words):
            return f"its certificate is not trusted ({words})"
        case ssl.SSLError(reason=str(words)) if words != "UNEXPECTED_EOF_WHILE_READING":
            return words.lower().replace("_", " ")
    return "the connection ended before the greeting"


def _refused(group: BaseExceptionGroup[trio_websocket.ConnectionRejected]) -> ConnectFailed:
    refused = _first(group)
    words = f"the gateway refused with status {refused.status_code}"
    try:
        words += f": {from_json(refused.body or b'')['error']['message']}"
    except (ValueError, KeyError, TypeError):
        logger.debug("it did not say why in a way that can be read")
    return ConnectFailed(words, refused.status_code)


def _first(
    group: BaseExceptionGroup[trio_websocket.ConnectionRejected],
) -> trio_websocket.ConnectionRejected:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
