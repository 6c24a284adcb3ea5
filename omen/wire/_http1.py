"""HTTP/1.1 as bytes: a request written, a response read. No I/O.

Whoever uses it owns the socket. One `ResponseReader` reads one response, so that nothing of an
earlier exchange can leak into a later one.

**Source.** RFC 9112 (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import httptools
import httpx

MAX_OVERHEAD = 64 * 1024
"""Bytes that may come without being body: a head with the interim answers before it, or chunk
extensions and trailers."""

RawHeaders = list[tuple[bytes, bytes]]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(rb"[^\x00\r\n]*")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_OURS = frozenset({b"accept-encoding", b"content-length", b"transfer-encoding"})
_METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD", "CONNECT"})


class IncompleteResponse(httpx.RemoteProtocolError):
    """The connection ended before the response did."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What comes before the body."""

    status: int
    headers: RawHeaders = field(repr=False)


def write_head(
    request: httpx.Request, target: bytes, extra: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """Write the head of a request whose body has been read into `request.content`.

    The framing headers are ours: the body goes out whole, and must come back unencoded.

    **Raises.** `httpx.LocalProtocolError` for anything that would break out of its line (an API
    key with a newline behind it, say); the message names the header and never its value.
    """
    if not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("the request target has characters that HTTP does not allow")
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), target)]
    for name, value in (*request.headers.raw, *extra):
        if name.lower() in _OURS:
            continue
        if not (_TOKEN.fullmatch(name) and _FIELD_VALUE.fullmatch(value)):
            raise httpx.LocalProtocolError(f"the header {name!r} cannot be written as HTTP")
        lines.append(b"%s: %s" % (name, value))
    lines.append(b"Accept-Encoding: identity")
    if request.content or request.method not in _METHODS_WITHOUT_BODY:
        lines.append(b"Content-Length: %d" % len(request.content))
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


class ResponseReader:
    """Reads one response out of bytes.

    **Shape.** `feed` and `feed_eof` take what the socket gave and never raise; `take_head` gives
    the head once it is there, `take_body` whatever body has come since the last time, as one
    piece. `complete` is true once the response has ended by its own framing, `reusable` if the
    connection is then fit for another exchange.

    **Raises.** `httpx.RemoteProtocolError` from the two `take` methods, when all that came before
    the fault has been taken; `IncompleteResponse` is the one that means an early end.
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self._parser = httptools.HttpResponseParser(self)
        self._head: ResponseHead | None = None
        self._headers: RawHeaders = []
        self._body: list[bytes] = []
        self._overhead = 0
        self._ends_with_connection = False
        self._failure: httpx.RemoteProtocolError | None = None
        self.complete = False
        self.reusable = False

    def feed(self, data: bytes | bytearray) -> None:
        """Take the next bytes."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"not HTTP: {error}", error)
        self._overhead = 0 if self._body else self._overhead + len(data)
        if self._overhead > MAX_OVERHEAD:
            self._fail(f"more than {MAX_OVERHEAD} bytes of headers, trailers or chunk extensions")

    def feed_eof(self) -> None:
        """Take the end of the bytes, which is a proper end only for a body without a length."""
        if self._head is not None and self._ends_with_connection:
            self.complete = True
        elif not self.complete and self._failure is None:
            self._failure = IncompleteResponse("the connection ended before the response did")

    def take_head(self) -> ResponseHead | None:
        """Give the head, None while it is still on its way."""
        if self._failure is not None and self._head is None:
            raise self._failure
        return self._head

    def take_body(self) -> bytes:
        """Give the body that came since, `b""` when none did."""
        if not self._body:
            if self._failure is not None:
                raise self._failure
            return b""
        # What arrived together travels together: one piece costs its readers one wake-up.
        piece = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        return piece

    # What httptools calls.

    def on_message_begin(self) -> None:
        if self.complete:
            self.reusable = False  # bytes behind a good answer spoil the connection, not the answer

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is None:  # else it is a trailer
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._head is not None:
            return
        if self._parser.get_http_version() not in ("1.0", "1.1"):
            self._fail("the answer is not HTTP/1.1")
        elif status == 101:
            self._fail("the upstream switched protocols unasked")
        elif status < 200:
            self._headers.clear()  # an interim answer: the real one is still to come
        else:
            self._begin_body(ResponseHead(status, self._headers))

    def on_body(self, piece: bytes) -> None:
        if not self.complete:
            self._body.append(piece)

    def on_message_complete(self) -> None:
        if self._head is not None and not self.complete:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()

    def _begin_body(self, head: ResponseHead) -> None:
        fields = {name.lower(): value for name, value in head.headers}
        coding = fields.get(b"transfer-encoding")
        if coding is not None and coding.lower() != b"chunked":
            self._fail("a transfer encoding other than chunked")
            return
        self._head = head
        self._ends_with_connection = coding is None and b"content-length" not in fields
        if self._method == "HEAD" or (self._method == "CONNECT" and head.status < 300):
            # The parser does not know that no body follows, whatever the headers say.
            self.complete = True

    def _fail(self, message: str, cause: Exception | None = None) -> None:
        """Keep the first fault. What comes behind a complete answer is none of it."""
        if self._failure is None and not self.complete:
            self._failure = httpx.RemoteProtocolError(message)
            self._failure.__cause__ = cause
