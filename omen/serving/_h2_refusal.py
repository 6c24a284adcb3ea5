"""Which HTTP/2 requests are refused, and with which reset or status. Pure.

h2 has already checked HTTP/2's own rules: the set of fields, their letters, the pseudo fields. This
module checks the rules of HTTP itself, as `_h1_target` does for HTTP/1.1.

**Source.** RFC 9113 sections 5.1.2 (more streams than allowed), 8.1.1 (malformed), 8.3.1 (pseudo
fields), 8.5 (CONNECT), 8.7 (which requests are safe to repeat), 10.5.1 (field blocks too large),
RFC 9110 sections 8.6 (one length) and 9.1 (methods are case-sensitive), read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from h2.errors import ErrorCodes

from omen.serving._authority import names_a_host

_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATH = re.compile(rb"/[\x21-\x7e]*")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*")
_FIELD_OVERHEAD = 32
"""Bytes that each field counts on top of its own: RFC 9113, section 6.5.2."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a refused request: either a reset or a status, never both."""

    reset: ErrorCodes | None = None
    status: bytes = b""


NOT_NOW = Refusal(reset=ErrorCodes.REFUSED_STREAM)
"""The request was not processed: the client may repeat it at once, on another connection."""
_MALFORMED = Refusal(reset=ErrorCodes.PROTOCOL_ERROR)
_NOT_IMPLEMENTED = Refusal(status=b"501")
_TOO_LARGE = Refusal(status=b"431")


def refusal_of(headers: Sequence[tuple[bytes, bytes]], max_head: int) -> Refusal | None:
    """Return the refusal that a request's fields require, or None. `max_head` is in bytes."""
    if sum(len(name) + len(value) + _FIELD_OVERHEAD for name, value in headers) > max_head:
        return _TOO_LARGE
    fields = dict(headers)
    method = fields.get(b":method", b"")
    if not _METHOD.fullmatch(method) or _is_malformed(headers, fields):
        return _MALFORMED
    is_tunnel = method == b"CONNECT" and fields.get(b":protocol") != b"websocket"
    # No known method has small letters.
    return _NOT_IMPLEMENTED if is_tunnel or not method.isupper() else None


def _is_malformed(headers: Sequence[tuple[bytes, bytes]], fields: dict[bytes, bytes]) -> bool:
    authority = fields.get(b":authority", fields.get(b"host", b""))
    path, scheme = fields.get(b":path"), fields.get(b":scheme")
    return (
        not names_a_host(authority)
        or sum(name == b"content-length" for name, _ in headers) > 1
        or (scheme is not None and not _SCHEME.fullmatch(scheme))
        or (path is not None and not _is_path(path, fields[b":method"]))
    )


def _is_path(path: bytes, method: bytes) -> bool:
    return _PATH.fullmatch(path) is not None or (path == b"*" and method == b"OPTIONS")
