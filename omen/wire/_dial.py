"""Opens a stream to an origin: name look-up, TCP, proxy, TLS. The deadline is the caller's."""

from __future__ import annotations

import errno
import ssl
from ipaddress import ip_address

import httpx
import trio

from omen.core.descriptors import is_spare
from omen.wire._connection import Connection, closed_on_failure
from omen.wire._http1 import ResponseReader, write_head
from omen.wire._names import BoundedResolver
from omen.wire._origin import Origin, Proxies, Proxy


def default_ssl_context() -> ssl.SSLContext:
    """Return a context with the system's trust store that offers HTTP/1.1 only.

    Over HTTP/2 a cancelled request needs a reset frame. Over HTTP/1.1 closing the socket is enough.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialer:
    """The default `Dial`. It uses trio's happy eyeballs, and trio sets TCP_NODELAY.

    **Cancellation.** No socket is left open.
    """

    def __init__(self, proxies: Proxies, ssl_context: ssl.SSLContext) -> None:
        self._proxies = proxies
        self._ssl_context = ssl_context
        self._names = BoundedResolver()

    async def __call__(self, origin: Origin) -> trio.abc.Stream:
        """Return an open stream to the origin, including TLS and the tunnel through a proxy.

        **Raises.** `OSError` (EMFILE) also when only spare descriptors are left.
        """
        proxy = None if self._proxies.is_empty else self._proxies.find(origin)
        first_hop = origin if proxy is None else proxy.origin
        socket = await self._connect(first_hop.host, first_hop.port)
        if is_spare(socket.socket.fileno()):
            await trio.aclose_forcefully(socket)
            raise OSError(errno.EMFILE, "the descriptors that are left are not for upstreams")
        if proxy is None and origin.scheme == "http":
            return socket
        async with closed_on_failure(socket):
            return await self._set_up(socket, origin, proxy)

    async def _set_up(
        self, stream: trio.abc.Stream, origin: Origin, proxy: Proxy | None
    ) -> trio.abc.Stream:
        is_tls = origin.scheme == "https"
        if proxy is not None:
            if proxy.origin.scheme == "https":
                stream = await self._start_tls(stream, proxy.origin.host)
            if is_tls:
                await _open_tunnel(stream, origin, proxy)
        if is_tls:
            stream = await self._start_tls(stream, origin.host)
        return stream

    async def _connect(self, host: str, port: int) -> trio.SocketStream:
        """Connect by TCP. A literal address needs no look-up and no race between address families.

        For a local upstream that saves a nursery and four scheduler steps per connection. It adds
        up, because every race closes the connections of its losers, and the next one connects anew.
        """
        try:
            version = ip_address(host).version
        except ValueError:
            self._names.serve_this_run()
            return await trio.open_tcp_stream(host, port)
        return await _connect_to_address(host, port, version)

    async def _start_tls(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        # https_compatible: many servers close without a close_notify. So a body that ends with the
        # connection may be truncated here unnoticed; the decoders detect that by its content.
        tls = trio.SSLStream(stream, self._ssl_context, server_hostname=host, https_compatible=True)
        await tls.do_handshake()
        return tls


async def _connect_to_address(host: str, port: int, version: int) -> trio.SocketStream:
    """Connect to a literal address. `version` is 4 or 6."""
    family = trio.socket.AF_INET6 if version == 6 else trio.socket.AF_INET
    socket = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    try:
        await socket.connect((host, port))
        return trio.SocketStream(socket)
    except BaseException:
        socket.close()
        raise


async def _open_tunnel(stream: trio.abc.Stream, origin: Origin, proxy: Proxy) -> None:
    """Open a tunnel to the origin through the proxy (RFC 9110, section 9.3.6)."""
    authority = origin.authority.encode("ascii")
    # The URL is a placeholder: the request target of a CONNECT is the authority alone.
    request = httpx.Request("CONNECT", str(origin), headers={"Host": origin.authority})
    connection, response = Connection(stream), ResponseReader("CONNECT")
    try:
        await connection.send([write_head(request, authority, proxy.headers)])
        head = await connection.receive_head(response)
    except httpx.TransportError as error:
        raise httpx.ProxyError("the proxy gave no valid answer to CONNECT") from error
    finally:
        response.let_go()
    if not 200 <= head.status < 300:
        raise httpx.ProxyError(f"the proxy answered {head.status} to CONNECT")
    # In TLS the client speaks first, so bytes after the answer cannot come from the origin.
    if not response.reusable:
        raise httpx.ProxyError("the proxy sent more than its answer to CONNECT")
