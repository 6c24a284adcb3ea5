"""A process that accepts connections in one of four ways, and sends a slow stream on each.

Its first byte on a connection is its number, so that the client knows who has it. A stream has 100
tokens a second, of which each costs as much processor time as a chunk of an answer does.
"""

from __future__ import annotations

import socket
import sys
import time

import trio

from omen.serving import ConnectionShare
from omen.serving._eager import eager

PACE = 0.01
COST = 75e-6
"""Processor seconds of a chunk; see docs/benchmarks."""
HANDED = "handed over"


async def main(way: str, number: int, descriptor: int, table: int) -> None:
    """Accept until stdin ends."""
    share = ConnectionShare(table, number) if way == "counted" else None
    here = socket.socket(fileno=descriptor)
    async with trio.open_nursery() as nursery:
        if way == HANDED:
            nursery.start_soon(_receive, here, number, nursery)
        else:
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(here))
            nursery.start_soon(_accept, eager(listener, None, share=share), number, share, nursery)
        print("ready", flush=True)
        await trio.to_thread.run_sync(sys.stdin.buffer.read, abandon_on_cancel=True)
        nursery.cancel_scope.cancel()


async def _accept(
    listener: trio.abc.Listener[trio.abc.Stream],
    number: int,
    share: ConnectionShare | None,
    nursery: trio.Nursery,
) -> None:
    async with listener:
        while True:
            nursery.start_soon(_stream, await listener.accept(), number, share)


async def _receive(here: socket.socket, number: int, nursery: trio.Nursery) -> None:
    """Take the connections that the parent accepts and hands over."""
    here.setblocking(False)
    while True:
        await trio.lowlevel.wait_readable(here)
        data, descriptors, _, _ = socket.recv_fds(here, 1, 1)
        if not data:
            return
        stream = trio.SocketStream(
            trio.socket.from_stdlib_socket(socket.socket(fileno=descriptors[0]))
        )
        nursery.start_soon(_stream, stream, number, None)


async def _stream(stream: trio.abc.Stream, number: int, share: ConnectionShare | None) -> None:
    try:
        async with stream:
            await stream.send_all(bytes([number]))
            while True:
                until = time.perf_counter() + COST
                while time.perf_counter() < until:
                    pass
                await stream.send_all(b".")
                await trio.sleep(PACE)
    except (trio.BrokenResourceError, OSError):
        return
    finally:
        if share is not None:
            share.leave()


if __name__ == "__main__":
    _number, _descriptor, _table = map(int, sys.argv[2:])
    trio.run(main, sys.argv[1], _number, _descriptor, _table)
