"""The proxies that the environment configures, by origin.

The variables are HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in upper or lower case.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.request import (  # type: ignore[attr-defined]  # typeshed lacks the second one
    getproxies_environment,
    proxy_bypass_environment,
)

import httpx

from omen.wire._origin import Origin


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the headers that it needs (which may contain a password)."""

    origin: Origin
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


class Proxies:
    """Finds the proxy for an origin.

    **Shape.** `settings` maps a scheme or `all` to a proxy's URL, and `no` to the list of
    exceptions, as `getproxies_environment` gives them.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = dict(settings)

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
