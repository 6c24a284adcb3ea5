"""What our own requests are made of, without httpx's objects for requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import httpx

from omen.wire._http1 import RawHeaders
from omen.wire._origin import Origin

OnUnsent = Callable[[bool], None]
"""Is told whether nothing of a request can have reached the upstream."""


@lru_cache(maxsize=256)
def url_of(text: str) -> httpx.URL:
    """Return a parsed URL. It is cached: an upstream has few URLs, and httpx parses slowly."""
    return httpx.URL(text)


@lru_cache(maxsize=256)
def origin_of(text: str) -> Origin:
    """Return the origin of a URL. It is cached, too."""
    return Origin.of(url_of(text))


def raw_headers(url: httpx.URL, headers: Mapping[str, str]) -> RawHeaders:
    """Return the headers of a request as httpx writes them. **Raises.** `UnicodeEncodeError`."""
    raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    has_host = any(name.lower() == b"host" for name, _ in raw)
    return raw if has_host else [(b"Host", url.netloc), *raw]


def ignore_unsent(unsent: bool) -> None:
    """Take no note: nobody wants to know whether a request was sent."""
