"""Which HTTP/1.1 requests start a websocket. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from omen.serving._h1_head import Field, Head


def wants_websocket(head: Head) -> bool:
    """Return whether this request is a websocket's handshake."""
    return (
        b"websocket" in head.upgrade
        and b"upgrade" in head.connection
        and head.method == b"GET"
        and head.version == "1.1"
    )


def names_websocket(head: Head) -> bool:
    """Return whether `websocket` is among the protocols of a request's `Upgrade` fields."""
    return b"websocket" in head.upgrade


def handshake(headers: Sequence[Field]) -> list[Field]:
    """Return the headers of a handshake, with `websocket` as the only protocol in `Upgrade`.

    hypercorn reads only the last `Connection` and `Upgrade` fields, and compares them with exactly
    these values.
    """
    rest = [field for field in headers if field[0] not in (b"connection", b"upgrade")]
    return [*rest, (b"connection", b"upgrade"), (b"upgrade", b"websocket")]
