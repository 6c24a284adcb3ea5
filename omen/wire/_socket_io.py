"""Reads and writes of a plain socket by system calls of our own; other streams the usual way.

trio's stream takes two turns of the scheduler for a read that finds its bytes, a failing call for
one that waits, and three times the processor time for a write (2026-12-01).
"""

from __future__ import annotations

import os

import trio

_MOST_READ = 64 * 1024


def _descriptor(stream: trio.abc.Stream) -> int:
    """Return the file descriptor of a plain socket; -1 for another stream, or a closed one."""
    # Exactly this class: one that inherits from it may do more than move bytes.
    if type(stream) is not trio.SocketStream or os.name != "posix":
        return -1
    return stream.socket.fileno()


async def send_all(stream: trio.abc.Stream, data: bytes | memoryview) -> None:
    """Send data, as `stream.send_all`. Where the socket takes it all, no other task runs."""
    fd = _descriptor(stream)
    if fd >= 0:
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            sent = os.write(fd, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise trio.BrokenResourceError from error
        if sent == len(data):
            return
        data = data[sent:]
    await stream.send_all(data)


async def receive(stream: trio.abc.Stream) -> bytes | bytearray:
    """Return the next bytes, as `stream.receive_some`; `b""` at the end.

    **Cancellation.** Nothing is lost: there is no checkpoint behind the read.
    """
    while (fd := _descriptor(stream)) >= 0:
        await trio.lowlevel.wait_readable(fd)
        try:
            return os.read(fd, _MOST_READ)
        except BlockingIOError:
            continue  # it was ready, but is not any more
        except OSError as error:
            raise trio.BrokenResourceError from error
    return await stream.receive_some()
