"""Messages in a stream of bytes: a flag, a length, a message. No I/O."""

from __future__ import annotations

import struct
import zlib

from omen.core.errors import RequestError

_PREFIX = struct.Struct(">BI")
_GZIP = 16 + zlib.MAX_WBITS
ENCODINGS = ("identity", "gzip")
"""How a message may be compressed that comes in. None is that goes out."""


def frame(message: bytes) -> bytes:
    """Write one message."""
    return _PREFIX.pack(0, len(message)) + message


class MessageReader:
    """Finds messages in the bytes of a request, none of them longer than `limit`."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding
        self._limit = limit
        self._buffer = bytearray()

    @property
    def is_within(self) -> bool:
        """Whether part of a message has come, and not the rest of it."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._buffer += data

    def next(self) -> bytes | None:
        """Give the next message, or None when more bytes are needed. **Raises.** `RequestError`."""
        if len(self._buffer) < _PREFIX.size:
            return None
        compressed, length = _PREFIX.unpack_from(self._buffer)
        if length > self._limit:
            raise _too_large(self._limit)
        end = _PREFIX.size + length
        if len(self._buffer) < end:
            return None
        message = bytes(self._buffer[_PREFIX.size : end])
        del self._buffer[:end]
        return self._inflate(message) if compressed else message

    def _inflate(self, message: bytes) -> bytes:
        if self._encoding != "gzip":
            raise RequestError("a message is compressed, and nothing says how", code="internal")
        inflator = zlib.decompressobj(_GZIP)
        try:
            inflated = inflator.decompress(message, self._limit + 1)
        except zlib.error:
            raise RequestError("a message is not the gzip it says it is") from None
        if len(inflated) > self._limit:
            raise _too_large(self._limit)
        return inflated


def _too_large(limit: int) -> RequestError:
    words = f"a message is larger than {limit} bytes"
    return RequestError(words, status=413, code="request_too_large")
