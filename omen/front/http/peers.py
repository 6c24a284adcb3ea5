"""Where a request comes from: this machine, a proxy, a page in a browser, or elsewhere.

The facts are read from the connection and the headers, in one place, for all doors. They decide
what a caller without a key may do. A key in a request makes them irrelevant: a browser never sends
one on its own, and a load balancer may use any name for the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass

from omen.config import ServerSettings
from omen.front.http.asgi import Scope
from omen.front.http.origins import (
    ANY,
    HostKind,
    classify_host,
    is_of_another_page,
    own_names,
)
from omen.front.http.proxies import (
    Address,
    Network,
    forwarded_client,
    is_within,
    parse_address,
    parse_networks,
    shows_a_proxy,
)

_KEY = "omen.peer"
_DOORS = ("/v1/", "/api/", "/openai/")
_OTHER_HOST = (
    "the host of this request is not a name of this gateway; add it to [server] hosts, or show one "
    "of its keys"
)
_OTHER_PAGE = (
    "a page of another site sent this request; without a key, a browser may send requests only "
    "from this gateway's own pages"
)


@dataclass(frozen=True, slots=True)
class Peer:
    """The sender of one request.

    `is_here`: it is a program on this machine that connected directly, without a proxy.
    """

    is_here: bool
    host: HostKind
    is_other_page: bool

    @property
    def is_local(self) -> bool:
        """Whether it counts as a caller on this machine: it is here, and no page is behind it."""
        return self.is_here and not self.objection(anyone=False)

    def objection(self, *, anyone: bool) -> str:
        """Return why it may not do anything without a key; empty if nothing is against it.

        `anyone`: callers without a key are served from everywhere. Then any address is a fit host.
        """
        is_fit = self.host is HostKind.OWN or (anyone and self.host is HostKind.ADDRESS)
        if not is_fit:
            return _OTHER_HOST
        return _OTHER_PAGE if self.is_other_page else ""


@dataclass(frozen=True, slots=True)
class PeerRules:
    """The names of the gateway, and the proxies that it trusts."""

    names: frozenset[str] = frozenset({ANY})
    trusted: tuple[Network, ...] = ()
    pages: frozenset[str] = frozenset()
    """The origins of other pages that may call the doors as the gateway's own pages may."""

    @classmethod
    def of(cls, server: ServerSettings) -> PeerRules:
        """Return the rules of a configuration."""
        names = own_names(server.bind, server.hosts)
        # `*` lets any page use a key, and no page do without one.
        pages = frozenset(server.cors_origins) - {ANY}
        return cls(names, parse_networks(server.trusted_proxies), pages)

    def peer(self, scope: Scope) -> Peer:
        """Return the sender of a request.

        HTTP/1.0 counts as a sign of a proxy. nginx speaks it with its defaults, and then adds no
        header.
        """
        headers, local = scope["headers"], scope.get("server") or ("",)
        direct = scope.get("http_version") != "1.0" and not shows_a_proxy(headers)
        return Peer(
            is_here=direct and self._is_loopback(scope),
            host=classify_host(headers, self.names, str(local[0])),
            is_other_page=is_of_another_page(headers, scope.get("method", "GET"))
            and not self._is_named_page(scope),
        )

    def identify(self, scope: Scope) -> Peer:
        """Note the sender in the scope, for `peer_of`, and return it.

        If a trusted proxy forwarded the request, the client in the scope becomes the one for which
        the proxy speaks. So limits and logs never see the proxy as the client.
        """
        peer = scope[_KEY] = self.peer(scope)
        address = _client(scope)
        if address is not None and is_within(address, self.trusted):
            found = forwarded_client(address, scope["headers"], self.trusted)
            if found != address:
                scope["client"] = (str(found), 0)
        return peer

    def _is_named_page(self, scope: Scope) -> bool:
        """Return whether a page that the operator has named asks at a door for models."""
        if not self.pages or not _is_for_models(scope["path"]):
            return False
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        return len(origins) == 1 and origins[0].decode("latin-1") in self.pages

    def _is_loopback(self, scope: Scope) -> bool:
        address = _client(scope)
        if address is None or is_within(address, self.trusted):
            return False
        return address.is_loopback


def _is_for_models(path: str) -> bool:
    """Return whether a path is one of the doors. The operator's routes are never for pages."""
    return path.startswith(_DOORS) or path == "/omen/ws"


def _client(scope: Scope) -> Address | None:
    client = scope.get("client")
    return parse_address(str(client[0])) if client else None


_NO_NAMES = PeerRules()


def peer_of(scope: Scope) -> Peer:
    """Return the sender of a request: as the guard noted it, else by rules without any names."""
    peer: Peer | None = scope.get(_KEY)
    return _NO_NAMES.peer(scope) if peer is None else peer
