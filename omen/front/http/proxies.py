"""Signs of a proxy in a request, and the client for which a trusted proxy speaks. Pure.

A request that a proxy on this machine forwards comes from a loopback address, as a local request
does. Only its headers show the difference. So every header that a known proxy, load balancer, CDN
or tunnel adds counts as a sign. A caller can add such a header as well; it only loses rights by
that.

**Source.** RFC 7239 (`Forwarded`), RFC 9110 section 7.6.3 (`Via`), the vendors' lists of headers
(AWS, Azure, Cloudflare, Envoy, Fastly, Fly, Google Cloud, Tailscale, Vercel), read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Headers = Iterable[tuple[bytes, bytes]]

_NAMES = frozenset(
    b"""
    via forwarded forwarded-for forwarded-proto x-forwarded x-forwarder-for
    x-real-ip x-real-port x-client-ip x-client-port x-clientip client-ip true-client-ip
    x-cluster-client-ip x-originating-ip x-remote-ip x-remote-addr remote-addr x-host
    x-proxyuser-ip x-proxy-user-ip wl-proxy-client-ip proxy-client-ip proxy-connection
    x-original-url x-original-uri x-original-host x-original-for x-original-proto
    x-original-forwarded-for x-original-client-ip x-original-remote-addr x-rewrite-url
    x-scheme x-url-scheme front-end-https x-forwarded-ssl x-ssl x-ssl-client-verify
    cdn-loop x-cdn cf-ray cf-connecting-ip x-arr-log-id
    x-arr-ssl disguised-host max-forwards surrogate-capability x-varnish x-nginx-proxy
    x-sucuri-clientip incap-client-ip x-coming-from x-loop-control x-backend-host
    """.split()
)
_PREFIXES = (
    b"x-forwarded-",
    b"x-envoy-",
    b"x-appgw-",
    b"x-azure-",
    b"x-appengine-",
    b"x-amz-cf-",
    b"x-vercel-",
    b"x-akamai-",
    b"x-traefik-",
    b"x-haproxy-",
    b"x-waf-",
    b"x-ms-forwarded-",
    b"akamai-",
    b"cf-",
    b"cloudfront-",
    b"fastly-",
    b"fly-",
    b"ngrok-",
    b"proxy-",
    b"ssl-client-",
    b"tailscale-",
)
_FOR = re.compile(r"(?:^|;)\s*for\s*=\s*(?:\"([^\"]*)\"|([^;\s]*))", re.IGNORECASE)


def shows_a_proxy(headers: Headers) -> bool:
    """Return whether a header is a sign of a proxy. `X_Forwarded_For` is one as well."""
    for name, _ in headers:
        plain = name.replace(b"_", b"-")
        if plain in _NAMES or plain.startswith(_PREFIXES):
            return True
    return False


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return addresses and CIDR ranges as networks. **Raises.** `ValueError`."""
    return tuple(ip_network(text, strict=False) for text in texts)


@lru_cache(maxsize=1024)  # each request has one, mostly that of the request before
def parse_address(text: str) -> Address | None:
    """Return an address, an IPv4 one also from its form in IPv6; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Return whether one of the networks has the address."""
    return any(address in network for network in networks)


def is_any_of(networks: Iterable[Network], host: str) -> bool:
    """Return whether the address of a connection's client is in one of the networks."""
    address = parse_address(host)
    return address is not None and is_within(address, networks)


def forwarded_client(proxy: Address, headers: Headers, trusted: Iterable[Network]) -> Address:
    """Return the client of a request that came from a trusted proxy.

    That is the right-most address which is no trusted proxy: each proxy appends the address that it
    saw, so only what stands left of that address can be invented by the client. `X-Forwarded-For`
    counts; without one `Forwarded`, then `X-Real-IP`. What is no address (`unknown`) ends the
    search, and the proxy next to it counts as the client.
    """
    networks, client = tuple(trusted), proxy
    for hop in reversed(_hops(list(headers))):
        address = parse_address(hop)
        if address is None:
            break
        client = address
        if not is_within(address, networks):
            break
    return client


def _hops(headers: list[tuple[bytes, bytes]]) -> list[str]:
    """Return the addresses that proxies added, the latest last."""
    for name, read in (
        (b"x-forwarded-for", _listed),
        (b"forwarded", _forwarded),
        (b"x-real-ip", _listed),
    ):
        lines = [value.decode("latin-1") for key, value in headers if key == name]
        if lines:
            return [_without_port(hop) for hop in read(",".join(lines))]
    return []


def _listed(line: str) -> Iterator[str]:
    return (hop.strip() for hop in line.split(","))


def _forwarded(line: str) -> Iterator[str]:
    for element in line.split(","):
        found = _FOR.search(element.strip())
        yield (found[1] or found[2] or "") if found else ""


def _without_port(hop: str) -> str:
    """Return the address of `1.2.3.4:80`, `[::1]:80`, `[::1]` or a bare address."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
