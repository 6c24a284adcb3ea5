"""Which HTTP/2 requests are not served, and how their clients are told. Pure.

**Source.** RFC 9113 sections 5.1.2 (more streams than allowed), 8.1.1 (malformed), 8.5 (CONNECT),
8.7 (which requests are safe to repeat), read 2026-11-26.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from h2.errors import ErrorCodes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Either a reset or a status, never both."""

    reset: ErrorCodes | None = None
    status: bytes = b""


NOT_NOW = Refusal(reset=ErrorCodes.REFUSED_STREAM)
"""Nothing was done with it: the client may repeat it at once, on another connection."""
_MALFORMED = Refusal(reset=ErrorCodes.PROTOCOL_ERROR)
_NO_TUNNELS = Refusal(status=b"501")


def refusal_of(pseudo: Mapping[bytes, bytes]) -> Refusal | None:
    """Judge a request by its pseudo headers; None when it can be served.

    h2 lets bytes through that are not text, and that an application cannot be asked for.
    """
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if method == b"CONNECT" and pseudo.get(b":protocol") != b"websocket":
        return _NO_TUNNELS
    sound = method.isascii() and path.isascii() and (path.startswith(b"/") or path == b"*")
    return None if sound else _MALFORMED
