"""Origins: the scheme, host and port that a connection leads to."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.request import (  # type: ignore[attr-defined]  # typeshed lacks the second one
    getproxies_environment,
    proxy_bypass_environment,
)

import httpx
import trio

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port. Two requests can share a connection only if these are equal.

    It is a tuple, because every request uses it several times as a key of a dictionary.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        """Return the origin of a URL. The host is in ASCII, without brackets.

        **Raises.** `httpx.UnsupportedProtocol` if the scheme is neither http nor https, the host is
        missing, or the port is out of range.
        """
        if url.scheme not in _DEFAULT_PORTS or not url.raw_host:
            raise httpx.UnsupportedProtocol(
                "the URL of an upstream must begin with http:// or https://"
            )
        port = url.port if url.port is not None else _DEFAULT_PORTS[url.scheme]
        if not 0 < port < 65536:
            raise httpx.UnsupportedProtocol("the port in the URL of an upstream is out of range")
        return cls(url.scheme, url.raw_host.decode("ascii"), port)

    @property
    def authority(self) -> str:
        """Host and port in the form of CONNECT and NO_PROXY, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


Dial = Callable[[Origin], Awaitable[trio.abc.Stream]]
"""Opens a stream to an origin, including TLS, that is ready for HTTP/1.1.

**Raises.** `OSError`, `trio.BrokenResourceError` or an httpx error.

**Cancellation.** It leaves no socket open, and neither does it when it raises.
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the headers that it needs (which may contain a password)."""

    origin: Origin
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


class Proxies:
    """Finds the proxy for an origin.

    **Shape.** `settings` maps a scheme or `all` to a proxy's URL, and `no` to the list of
    exceptions, as `getproxies_environment` gives them. `is_empty`: every connection is direct.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = dict(settings)
        self.is_empty = not self._settings

    @classmethod
    def from_environment(cls) -> Proxies:
        """Return the proxies of the current environment. Later changes to it have no effect."""
        return cls(getproxies_environment())

    def find(self, origin: Origin) -> Proxy | None:
        """Return the proxy for an origin; None for a direct connection.

        **Raises.** `httpx.ProxyError` for a proxy that is neither http nor https (such as SOCKS): a
        direct connection in spite of the setting would be worse.
        """
        url = self._settings.get(origin.scheme) or self._settings.get("all")
        if not url or proxy_bypass_environment(origin.authority, self._settings):
            return None
        return _parse_proxy(url)


def _parse_proxy(text: str) -> Proxy:
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
        origin = Origin.of(url)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise httpx.ProxyError("the URL of a proxy must begin with http:// or https://") from error
    if not url.userinfo:
        return Proxy(origin)
    credentials = base64.b64encode(f"{url.username}:{url.password}".encode())
    return Proxy(origin, ((b"Proxy-Authorization", b"Basic " + credentials),))
