"""Which HTTP/1.1 requests start a websocket. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import h11

Field = tuple[bytes, bytes]


def wants_websocket(request: h11.Request) -> bool:
    """Return whether this request is a websocket's handshake."""
    return (
        request.method == b"GET"
        and request.http_version == b"1.1"
        and b"upgrade" in _tokens(request, b"connection")
        and names_websocket(request)
    )


def names_websocket(request: h11.Request) -> bool:
    """Return whether `websocket` is among the protocols of a request's `Upgrade` fields."""
    return b"websocket" in _tokens(request, b"upgrade")


def handshake(headers: Sequence[Field]) -> list[Field]:
    """Return the headers of a handshake, with `websocket` as the only protocol in `Upgrade`.

    hypercorn reads only the last `Connection` and `Upgrade` fields, and compares them with exactly
    these values.
    """
    rest = [field for field in headers if field[0] not in (b"connection", b"upgrade")]
    return [*rest, (b"connection", b"upgrade"), (b"upgrade", b"websocket")]


def _tokens(request: h11.Request, name: bytes) -> Iterator[bytes]:
    for key, value in request.headers:
        if key == name:
            yield from (token.strip().lower() for token in value.split(b","))
