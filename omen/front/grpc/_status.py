"""An error as gRPC tells it: a status code, a message, and details in the form all know. Pure.

**Source.** google.rpc.Code and its table of HTTP statuses; AIP-193; read 2026-11-26.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from omen.core.errors import OmenError
from omen.front.grpc._schemas import ErrorInfo, Status
from omen.front.http.race_report import retry_after_of

DOMAIN = "omen"
OK, UNKNOWN = 0, 2

_CODES: Mapping[int, int] = MappingProxyType(
    {
        400: 3,  # INVALID_ARGUMENT
        401: 16,  # UNAUTHENTICATED
        402: 8,  # RESOURCE_EXHAUSTED
        403: 7,  # PERMISSION_DENIED
        404: 5,  # NOT_FOUND
        408: 4,  # DEADLINE_EXCEEDED
        413: 8,
        415: 3,
        429: 8,
        499: 1,  # CANCELLED
        500: 13,  # INTERNAL
        501: 12,  # UNIMPLEMENTED
        502: 14,  # UNAVAILABLE
        503: 14,
        504: 4,
    }
)
_LONGEST = 2000
"""Bytes of a message, as written. It travels in headers twice, in base64 the second time, and
clients take 8 KiB of headers."""
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def code_of(error: OmenError) -> int:
    """Give the status code of an error."""
    return _CODES.get(error.status, UNKNOWN)


def trailers(error: OmenError | None) -> list[tuple[bytes, bytes]]:
    """Write how a call ended."""
    if error is None:
        return [(b"grpc-status", b"0")]
    code = code_of(error)
    return [
        (b"grpc-status", b"%d" % code),
        (b"grpc-message", _quoted(error.message).encode()),
        (b"grpc-status-details-bin", base64.b64encode(_details(error, code)).rstrip(b"=")),
    ]


def _quoted(text: str) -> str:
    """Write a message as a header; a long one is cut between two characters."""
    quoted = ""
    for piece in text[:_LONGEST]:
        written = quote(piece, safe=_PLAIN)
        if len(quoted) + len(written) > _LONGEST:
            break
        quoted += written
    return quoted


def _cut(text: str) -> str:
    return text.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")


def _details(error: OmenError, code: int) -> bytes:
    wait = retry_after_of(error)
    told = {
        "type": error.type,
        "param": error.param,
        "status": str(error.status),
        "retry_after": None if wait is None else f"{wait:g}",
    }
    info = ErrorInfo(
        reason=(error.code or error.type).upper(),
        domain=DOMAIN,
        metadata={name: value for name, value in told.items() if value is not None},
    )
    status = Status(code=code, message=_cut(error.message))
    status.details.add().Pack(info)
    written: bytes = status.SerializeToString()
    return written
