"""HTTP/1.1 as bytes: writes a request, reads a response. No I/O.

The caller owns the socket. One `ResponseReader` reads one response, so that nothing of an earlier
exchange can leak into a later one.

**Source.** RFC 9112 (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

import httptools
import httpx

MAX_OVERHEAD = 64 * 1024
"""The limit of bytes that are not body: a head with the interim answers before it; or, after the
head, chunk sizes, extensions and trailers."""

BODY_PAYS = 64
"""The bytes of overhead that each byte of body offsets. Honest upstreams send chunks of one byte
(six bytes of framing), and some sign each chunk. One byte of body per 60 KiB of extensions only
serves to evade the limit."""

RawHeaders = list[tuple[bytes, bytes]]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(rb"[^\x00\r\n]*")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_SET_HERE = frozenset({b"accept-encoding", b"content-length", b"transfer-encoding"})
_METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD", "CONNECT"})
_VERSIONS = {"1.0": b"HTTP/1.0", "1.1": b"HTTP/1.1"}
_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding", b"content-encoding"})
_UNENCODED = frozenset({b"", b"identity"})


class IncompleteResponse(httpx.RemoteProtocolError):
    """The connection ended before the response did."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The part of a response before its body."""

    status: int
    headers: RawHeaders = field(repr=False)
    reason: bytes = field(default=b"", repr=False)
    http_version: bytes = b"HTTP/1.1"


def write_head(
    request: httpx.Request, target: bytes, extra: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """Return the head of a request whose body has been read into `request.content`.

    **Raises.** As `head_bytes`.
    """
    headers = (*request.headers.raw, *extra)
    return head_bytes(request.method, target, headers, len(request.content))


def head_bytes(
    method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], length: int
) -> bytes:
    """Return the head of a request with a body of this length.

    The framing headers are set here and replace the request's own: the body is sent whole, and the
    response must come unencoded.

    **Raises.** `httpx.LocalProtocolError` for anything that would break out of its line (such as an
    API key that ends with a newline). The message names the header and never its value.
    """
    if not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("the request target has characters that HTTP does not allow")
    lines = [b"%s %s HTTP/1.1" % (method.encode("ascii"), target)]
    for name, value in headers:
        if name.lower() in _SET_HERE:
            continue
        if not (_TOKEN.fullmatch(name) and _FIELD_VALUE.fullmatch(value)):
            raise httpx.LocalProtocolError(f"the header {name!r} cannot be written as HTTP")
        lines.append(b"%s: %s" % (name, value))
    lines.append(b"Accept-Encoding: identity")
    if length or method not in _METHODS_WITHOUT_BODY:
        lines.append(b"Content-Length: %d" % length)
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


class ResponseReader:
    """Reads one response from bytes.

    **Shape.** `feed` and `feed_eof` take what the socket gave, and never raise. `take_head` returns
    the head once it is complete. `take_body` returns the body that has come since the last call, as
    one piece. `complete` is true once the response has ended by its own framing. `reusable` is true
    if the connection may then carry another exchange, or the requested tunnel.

    The parser keeps its strict defaults. A few things that it accepts are refused here: a status
    below 100, a transfer coding besides `chunked`, the version of another protocol.

    **Raises.** `httpx.RemoteProtocolError` from the two `take` methods, after everything before the
    fault has been taken. Its subclass `IncompleteResponse` means an early end.
    `httpx.DecodingError` for a body in an encoding that the request excluded.
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self._parser = httptools.HttpResponseParser(self)
        self._head: ResponseHead | None = None
        self._begin_head()
        self._body: list[bytes] = []
        self._body_size = 0
        self._overhead = 0
        self._ends_with_connection = False
        self._is_doubtful = False  # chunked, but HTTP/1.0 has no chunks (RFC 9112, section 6.1)
        self._failure: httpx.RequestError | None = None
        self.complete = False
        self.reusable = False

    def feed(self, data: bytes | bytearray) -> None:
        """Take the next bytes. After a fault it ignores everything."""
        if self._failure is not None:
            return
        in_head, body_before = self._head is None, self._body_size
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"not HTTP: {error}", error)
        body = self._body_size - body_before
        self._bound(self._overhead + len(data) - body, 0 if in_head else body, in_head)

    def feed_eof(self) -> None:
        """Take the end of the bytes. Only a body without a length may end like this."""
        if self._head is not None and self._ends_with_connection:
            self.complete = True
        elif not self.complete and self._failure is None:
            self._failure = IncompleteResponse("the connection ended before the response did")

    def let_go(self) -> None:
        """Free what refers to this reader, at the end of the exchange. Nothing is fed after this.

        The parser does, and so does the traceback of a failure that was raised here. A cycle would
        be freed by a collection only.
        """
        self._failure = None
        del self._parser

    def take_head(self) -> ResponseHead | None:
        """Return the head; None while it is incomplete."""
        if self._failure is not None and self._head is None:
            raise self._failure
        return self._head

    @property
    def all_taken(self) -> bool:
        """Whether the response is complete and all of its body has been taken."""
        return self.complete and not self._body

    @property
    def has_body(self) -> bool:
        """Whether a piece of the body can be taken now."""
        return bool(self._body)

    def take_body(self) -> bytes:
        """Return the body that has come since the last call; `b""` if there is none."""
        if not self._body:
            if self._failure is not None:
                raise self._failure
            return b""
        # Bytes that arrived together are passed on together, so they cost the readers one wake-up.
        piece = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        return piece

    # The callbacks of httptools. If one raises, httptools stops and raises its own exception.

    def on_message_begin(self) -> None:
        if self.complete:
            # Bytes after a complete answer make the connection unusable, not the answer.
            self.reusable = False

    def on_status(self, piece: bytes) -> None:
        if self._head is None:
            self._reason += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is not None:
            return  # a trailer
        value = value.rstrip(b" \t")
        self._headers.append((name, value))
        if (lowered := name.lower()) in _BODY_HEADERS:
            self._body_headers.append((lowered, value.lower()))

    def on_headers_complete(self) -> None:
        if self._head is not None:
            return
        status, version = self._parser.get_status_code(), self._parser.get_http_version()
        if version not in _VERSIONS:
            self._refuse("the answer is not HTTP/1.1")
        if status == 101:
            self._refuse("the upstream switched protocols without a request to do so")
        if status < 100:
            self._refuse("the status code is below 100")
        if status < 200:  # an interim answer; the final one follows
            self._begin_head()
        else:
            self._begin_body(ResponseHead(status, self._headers, self._reason, _VERSIONS[version]))

    def on_body(self, piece: bytes) -> None:
        if self.complete:
            self.reusable = False
        else:
            self._body.append(piece)
            self._body_size += len(piece)

    def on_message_complete(self) -> None:
        if self._head is not None and not self.complete:
            self.complete = True
            self.reusable = self._parser.should_keep_alive() and not self._is_doubtful

    def _begin_head(self) -> None:
        self._reason = b""
        self._headers: RawHeaders = []
        self._body_headers: RawHeaders = []  # in lower case

    def _begin_body(self, head: ResponseHead) -> None:
        codings = [value for name, value in self._body_headers if name == b"transfer-encoding"]
        encodings = [value for name, value in self._body_headers if name == b"content-encoding"]
        if codings not in ([], [b"chunked"]):
            self._refuse("a transfer encoding other than chunked, or a repeated one")
        has_body = self._method not in ("HEAD", "CONNECT") and head.status not in (204, 304)
        if has_body and not _UNENCODED.issuperset(encodings):
            self._refuse(
                "compressed although the request allows identity only", httpx.DecodingError
            )
        self._head = head
        # Neither a length nor chunks.
        self._ends_with_connection = len(self._body_headers) == len(encodings)
        self._is_doubtful = bool(codings) and head.http_version == b"HTTP/1.0"
        # The parser does not know that no body follows, whatever the headers say. So the answer to
        # a HEAD ends here, and after the answer to a CONNECT the bytes belong to the tunnel.
        is_tunnel = self._method == "CONNECT" and head.status < 300
        self.complete = is_tunnel or self._method == "HEAD"
        self.reusable = is_tunnel

    def _bound(self, overhead: int, body: int, in_head: bool) -> None:
        """Update the count of bytes that are not body, and fail if there are too many."""
        overhead -= body * BODY_PAYS
        self._overhead = overhead if overhead > 0 else 0
        if overhead > MAX_OVERHEAD:
            if in_head:
                # A head that is too long fails even if its end came with the last read: the size of
                # the reads must not decide.
                self._head, self.complete = None, False
            self._fail(f"more than {MAX_OVERHEAD} bytes of headers, trailers or chunk extensions")
        elif in_head and self._head is not None:
            self._overhead = 0  # the count starts again for the body

    def _refuse(
        self, message: str, kind: type[httpx.RequestError] = httpx.RemoteProtocolError
    ) -> NoReturn:
        """Fail from inside a callback. The exception stops the parser at the fault."""
        self._failure = kind(message)
        raise ValueError(message)

    def _fail(self, message: str, cause: Exception | None = None) -> None:
        """Record the first fault. After a complete answer it only makes the connection unusable."""
        if self.complete:
            self.reusable = False
        elif self._failure is None:
            self._failure = httpx.RemoteProtocolError(message)
            self._failure.__cause__ = cause
