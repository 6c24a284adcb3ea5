"""Which addresses are one's own machine or network."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_private(base_url: str) -> bool:
    """Whether a server at this address belongs to its operator: a private address or name."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".internal"))
