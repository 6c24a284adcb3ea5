"""Who a connection leads to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import httpx
import trio

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port: what two requests must share to share a connection.

    A tuple, because it is a key that every request looks up several times.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        """Read the origin of a URL; the host comes out in ASCII, and without brackets.

        **Raises.** `httpx.UnsupportedProtocol` unless the scheme is http or https, and the port
        one that exists.
        """
        if url.scheme not in _DEFAULT_PORTS or not url.raw_host:
            raise httpx.UnsupportedProtocol(
                "the URL of an upstream begins with http:// or https://"
            )
        port = url.port if url.port is not None else _DEFAULT_PORTS[url.scheme]
        if not 0 < port < 65536:
            raise httpx.UnsupportedProtocol("the port in the URL of an upstream is out of range")
        return cls(url.scheme, url.raw_host.decode("ascii"), port)

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as CONNECT and NO_PROXY want them, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


Dial = Callable[[Origin], Awaitable[trio.abc.Stream]]
"""Opens a stream over which HTTP/1.1 can be spoken to an origin at once, TLS included.

**Raises.** `OSError`, `trio.BrokenResourceError` or an httpx error. It leaves nothing open when it
raises or is cancelled.
"""
