"""Origins: the scheme, host and port that a connection leads to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

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
    def is_tls(self) -> bool:
        return self.scheme == "https"

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
