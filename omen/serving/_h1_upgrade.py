"""Which HTTP/1.1 requests begin a websocket. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import h11

Field = tuple[bytes, bytes]


def wants_websocket(request: h11.Request) -> bool:
    """Return whether this is a websocket's handshake."""
    return (
        request.method == b"GET"
        and request.http_version == b"1.1"
        and b"upgrade" in _tokens(request, b"connection")
        and names_websocket(request)
    )


def names_websocket(request: h11.Request) -> bool:
    """Return whether a websocket is among what a request would upgrade to."""
    return b"websocket" in _tokens(request, b"upgrade")


def handshake(headers: Sequence[Field]) -> list[Field]:
    """Return a websocket's headers with nothing on offer but a websocket.

    hypercorn looks at the last `Connection` and `Upgrade` fields only, and for exactly this value.
    """
    rest = [field for field in headers if field[0] not in (b"connection", b"upgrade")]
    return [*rest, (b"connection", b"upgrade"), (b"upgrade", b"websocket")]


def _tokens(request: h11.Request, name: bytes) -> Iterator[bytes]:
    for key, value in request.headers:
        if key == name:
            yield from (token.strip().lower() for token in value.split(b","))
