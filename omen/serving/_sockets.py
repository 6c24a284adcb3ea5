"""Operations that only a socket supports. Tests use streams in memory, which do not."""

from __future__ import annotations

import socket
import struct
from typing import Any, TypeAlias, cast

import trio
from hypercorn.utils import parse_socket_addr


async def abort(stream: trio.abc.Stream) -> None:
    """Close with a reset. The kernel discards the bytes that it has not sent yet."""
    if isinstance(stream, trio.SocketStream):
        no_linger = struct.pack("ii", 1, 0)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    await trio.aclose_forcefully(stream)


Address: TypeAlias = tuple[str, int] | None


def addresses(stream: trio.abc.Stream) -> tuple[Address, Address]:
    """Return the client's and the server's address. Each is None if the stream has none."""
    if not isinstance(stream, trio.SocketStream):
        return None, None
    sock = stream.socket
    try:
        peer, own = sock.getpeername(), sock.getsockname()
    except OSError:  # the client has already reset it; the first read reports that
        return None, None
    return parse_socket_addr(sock.family, cast(Any, peer)), parse_socket_addr(sock.family, own)
