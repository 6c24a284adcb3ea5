"""Opens a websocket, and closes it whatever happens to it.

The stream under it is ours: trio-websocket (0.12) leaves one whose handshake was refused open.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import SplitResult, urlsplit

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
    stream = await _open_stream(where)
    try:
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(CONNECT_SECONDS) as patience:
                socket = await trio_websocket.wrap_client_stream(
                    nursery,
                    stream,
                    where.netloc.rpartition("@")[2],
                    where.path,
                    extra_headers=list(headers),
                    max_message_size=MAX_MESSAGE,
                )
            if patience.cancelled_caught:
                failed = ConnectFailed(f"no handshake within {CONNECT_SECONDS:g} s")
            elif socket.closed is not None:
                failed = ConnectFailed("the connection ended before its handshake")
            else:
                await use(socket)
                with trio.move_on_after(CLOSE_SECONDS):
                    await socket.aclose()
            nursery.cancel_scope.cancel()
    except* trio_websocket.ConnectionRejected as group:
        failed = _refused(group)
    finally:
        await trio.aclose_forcefully(stream)
    if failed is not None:
        raise failed


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
