"""Who may use what is for operators: without keys, callers on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from omen.front.http.asgi import Scope

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def is_local(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether the caller is on this machine, and did not come through a proxy on it."""
    client = scope.get("client")
    if client is None or any(name in headers for name in _FORWARDED):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether it is no page of another site that asks. Only browsers say where a page is from."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
