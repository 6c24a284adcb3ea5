"""Opening a stream to an origin: names, TCP, the proxy, TLS. It knows no deadline of its own."""

from __future__ import annotations

import ssl
from ipaddress import ip_address

import httpx
import trio

from omen.wire._connection import Connection, closed_on_failure
from omen.wire._http1 import ResponseReader, write_head
from omen.wire._names import BoundedResolver
from omen.wire._origin import Origin
from omen.wire._proxy import Proxies, Proxy


def default_ssl_context() -> ssl.SSLContext:
    """Make a context with the system's trust store, for HTTP/1.1 and nothing newer.

    Over HTTP/2 a cancelled stream would have to be reset by a frame; here a close is a close.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialer:
    """The usual `Dial`: happy eyeballs by trio, which also sets TCP_NODELAY.

    **Cancellation.** Nothing is left open, wherever it is cancelled.
    """

    def __init__(self, proxies: Proxies, ssl_context: ssl.SSLContext) -> None:
        self._proxies = proxies
        self._ssl_context = ssl_context
        self._names = BoundedResolver()

    async def __call__(self, origin: Origin) -> trio.abc.Stream:
        """Open a stream to the origin, TLS and tunnel included."""
        proxy = self._proxies.find(origin)
        first_hop = origin if proxy is None else proxy.origin
        socket = await self._connect(first_hop.host, first_hop.port)
        async with closed_on_failure(socket):
            return await self._set_up(socket, origin, proxy)

    async def _set_up(
        self, stream: trio.abc.Stream, origin: Origin, proxy: Proxy | None
    ) -> trio.abc.Stream:
        if proxy is not None:
            if proxy.origin.is_tls:
                stream = await self._start_tls(stream, proxy.origin.host)
            if origin.is_tls:
                await _open_tunnel(stream, origin, proxy)
        if origin.is_tls:
            stream = await self._start_tls(stream, origin.host)
        return stream

    async def _connect(self, host: str, port: int) -> trio.SocketStream:
        """Connect by TCP. A literal address needs no look-up and no race between families.

        That saves a nursery and four turns of the scheduler for a local upstream, whose losers'
        places are dialled anew in every race.
        """
        try:
            version = ip_address(host).version
        except ValueError:
            self._names.serve_this_run()
            return await trio.open_tcp_stream(host, port)
        return await _connect_to_address(host, port, version)

    async def _start_tls(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        # https_compatible: many servers close without a close_notify. Bodies that end with the
        # connection are then believed; the decoders judge the end of an answer by its content.
        tls = trio.SSLStream(stream, self._ssl_context, server_hostname=host, https_compatible=True)
        await tls.do_handshake()
        return tls


async def _connect_to_address(host: str, port: int, version: int) -> trio.SocketStream:
    family = trio.socket.AF_INET6 if version == 6 else trio.socket.AF_INET
    socket = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    try:
        await socket.connect((host, port))
        return trio.SocketStream(socket)
    except BaseException:
        socket.close()
        raise


async def _open_tunnel(stream: trio.abc.Stream, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy to pass bytes on to the origin (RFC 9110, section 9.3.6)."""
    authority = origin.authority.encode("ascii")
    # The URL is a stand-in: the target of a CONNECT is the authority alone.
    request = httpx.Request("CONNECT", str(origin), headers={"Host": origin.authority})
    connection, response = Connection(stream), ResponseReader("CONNECT")
    try:
        await connection.send([write_head(request, authority, proxy.headers)])
        head = await connection.receive_head(response)
    except httpx.TransportError as error:
        raise httpx.ProxyError("the proxy did not answer CONNECT properly") from error
    if not 200 <= head.status < 300:
        raise httpx.ProxyError(f"the proxy answered {head.status} to CONNECT")
    if not response.reusable:  # in a tunnel to a TLS server it is for us to speak first
        raise httpx.ProxyError("the proxy said more than its answer to CONNECT")
