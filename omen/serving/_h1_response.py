"""One HTTP/1.1 response as bytes. Pure.

**Framing.** The body has the length that the application gave. Without one it is sent in chunks, or
until the end of the connection to a client of HTTP/1.0. The server decides this, so a
`Transfer-Encoding` of the application is dropped. The head waits for the first part of the body: an
application sends both right after one another, and joined they are one packet.

**Source.** RFC 9112 sections 4 (status line), 6 and 7.1 (framing), 9.6 (`close`), RFC 9110 sections
8.6 (`Content-Length`) and 9.3.2 (`HEAD`), read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from time import time
from wsgiref.handlers import format_date_time

from omen.serving._h1_head import Field

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

_FIELDS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++: [^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_OPTIONS = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z, \t]*+")
_STATUS_LINES = {
    int(status): b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus
}
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_PERSISTENCE = frozenset({b"close", b"keep-alive"})
_WITHOUT_BODY = frozenset({204, 304})


class ResponseError(Exception):
    """The application's message breaks a rule of HTTP: this response cannot be sent as it is."""


class Response:
    """The bytes of one response, made from the application's messages.

    **Shape.** `begin` once, then `write` until `complete`. An application that gave a length and
    sends more gets one `ResponseError`; the rest is dropped, so that the client sees a response
    that is too short, and never a wrong one.
    """

    __slots__ = ("_chunked", "_head", "_left", "_old", "_without_body", "begun", "closes",
                 "complete", "sent", "spoilt")  # fmt: skip

    def __init__(self, method: bytes, version: str, *, closes: bool) -> None:
        self.closes = closes
        """Whether the connection ends with this response."""
        self.begun = False
        self.sent = False
        """Whether a part of the response was returned to be sent."""
        self.complete = False
        self.spoilt = False
        """Whether the application broke a rule, so that the response cannot be completed."""
        self._without_body = method == b"HEAD"
        self._old = version == "1.0"
        self._head = b""
        self._chunked = False
        self._left: int | None = None

    def begin(self, status: int, headers: Iterable[Field]) -> None:
        """Prepare the head. It is sent with the first part of the body.

        **Raises.** `ResponseError`.
        """
        if not 200 <= status <= 999:
            raise ResponseError("the status is not that of a final response")
        if status in _WITHOUT_BODY:
            self._without_body = True
        lines, length, options = _read_headers(headers)
        if length is not None and status != HTTPStatus.NO_CONTENT:
            lines.append(b"content-length: %d\r\n" % length)
        if length is None and status not in _WITHOUT_BODY:
            if self._old:
                self.closes = True
            else:
                self._chunked = True
                lines.append(b"transfer-encoding: chunked\r\n")
        self._left = length
        self.closes = self.closes or b"close" in options
        if self.closes:
            options = [*(option for option in options if option not in _PERSISTENCE), b"close"]
        if options:
            lines.append(b"Connection: %b\r\n" % b", ".join(options))
        self._head = b"".join([status_line(status), *lines, date_line(), b"\r\n"])
        self.begun = True

    def write(self, body: bytes, *, more: bool) -> bytes:
        """Return the bytes to send for a part of the body; `more` parts come after it.

        **Raises.** `ResponseError` if this is more than the length, or the last part of less.
        """
        if self.spoilt:
            return b""
        head, self._head = self._head, b""
        try:
            data = b"" if self._without_body else self._frame(body, more)
        except ResponseError:
            self._head, self.spoilt = head, True
            raise
        if not more:
            self.complete = True
        elif not data:
            self._head = head
            return b""
        self.sent = True
        return head + data if head else data

    def _frame(self, body: bytes, more: bool) -> bytes:
        if self._chunked:
            if not body:
                return b"" if more else LAST_CHUNK
            return (b"%x\r\n%b\r\n" if more else b"%x\r\n%b\r\n0\r\n\r\n") % (len(body), body)
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0:
                raise ResponseError("the body is longer than its content-length")
            if self._left and not more:
                raise ResponseError("the body is shorter than its content-length")
        return bytes(body)


def whole_response(
    status: int,
    headers: Iterable[Field] = (),
    body: bytes = b"",
    *,
    closes: bool = True,
    without_body: bool = False,
) -> bytes:
    """Return a response of the server's own; `without_body` for a `HEAD`.

    `headers` may include the length of the body.
    """
    lines = [b"%b: %b\r\n" % field for field in headers if field[0] != b"content-length"]
    lines.append(b"content-length: %d\r\n" % len(body))
    if closes:
        lines.append(b"connection: close\r\n")
    return b"".join(
        [status_line(status), *lines, date_line(), b"\r\n", b"" if without_body else body]
    )


def switching_response(headers: Iterable[Field]) -> bytes:
    """Return the 101 after which the connection speaks another protocol.

    **Raises.** `ResponseError` if a header is malformed.
    """
    lines = [b"%b: %b\r\n" % field for field in headers]
    _check(lines)
    return b"".join([status_line(101), *lines, date_line(), b"\r\n"])


def status_line(status: int) -> bytes:
    """Return the first line of a response."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def date_line() -> bytes:
    """Return the `Date` field of now. It is made once a second."""
    now = int(time())
    if _clock.second != now:
        _clock.second, _clock.line = now, b"date: %b\r\n" % format_date_time(now).encode("ascii")
    return _clock.line


class _Clock:
    second = -1
    line = b""


_clock = _Clock()


def _read_headers(headers: Iterable[Field]) -> tuple[list[bytes], int | None, list[bytes]]:
    """Return the lines of the headers, the length of the body, and the options of `Connection`.

    **Raises.** `ResponseError` if one is malformed.
    """
    lines: list[bytes] = []
    lengths: list[bytes] = []
    options: list[bytes] = []
    for name, value in headers:
        lowered = name.lower()
        if lowered not in _FRAMING:
            lines.append(b"%b: %b\r\n" % (name, value))
        elif lowered == b"content-length":
            lengths.append(value)
        elif lowered == b"connection":
            if _OPTIONS.fullmatch(value) is None:
                raise ResponseError("the connection header is not a list of tokens")
            options += filter(None, map(bytes.strip, value.lower().split(b",")))
    _check(lines)
    if len(lengths) > 1 or (lengths and _LENGTH.fullmatch(lengths[0]) is None):
        raise ResponseError("the content-length is not one number")
    return lines, int(lengths[0]) if lengths else None, options


def _check(lines: list[bytes]) -> None:
    text = b"".join(lines)
    # The count: a line end inside a value would make two lines of one.
    if _FIELDS.fullmatch(text) is None or text.count(b"\n") != len(lines):
        raise ResponseError("a header has characters that HTTP does not allow")
