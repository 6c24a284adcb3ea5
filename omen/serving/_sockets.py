"""Operations that only a socket supports. Tests use streams in memory, which do not."""

from __future__ import annotations

import select
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


def descriptor(stream: trio.abc.Stream) -> int:
    """Return the file descriptor of a stream; -1 if it has none, or is closed."""
    return stream.socket.fileno() if isinstance(stream, trio.SocketStream) else -1


def has_arrivals(stream: trio.abc.Stream) -> bool:
    """Return whether bytes wait in the kernel to be read. An EOF, too, can be read."""
    waiting = descriptor(stream)
    return waiting >= 0 and is_readable(waiting)


def is_readable(waiting: int) -> bool:
    """Return whether a read or an accept on this descriptor would not wait."""
    poll = select.poll()
    poll.register(waiting, select.POLLIN)
    return bool(poll.poll(0))


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
