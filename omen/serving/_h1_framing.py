"""Where an HTTP/1.1 request ends, decided strictly. Pure.

If two parsers disagree about where a request ends, bytes of one client can become the start of
another client's request ("request smuggling"). This module refuses everything that a proxy in
front of us might interpret differently, and the connection is closed.

**Source.** RFC 9112 sections 2.2 (line ends, empty lines in front), 5.2 (folding), 6.3 (length of a
body), 7.1 (chunks, extensions, trailers), read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from omen.serving._h1_head import FramingError, Head, read_head

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
"""The part of HTTP/2's preface that looks like the head of a request."""

MOST_EMPTY_LINES = 32
"""Empty lines in front of a request that are ignored. Some clients send one after a body."""
MOST_CHUNK_LINE = 4096
"""Bytes of the line in front of a chunk."""
MOST_EXTENSIONS = 16 * 1024
"""Bytes of all chunk extensions of a body. They are ignored, and no known client needs them."""

_END = b"\r\n\r\n"
# What no complete head and no complete trailers may contain: a folded line, a NUL, a CR or an LF
# alone. A CR at the very end may still become a line end.
_FAULT = re.compile(rb"\r\n[ \t]|\0|\r(?=[^\n])|(?<!\r)\n")
_CHUNK_LINE = re.compile(
    rb"(?P<size>[0-9A-Fa-f]{1,16})(?P<extensions>[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n"
)
# RFC 9110, section 6.5.1: a trailer must not say where a body ends.
_TRAILERS = re.compile(
    rb"(?:(?!(?i:content-length|transfer-encoding):)"
    rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+\r\n"
)


class PrefaceError(Exception):
    """The connection speaks HTTP/2. `data` is everything that it has sent."""

    def __init__(self, data: bytes) -> None:
        super().__init__("the client speaks HTTP/2")
        self.data = data


class Framing:
    """A buffer for a client's bytes, which returns the head and the body of one request at a time.

    **Shape.** `receive` adds bytes. `take_head` returns a head once it is complete. Then
    `take_body` returns what is here of its body, until `ended`. Bytes that were sent ahead are held
    until `begin_next`.

    **Raises.** Both `take` methods: `FramingError`.
    """

    def __init__(self, limit: int) -> None:
        """`limit` is the number of bytes that a head may have, and also that trailers may have."""
        self.ended = False
        """Whether the whole request was taken."""
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._left = 0
        self._empty_lines = 0
        self._extensions = 0
        self._pieces: list[bytes] = []
        self._step: Callable[[], bool] | None = None
        self._untouched = True

    @property
    def held(self) -> int:
        """The number of bytes that are held."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Add bytes that arrived."""
        self._buffer += data

    def skip(self) -> None:
        """Note that a request was read elsewhere: HTTP/2's preface cannot come any more."""
        self._untouched = False

    def begin_next(self) -> None:
        """Begin with the next request."""
        self.ended = False
        self._empty_lines = self._extensions = 0

    def take_all(self) -> bytes:
        """Return all held bytes."""
        return self._cut(len(self._buffer))

    def take_head(self) -> Head | None:
        """Return the head of a request; None if it is not here yet.

        **Raises.** `PrefaceError` if the connection begins with HTTP/2's preface. Only its very
        first bytes count, and they must match exactly. Later, or with fields in it, the same line
        may come from a proxy, behind another client's request.
        """
        if not self._buffer:
            return None
        if self._untouched and self._buffer.startswith(PREFACE):
            raise PrefaceError(self.take_all())
        if self._buffer[0] <= 0x20:
            self._skip_empty_lines()
        lines = self._take_lines()
        if not lines:
            return None
        head = read_head(lines)
        self._left = head.length
        self._step = self._read_chunk_line if head.chunked else None
        self.ended = not head.has_body
        return head

    def take_body(self) -> bytes:
        """Return what is here of the body, without the framing of chunks; `b""` if nothing is."""
        if self._step is None:
            data = self._cut(min(self._left, len(self._buffer)))
            self._left -= len(data)
            self.ended = not self._left
            return data
        while not self.ended and self._step():
            pass
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _cut(self, length: int) -> bytes:
        self._scanned = 0
        self._untouched = False
        if length == len(self._buffer):
            data = bytes(self._buffer)
            self._buffer.clear()
        else:
            data = bytes(self._buffer[:length])
            del self._buffer[:length]
        return data

    def _skip_empty_lines(self) -> None:
        while self._buffer.startswith(b"\r\n"):
            self._cut(2)
            self._empty_lines += 1
            if self._empty_lines > MOST_EMPTY_LINES:
                raise FramingError
        if self._buffer and self._buffer[0] <= 0x20 and self._buffer != b"\r":
            raise FramingError  # no request begins like this, whatever follows

    def _take_lines(self) -> bytes:
        """Return the lines up to and including the next empty line; `b""` if it is not here yet."""
        end = self._buffer.find(_END, self._scanned)
        if end < 0 and _FAULT.search(self._buffer, self._scanned):
            raise FramingError
        if (len(self._buffer) if end < 0 else end + 4) > self._limit:
            # A fault in front of the limit is the better reason.
            raise FramingError(400 if _FAULT.search(self._buffer, 0, max(end, 0)) else 431)
        if end < 0:
            # The next search begins here, so a head that comes byte by byte costs linear time.
            # Three bytes are kept: `_END` has four.
            self._scanned = max(0, len(self._buffer) - 3)
            return b""
        return self._cut(end + 4)

    # The steps of a body in chunks. Each returns whether it got what it needed.

    def _read_chunk_line(self) -> bool:
        end = self._buffer.find(b"\n", 0, MOST_CHUNK_LINE) + 1
        if not end:
            if len(self._buffer) >= MOST_CHUNK_LINE:
                raise FramingError
            return False
        line = _CHUNK_LINE.fullmatch(self._cut(end))
        if line is None:
            raise FramingError
        self._extensions += len(line["extensions"] or b"")
        if self._extensions > MOST_EXTENSIONS:
            raise FramingError
        self._left = int(line["size"], 16)
        self._step = self._read_chunk if self._left else self._read_trailers
        return True

    def _read_chunk(self) -> bool:
        data = self._cut(min(self._left, len(self._buffer)))
        if data:
            self._pieces.append(data)
        self._left -= len(data)
        if self._left:
            return False
        self._step = self._read_chunk_end
        return True

    def _read_chunk_end(self) -> bool:
        if not b"\r\n".startswith(self._buffer[:2]):
            raise FramingError
        if len(self._buffer) < 2:
            return False
        self._cut(2)
        self._step = self._read_chunk_line
        return True

    def _read_trailers(self) -> bool:
        """Read the trailers and drop them: no handler gets any."""
        trailers = self._cut(2) if self._buffer.startswith(b"\r\n") else self._take_lines()
        if not trailers:
            return False
        if _TRAILERS.fullmatch(trailers) is None:
            raise FramingError
        self.ended = True
        return True
