"""The frames between a worker and its supervisor: bytes in, frames out. It does no I/O.

A frame has a head of two lengths, a JSON array, and bytes that JSON cannot hold, such as a cached
answer. Both lengths have a limit, so a peer that breaks the protocol cannot fill the memory.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

MOST_JSON = 16 * 1024 * 1024
"""Bytes of the JSON part. The largest one has the figures of all workers."""
MOST_BLOB = 80 * 1024 * 1024
"""Bytes of the other part. The largest one is a cached answer (`limits.max_answer_bytes`)."""
_HEAD = struct.Struct("!II")


class FrameError(Exception):
    """A frame that is too long, or whose JSON part is not valid. The connection is closed."""


class Frame(NamedTuple):
    """One message. `kind` is "call", "answer", "error" or "note"; a note gets no answer."""

    kind: str
    number: int
    """The number of the call. 0 for a note."""
    name: str
    """The name of the call or note; the reason of an error."""
    value: Any = None
    """The arguments of a call, or the result of an answer."""
    blob: bytes = b""


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame. **Raises.** `FrameError` if it is too long."""
    text = json.dumps(frame[:4], separators=(",", ":")).encode()
    if len(text) > MOST_JSON or len(frame.blob) > MOST_BLOB:
        raise FrameError("the frame is too long")
    return b"".join((_HEAD.pack(len(text), len(frame.blob)), text, frame.blob))


class FrameReader:
    """Splits received bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete with these bytes. **Raises.** `FrameError`."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            texts, blobs = _HEAD.unpack_from(self._buffer)
            if texts > MOST_JSON or blobs > MOST_BLOB:
                raise FrameError("the frame is too long")
            start, middle = _HEAD.size, _HEAD.size + texts
            if len(self._buffer) < middle + blobs:
                return
            text, blob = self._buffer[start:middle], bytes(self._buffer[middle : middle + blobs])
            del self._buffer[: middle + blobs]
            yield _frame(bytes(text), blob)


def _frame(text: bytes, blob: bytes) -> Frame:
    try:
        kind, number, name, value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise FrameError("the frame is not valid JSON") from error
    if not (isinstance(kind, str) and isinstance(number, int) and isinstance(name, str)):
        raise FrameError("the frame has wrong types")
    return Frame(kind, number, name, value, blob)
