"""Rules for requests that a browser may have been led to make. Pure.

Without keys, OMEN serves whoever is on this machine. So is the visitor's browser, and any page can
make it send requests. Three facts tell such requests from others:

- `Host`. A page whose name is made to resolve to a loopback address (DNS rebinding) has the same
  origin as OMEN, for the browser. But the browser still sends that page's name. An address cannot
  be rebound.
- `Origin`. Browsers send it with every POST and every websocket. `null` is the origin of a
  sandboxed frame or a file, so it is nobody's.
- `Sec-Fetch-Site`. Browsers send it with every request to a loopback address, also with those that
  have no `Origin`. Only a link that is followed may come from another site.

**Source.** RFC 6454 section 7; W3C, Fetch Metadata Request Headers; read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from urllib.parse import urlsplit

from omen.front.http.proxies import parse_address

ANY = "*"
_FRAMES = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})

Headers = Iterable[tuple[bytes, bytes]]


class HostKind(Enum):
    """What the `Host` of a request is."""

    OWN = "own"
    """A name or address of this gateway, or missing: every browser sends one."""
    ADDRESS = "address"
    """Some other address, such as the outer one of a container."""
    OTHER = "other"


def host_name(authority: str) -> str:
    """Return the host of `host:port` in lower case, without brackets and a final dot."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower().removesuffix(".")


def own_names(bind: str, hosts: Iterable[str]) -> frozenset[str]:
    """Return the names and addresses that callers may use for a gateway with these settings."""
    names = {"localhost", *(host.lower().removesuffix(".") for host in hosts)}
    if bind not in _WILDCARDS:
        names.add(bind.lower())
    return frozenset(names)


def classify_host(headers: Headers, own: frozenset[str], local_address: str) -> HostKind:
    """Return the kind of a request's host. `local_address` is where the connection came in."""
    worst = HostKind.OWN
    for name, value in headers:
        if name in (b"host", b":authority"):
            kind = _kind(host_name(value.decode("latin-1")), own, local_address)
            if kind is not HostKind.OWN:
                worst = kind
    return worst


def _kind(host: str, own: frozenset[str], local_address: str) -> HostKind:
    if ANY in own or host in own:
        return HostKind.OWN
    address = parse_address(host)
    if address is None:
        return HostKind.OTHER
    is_own = address.is_loopback or address == parse_address(local_address)
    return HostKind.OWN if is_own else HostKind.ADDRESS


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether the request is not from a page of another site. Only browsers send an origin."""
    origin = headers.get("origin")
    return origin is None or _is_of(origin, headers.get("host", ""))


def is_of_another_page(headers: Headers, method: str) -> bool:
    """Return whether a page of another origin made a browser send this request.

    A link that is followed (a top-level navigation) is not counted: it changes nothing, because it
    is a GET, and the other page cannot read the answer.
    """
    told: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name in (b"origin", b"host") or name.startswith(b"sec-fetch-"):
            told.setdefault(name, []).append(value.decode("latin-1").strip())
    host = (told.get(b"host") or [""])[0]
    if not all(_is_of(origin, host) for origin in told.get(b"origin", ())):
        return True
    sites = told.get(b"sec-fetch-site", ())
    if all(site.lower() in ("same-origin", "none") for site in sites):
        return False
    mode = told.get(b"sec-fetch-mode", [""])[0]
    frame = told.get(b"sec-fetch-dest", [""])[0]
    return method not in ("GET", "HEAD") or mode != "navigate" or frame in _FRAMES


def _is_of(origin: str, host: str) -> bool:
    """Return whether a page of this origin came from this host and port."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False
