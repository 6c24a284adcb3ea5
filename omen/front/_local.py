"""Who may use what is for operators: without keys, callers on this machine."""

from __future__ import annotations

from ipaddress import ip_address

from omen.front._asgi import Scope, header_map

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def is_local(scope: Scope) -> bool:
    """Whether the caller is on this machine, and did not come through a proxy on it."""
    client = scope.get("client")
    if client is None or any(name in header_map(scope) for name in _FORWARDED):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False
