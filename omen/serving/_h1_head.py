"""The head of an HTTP/1.1 request: its grammar, and the fields on which the server acts. Pure.

One regular expression describes a whole head. Everything it does not describe is refused: bare line
feeds, folded lines, control characters, white space in front of a colon, other versions. So there
is no second parser that could read the same bytes in another way, and no list of faults that could
be incomplete.

**Source.** RFC 9112 sections 2.2 (line ends), 2.3 (version), 3 (request line), 5 (fields, folding),
6.1 to 6.3 (length of a body), 9.3 (persistence), RFC 9110 sections 2.5 (minor versions), 5.5 (field
values), 5.6.2 (tokens), 7.2 (`Host`), 10.1.1 (`Expect`), read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Field = tuple[bytes, bytes]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# The quantifiers are possessive (`++`, `*+`): the match never goes back, so its time is linear.
_HEAD = re.compile(
    rb"(?P<method>%b) (?P<target>[\x21-\x7e]++) HTTP/1\.(?P<minor>[0-9])\r\n"
    rb"(?P<fields>(?:%b:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+)\r\n" % (_TOKEN, _TOKEN)
)
_REQUEST_LINE = re.compile(rb"[^\r\n ]+ [^\r\n ]+ HTTP/(?P<major>[0-9])\.[0-9]\r\n")
_LENGTH = re.compile(rb"[0-9]{1,18}")

_ONLY_ONCE = frozenset({b"host", b"content-length", b"transfer-encoding"})
_LISTS = frozenset({b"connection", b"upgrade", b"expect"})
_NOTED = _ONLY_ONCE | _LISTS
_NONE: frozenset[bytes] = frozenset()


class FramingError(Exception):
    """The client sent bytes that are not a request, or that can be read in two ways.

    `status` is the status of the answer. Later bytes on this connection cannot be trusted.
    """

    def __init__(self, status: int = 400) -> None:
        super().__init__(f"a request that is answered {status}")
        self.status = status


@dataclass(slots=True)
class Head:
    """The head of a request. `headers` has the names in lower case, in the order of arrival."""

    method: bytes
    target: bytes
    version: str
    """`1.0` or `1.1`. A newer minor version is read as 1.1."""
    headers: Sequence[Field]
    host: bytes | None
    length: int
    """The number of bytes of the body; 0 if it comes in chunks."""
    chunked: bool
    connection: frozenset[bytes]
    """The options of the `Connection` fields, in lower case."""
    upgrade: frozenset[bytes]
    """The protocols of the `Upgrade` fields, in lower case."""
    expects_continue: bool
    """Whether the client waits for a 100 before it sends the body."""

    @property
    def has_body(self) -> bool:
        return self.chunked or self.length > 0

    @property
    def is_last(self) -> bool:
        """Whether the client expects the connection to close after the response."""
        # The `keep-alive` of HTTP/1.0 is not supported: a proxy that does not know it may pass it
        # on, and then wait for the end of a connection that stays open (RFC 9112, appendix C.2.2).
        return self.version == "1.0" or b"close" in self.connection


def read_head(data: bytes) -> Head:
    """Return the head that these bytes are. They end with the first empty line.

    **Raises.** `FramingError` with the status 400, 501 for an unknown transfer coding, or 505 for
    another major version.
    """
    match = _HEAD.fullmatch(data)
    if match is None or match["method"] == b"PRI":
        # `PRI` begins HTTP/2's preface, which counts only as the first bytes of a connection.
        raise FramingError(_status_of(data))
    headers, noted = _read_fields(match["fields"])
    version = "1.0" if match["minor"] == b"0" else "1.1"
    host = noted.get(b"host")
    if host is None and version == "1.1":
        raise FramingError
    length, chunked = _read_framing(noted, version)
    return Head(
        match["method"],
        match["target"],
        version,
        headers,
        host,
        length,
        chunked,
        _tokens(noted, b"connection"),
        _tokens(noted, b"upgrade"),
        version == "1.1" and b"100-continue" in _tokens(noted, b"expect"),
    )


def _status_of(data: bytes) -> int:
    line = _REQUEST_LINE.match(data)
    other = line is not None and line["major"] != b"1" and not data.startswith(b"PRI ")
    return 505 if other else 400


def _read_fields(lines: bytes) -> tuple[list[Field], dict[bytes, bytes]]:
    """Return all fields, and those on which the server acts, by name."""
    headers: list[Field] = []
    noted: dict[bytes, bytes] = {}
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        headers.append((name, value))
        if name in _NOTED:
            if name not in noted:
                noted[name] = value
            elif name in _ONLY_ONCE:
                raise FramingError  # even if both are equal
            else:
                noted[name] += b"," + value
    return headers, noted


def _read_framing(noted: dict[bytes, bytes], version: str) -> tuple[int, bool]:
    """Return the length of the body, and whether it comes in chunks."""
    length, coding = noted.get(b"content-length"), noted.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or version == "1.0":
            raise FramingError  # a proxy may believe the length, or know no chunks
        if coding.lower() != b"chunked":
            raise FramingError(501)
        return 0, True
    if length is None:
        return 0, False
    if _LENGTH.fullmatch(length) is None:
        raise FramingError
    return int(length), False


def _tokens(noted: dict[bytes, bytes], name: bytes) -> frozenset[bytes]:
    value = noted.get(name)
    if value is None:
        return _NONE
    return frozenset([token.strip(b" \t") for token in value.lower().split(b",")])
