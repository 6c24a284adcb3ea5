"""Which new connections get a place, at whose expense, and how the others are refused."""

from __future__ import annotations

import ssl
from ipaddress import IPv6Address, ip_address, ip_network

import trio

from omen.core.descriptors import is_spare
from omen.serving._service import Service
from omen.serving._tls import is_tls
from omen.serving._wire import Wire

MAX_REFUSING = 100
"""How many surplus connections get a moment to read their 503, and TLS, at the same time. To others
it is sent in plain, and they are closed at once, which may destroy it on its way."""
REFUSING_SHARE = 8
"""They are at most this part of `max_connections`, too: each holds a descriptor meanwhile, and
those beyond `max_connections` are for upstreams."""
MAX_REFUSING_SPARE = 8
"""The same for connections that use descriptors which are not for connections."""
_AT_ONCE = 0.1
"""Seconds to which a refusal without that moment is bounded."""
_IPV6_NETWORK = 64
"""A customer gets a network of this prefix at least (RFC 6177), so its addresses are one client."""

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"content-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
)


class Places:
    """The limits of connections: in all, per address, and of descriptors."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings
        self._live = service.live
        self._refusing = 0

    def address_of(self, wire: Wire) -> str | None:
        """Return the key by which a client's connections are counted; None: they are not."""
        client, _ = wire.addresses
        if client is None or self._settings.is_trusted_proxy(client[0]):
            return None
        return _network_of(client[0])

    def make_room(self, wire: Wire, address: str | None) -> bool:
        """Return whether a new connection gets a place; if necessary, evict another one."""
        if is_spare(wire.descriptor):
            self._live.short_of_descriptors += 1
            if not self._live.evict():
                return False
        most_of_address = self._settings.max_connections_per_address
        if address is not None and self._live.count_of(address) >= most_of_address:
            return self._live.evict(address)
        return self._live.placed < self._settings.max_connections or self._live.evict()

    async def refuse(self, wire: Wire) -> None:
        """Send a 503 and give the client a moment to read it. The caller closes the stream."""
        self._live.refused += 1
        if self._refusing >= self._most_refusing(wire):
            await self._refuse_at_once(wire)
            return
        self._refusing += 1
        try:
            with trio.move_on_after(self._settings.linger):
                if self._service.tls.context is not None:
                    await _start_tls(wire, self._service.tls.context)
                await wire.write(_BUSY)
                await wire.finish()
        except trio.BrokenResourceError:
            pass  # the TLS handshake failed: there is no way to answer
        finally:
            self._refusing -= 1

    def _most_refusing(self, wire: Wire) -> int:
        if is_spare(wire.descriptor):
            return MAX_REFUSING_SPARE
        return min(MAX_REFUSING, max(1, self._settings.max_connections // REFUSING_SHARE))

    async def _refuse_at_once(self, wire: Wire) -> None:
        if self._service.tls.context is not None:
            return
        with trio.move_on_after(_AT_ONCE):
            if wire.has_arrivals:
                await wire.receive()  # a close with unread bytes would be a reset
            await wire.write(_BUSY)


async def _start_tls(wire: Wire, context: ssl.SSLContext) -> None:
    first = await wire.receive()
    if is_tls(first):
        await wire.start_tls(context, first)


def _network_of(host: str) -> str:
    """Return an IPv4 address as it is, and the network of an IPv6 address."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _IPV6_NETWORK), strict=False))
