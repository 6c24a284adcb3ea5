"""What is asked of a stream only when it is a socket; the tests' streams in memory are not."""

from __future__ import annotations

import socket
import struct
from typing import Any, TypeAlias, cast

import trio
from hypercorn.utils import parse_socket_addr


async def abort(stream: trio.abc.Stream) -> None:
    """Close so that the client gets a reset, and the kernel forgets what it could not send."""
    if isinstance(stream, trio.SocketStream):
        no_linger = struct.pack("ii", 1, 0)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    await trio.aclose_forcefully(stream)


Address: TypeAlias = tuple[str, int] | None


def addresses(stream: trio.abc.Stream) -> tuple[Address, Address]:
    """Return the client's and the server's address, where there are any."""
    if not isinstance(stream, trio.SocketStream):
        return None, None
    sock = stream.socket
    try:
        peer, own = sock.getpeername(), sock.getsockname()
    except OSError:  # Reset before it was looked at; the first read will say so.
        return None, None
    return parse_socket_addr(sock.family, cast(Any, peer)), parse_socket_addr(sock.family, own)
