"""Where an HTTP/1.1 request ends, decided strictly. Pure. It reads only the fields of framing.

If two parsers disagree about where a request ends, bytes of one client can become the start of
another client's request ("request smuggling"). h11 is lenient in many places where RFC 9112 lets a
server choose: bare line feeds, folded lines, lists of equal lengths, a length beside chunks, any
version. This module refuses everything that a proxy in front of us might interpret differently,
and the connection is closed. h11 gets one request at a time, in an unambiguous form.

**Source.** RFC 9112 sections 2.2 (line ends, empty lines in front), 2.3 (version), 5.2 (folding),
6.1 and 6.3 (length of a body), 7.1 (chunks), RFC 9110 section 2.5 (minor versions), read
2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
"""The part of HTTP/2's preface that looks like the head of a request."""

MOST_EMPTY_LINES = 32
"""Empty lines in front of a request that are ignored. Some clients send one after a body."""
MOST_CHUNK_LINE = 4096
"""Bytes of the line in front of a chunk."""
MOST_EXTENSIONS = 16 * 1024
"""Bytes of all chunk extensions of a body. They are ignored, and no known client needs them."""

# The empty line that ends a head, or a fault in it: a folded line, a NUL, a CR or an LF alone.
_END_OR_FAULT = re.compile(rb"(?P<end>\r\n\r\n)|\r\n[ \t]|\0|\r(?=[^\n])|(?<!\r)\n")
_REQUEST_LINE = re.compile(rb"[^\r ]+ [^\r ]+ HTTP/(?P<major>[0-9])\.(?P<minor>[0-9])\r\n")
_FRAMING_FIELD = re.compile(rb"\r\n(?i:(content-length)|(transfer-encoding)):[ \t]*([^\r]*)")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK_LINE = re.compile(
    rb"(?P<size>[0-9A-Fa-f]{1,16})(?P<extensions>[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n"
)


class FramingError(Exception):
    """The client sent bytes that are not a request, or that can be read in two ways.

    `status` is the status of the answer. Later bytes on this connection cannot be trusted.
    """

    def __init__(self, status: int = 400) -> None:
        super().__init__(f"a request that is answered {status}")
        self.status = status


class Framing:
    """A buffer for a client's bytes, which returns them request by request.

    **Shape.** `receive` adds bytes. `take` is called until it returns nothing. After the end of a
    request it returns nothing until `begin_next`; bytes that were sent ahead are held meanwhile.
    """

    def __init__(self, limit: int) -> None:
        """`limit` is the number of bytes that a head may have, and also that trailers may have."""
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._left = 0
        self._empty_lines = 0
        self._extensions = 0
        self._read: Callable[[], bytes] = self._read_head

    @property
    def held(self) -> int:
        """The number of bytes that are held."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Add bytes that arrived."""
        self._buffer += data

    def take(self) -> bytes:
        """Return bytes that belong to this request; `b""` if it needs more bytes, or has ended.

        **Raises.** `FramingError`.
        """
        return self._read()

    def begin_next(self) -> None:
        """Begin with the next request."""
        self._read = self._read_head
        self._empty_lines = self._extensions = 0

    def pass_through(self) -> None:
        """Return all later bytes unchanged: the connection no longer speaks HTTP/1.1."""
        self._read = self.take_all

    def is_preface(self) -> bool:
        """Return whether the held bytes begin with the request-like part of HTTP/2's preface."""
        return self._buffer.startswith(PREFACE)

    def take_all(self) -> bytes:
        """Return all held bytes."""
        return self._cut(len(self._buffer))

    def _cut(self, length: int) -> bytes:
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._scanned = 0
        return data

    def _read_head(self) -> bytes:
        while self._buffer.startswith(b"\r\n"):
            self._cut(2)
            self._empty_lines += 1
            if self._empty_lines > MOST_EMPTY_LINES:
                raise FramingError
        if self._buffer and self._buffer[0] <= 0x20 and self._buffer != b"\r":
            raise FramingError  # no request begins like this, whatever follows
        head = self._read_lines()
        if head:
            head = _judge_version(head)
            self._find_body(head)
        return head

    def _read_lines(self) -> bytes:
        """Return the lines up to and including the next empty line; `b""` if it is not here yet."""
        match = _END_OR_FAULT.search(self._buffer, self._scanned)
        if match is not None and match["end"] is None:
            raise FramingError
        if (len(self._buffer) if match is None else match.end()) > self._limit:
            raise FramingError(431)
        if match is None:
            # The next search begins here, so a head that comes byte by byte costs linear time.
            # Three bytes are kept: the pattern of the end has four.
            self._scanned = max(0, len(self._buffer) - 3)
            return b""
        return self._cut(match.end())

    def _find_body(self, head: bytes) -> None:
        fields = _FRAMING_FIELD.findall(head)
        if not fields:
            self._read = self._at_end
            return
        if len(fields) > 1:
            raise FramingError  # two lengths, even if they are equal, or a length and chunks
        length, _, value = fields[0]
        if length:
            if _LENGTH.fullmatch(value.rstrip(b" \t")) is None:
                raise FramingError
            self._left = int(value)
            self._read = self._read_length if self._left else self._at_end
        elif head.partition(b"\r\n")[0].endswith(b"1.0"):
            raise FramingError
        else:
            # h11 accepts only `chunked`, and answers any other coding with 501.
            self._read = self._read_chunk_line

    def _read_length(self) -> bytes:
        data = self._cut(min(self._left, len(self._buffer)))
        self._left -= len(data)
        if not self._left:
            self._read = self._at_end
        return data

    def _read_chunk_line(self) -> bytes:
        end = self._buffer.find(b"\n", 0, MOST_CHUNK_LINE) + 1
        if not end:
            if len(self._buffer) >= MOST_CHUNK_LINE:
                raise FramingError
            return b""
        line = _CHUNK_LINE.fullmatch(self._cut(end))
        if line is None:
            raise FramingError
        self._extensions += len(line["extensions"] or b"")
        if self._extensions > MOST_EXTENSIONS:
            raise FramingError
        self._left = int(line["size"], 16)
        self._read = self._read_chunk if self._left else self._read_trailers
        return line["size"] + b"\r\n"

    def _read_chunk(self) -> bytes:
        data = self._cut(min(self._left, len(self._buffer)))
        self._left -= len(data)
        if not self._left:
            self._read = self._read_chunk_end
        return data

    def _read_chunk_end(self) -> bytes:
        if not b"\r\n".startswith(self._buffer[:2]):
            raise FramingError
        if len(self._buffer) < 2:
            return b""
        self._read = self._read_chunk_line
        return self._cut(2)

    def _read_trailers(self) -> bytes:
        if self._buffer.startswith(b"\r\n"):
            trailers = self._cut(2)
        elif not (trailers := self._read_lines()):
            return b""
        self._read = self._at_end
        return trailers

    def _at_end(self) -> bytes:
        return b""


def _judge_version(head: bytes) -> bytes:
    """Return the head. A minor version newer than 1 is replaced by 1, the newest that h11 knows."""
    line = _REQUEST_LINE.match(head)
    if line is None or head.startswith(b"PRI "):
        raise FramingError  # HTTP/2's preface is not valid after other bytes, or with fields
    if line["major"] != b"1":
        raise FramingError(505)
    if line["minor"] > b"1":
        return head[: line.start("minor")] + b"1" + head[line.end("minor") :]
    return head
