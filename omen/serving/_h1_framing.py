"""Where an HTTP/1.1 request ends, decided strictly. Pure; it knows no fields but those of framing.

Two parsers that disagree about where a request ends are how one client's bytes become the start of
another client's request ("request smuggling"). h11 is lenient in many places where RFC 9112 lets a
server choose: bare line feeds, folded lines, lists of equal lengths, a length beside chunks, any
version. Here everything that a proxy in front of us might read in another way is refused, and the
connection closes. h11 is handed nothing but one request at a time, in a form that has one reading.

**Source.** RFC 9112 sections 2.2 (line ends, empty lines in front), 2.3 (version), 5.2 (folding),
6.1 and 6.3 (length of a body), 7.1 (chunks), RFC 9110 section 2.5 (minor versions), read
2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
"""How HTTP/2 begins, as far as it looks like the head of a request."""

MOST_EMPTY_LINES = 32
"""Empty lines in front of a request that are ignored. Some clients send one after a body."""
MOST_CHUNK_LINE = 4096
"""Bytes of the line in front of a chunk."""
MOST_EXTENSIONS = 16 * 1024
"""Bytes of all chunk extensions of a body. They are ignored, and nobody needs them."""

# The end of some lines, or what may not be in them: a folded line, a NUL, a CR or an LF alone.
_END_OR_FAULT = re.compile(rb"(?P<end>\r\n\r\n)|\r\n[ \t]|\0|\r(?=[^\n])|(?<!\r)\n")
_REQUEST_LINE = re.compile(rb"[^\r ]+ [^\r ]+ HTTP/(?P<major>[0-9])\.(?P<minor>[0-9])\r\n")
_FRAMING_FIELD = re.compile(rb"\r\n(?i:(content-length)|(transfer-encoding)):[ \t]*([^\r]*)")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK_LINE = re.compile(
    rb"(?P<size>[0-9A-Fa-f]{1,16})(?P<extensions>[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n"
)


class FramingError(Exception):
    """The client sends what is no request, or one that could be read in two ways.

    `status` is what to answer. Nothing that comes behind it on the connection can be trusted.
    """

    def __init__(self, status: int = 400) -> None:
        super().__init__(f"a request that is answered {status}")
        self.status = status


class Framing:
    """Holds what a client has sent, and gives it out request by request.

    **Shape.** `receive` what comes; `take` until it returns nothing. At the end of a request it
    returns nothing more until `begin_next`. What was sent ahead is held meanwhile.
    """

    def __init__(self, limit: int) -> None:
        """Hold at most `limit` bytes of a head, and as many of trailers."""
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._left = 0
        self._empty_lines = 0
        self._extensions = 0
        self._read: Callable[[], bytes] = self._read_head

    @property
    def held(self) -> int:
        """How many bytes are held."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Hold what has come."""
        self._buffer += data

    def take(self) -> bytes:
        """Return bytes that belong to this request, `b""` when more of it has to come.

        **Raises.** `FramingError`.
        """
        return self._read()

    def begin_next(self) -> None:
        """Go on to the next request."""
        self._read = self._read_head
        self._empty_lines = self._extensions = 0

    def speak_something_else(self) -> None:
        """Give out what comes as it is, because HTTP/1.1 has ended here."""
        self._read = self.take_all

    def is_preface(self) -> bool:
        """Return whether what is held is HTTP/2's greeting, as far as it looks like a request."""
        return self._buffer.startswith(PREFACE)

    def take_all(self) -> bytes:
        """Return everything that is held."""
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
            raise FramingError  # Whatever this is, no line end has to be waited for.
        head = self._read_lines()
        if head:
            head = _judge_version(head)
            self._find_body(head)
        return head

    def _read_lines(self) -> bytes:
        """Return lines up to an empty one, and that."""
        found = _END_OR_FAULT.search(self._buffer, self._scanned)
        if found is not None and found["end"] is None:
            raise FramingError
        if (len(self._buffer) if found is None else found.end()) > self._limit:
            raise FramingError(431)
        if found is None:
            self._scanned = max(0, len(self._buffer) - 3)
            return b""
        return self._cut(found.end())

    def _find_body(self, head: bytes) -> None:
        fields = _FRAMING_FIELD.findall(head)
        if not fields:
            self._read = self._at_end
            return
        if len(fields) > 1:
            raise FramingError  # Two lengths, even equal ones, or a length and chunks.
        length, _, value = fields[0]
        if length:
            if _LENGTH.fullmatch(value.rstrip(b" \t")) is None:
                raise FramingError
            self._left = int(value)
            self._read = self._read_length if self._left else self._at_end
        elif head.partition(b"\r\n")[0].endswith(b"1.0"):
            raise FramingError
        else:
            # What h11 accepts is `chunked`; anything else is 501 there.
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
    """Return the head, with the newest minor version we know in place of a newer one."""
    line = _REQUEST_LINE.match(head)
    if line is None or head.startswith(b"PRI "):
        raise FramingError  # The greeting of HTTP/2 is none behind other bytes, or with fields.
    if line["major"] != b"1":
        raise FramingError(505)
    if line["minor"] > b"1":
        return head[: line.start("minor")] + b"1" + head[line.end("minor") :]
    return head
