"""Where a request ends has one reading only, however its bytes arrive."""

from __future__ import annotations

import pytest

from omen.serving._h1_framing import (
    MOST_CHUNK_LINE,
    MOST_EMPTY_LINES,
    MOST_EXTENSIONS,
    Framing,
)
from omen.serving._h1_head import FramingError, Head

LIMIT = 2000
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def head(*fields: bytes, line: bytes = b"POST /a HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: x", *fields, b"", b""])


CHUNKED = head(b"Transfer-Encoding: chunked")


def requests_in(sent: bytes, piece: int = 10**6) -> list[tuple[Head, bytes]]:
    """Return the requests in these bytes, each with its body. The last one must be complete."""
    framing = Framing(LIMIT)
    requests: list[tuple[Head, bytes]] = []
    head, body = None, b""
    for start in range(0, len(sent), piece):
        framing.receive(sent[start : start + piece])
        while head is not None or (head := framing.take_head()) is not None:
            if not framing.ended:
                body += framing.take_body()
            if not framing.ended:
                break
            requests.append((head, body))
            head, body = None, b""
            framing.begin_next()
    assert head is None
    assert framing.held == 0
    return requests


WHOLE = {
    "no body": (GET, b""),
    "a length": (head(b"Content-Length: 5") + b"abcde", b"abcde"),
    "a length of nothing": (head(b"Content-Length: 0"), b""),
    "a length with spaces around it": (head(b"Content-Length: \t 5 \t") + b"abcde", b"abcde"),
    "a length in front of other fields": (head(b"content-length: 2", b"x: y") + b"ab", b"ab"),
    "a body with line ends": (
        head(b"Content-Length: 8") + b"\r\n\r\n\n\n\0\r",
        b"\r\n\r\n\n\n\0\r",
    ),
    "chunks": (
        CHUNKED + b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
        b"abc0123456789",
    ),
    "chunks with line ends": (CHUNKED + b"4\r\n\r\n\n\0\r\n0\r\n\r\n", b"\r\n\n\0"),
    "no chunks": (CHUNKED + b"0\r\n\r\n", b""),
    "a chunk size with zeros in front": (CHUNKED + b"0003\r\nabc\r\n000\r\n\r\n", b"abc"),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\nx-a: b\r\nx-c: d\r\n\r\n", b"a"),
    "extensions": (CHUNKED + b'1;a=b; c="d"\r\nx\r\n0 ;last\r\n\r\n', b"x"),
    "a value that looks like a length": (head(b"x: content-length: 5"), b""),
    "a name that ends like a length": (head(b"x-content-length: 5"), b""),
    "a value of high bytes": (head(b"x: \xff\xfe"), b""),
    "an empty value": (head(b"x:"), b""),
    "HTTP/1.0": (b"GET /a HTTP/1.0\r\n\r\n", b""),
}


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 10**6])
@pytest.mark.parametrize("name", WHOLE)
def test_a_request_ends_where_it_says_and_the_next_one_begins_there(name: str, piece: int) -> None:
    sent, body = WHOLE[name]
    (request,) = requests_in(sent)
    assert request[1] == body
    assert requests_in(sent + sent + GET, piece) == [request, request, *requests_in(GET)]


@pytest.mark.parametrize("piece", [1, 3, 10**6])
def test_empty_lines_in_front_of_a_request_are_ignored(piece: int) -> None:
    ahead = b"\r\n" * MOST_EMPTY_LINES
    assert requests_in(ahead + GET + ahead + GET, piece) == requests_in(GET) * 2


@pytest.mark.parametrize("version", [b"1.2", b"1.9"])
def test_a_newer_minor_version_is_read_as_the_newest_that_is_known(version: bytes) -> None:
    """RFC 9110, section 2.5. With it comes what 1.1 demands: a host, above all."""
    assert requests_in(GET.replace(b"1.1", version)) == requests_in(GET)


def test_a_head_is_its_line_and_its_fields() -> None:
    ((read, _),) = requests_in(
        b"POST /a?b HTTP/1.1\r\nHost: x:80\r\nX-A: 1\r\nx-a:\t2 \r\nConnection: a, Close\r\n"
        b"connection: Upgrade\r\nUpgrade: foo/2\r\nupgrade: WebSocket\r\n"
        b"Expect: 100-Continue\r\nContent-Length: 0\r\n\r\n"
    )
    assert (read.method, read.target, read.version) == (b"POST", b"/a?b", "1.1")
    assert read.headers[:3] == [(b"host", b"x:80"), (b"x-a", b"1"), (b"x-a", b"2")]
    assert read.host == b"x:80"
    assert read.connection == {b"a", b"close", b"upgrade"}
    assert read.upgrade == {b"foo/2", b"websocket"}
    assert read.expects_continue
    assert read.is_last


def test_a_connection_goes_on_after_http_1_1_and_ends_after_http_1_0() -> None:
    """Even with `keep-alive`: a proxy of that age may pass the word on without knowing it."""
    old = b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n"
    (new, _), (last, _) = requests_in(GET + old)
    assert not new.is_last
    assert last.is_last
    assert not last.expects_continue


REFUSED = {
    # Line ends
    "bare line feeds": b"GET /a HTTP/1.1\nHost: x\n\n",
    "one bare line feed": b"GET /a HTTP/1.1\r\nHost: x\nx: y\r\n\r\n",
    "a line feed that ends the head": b"GET /a HTTP/1.1\r\nHost: x\r\n\n",
    "a bare carriage return": head(b"x: a\rb"),
    "a carriage return too many": head(b"x: a\r"),
    "a carriage return that ends a line": b"GET /a HTTP/1.1\rHost: x\r\n\r\n",
    "a folded field": head(b"x: a\r\n b"),
    "a field folded by a tab": head(b"x: a\r\n\tb"),
    "a space in front of the first field": b"GET /a HTTP/1.1\r\n Host: x\r\n\r\n",
    "a NUL in a value": head(b"x: a\0b"),
    "a NUL in a name": head(b"x\0: a"),
    "a control character in a value": head(b"x: a\x01b"),
    "a DEL in a value": head(b"x: a\x7f"),
    "a vertical tab in a value": head(b"x: a\x0bb"),
    "a space in front of a colon": head(b"x : a"),
    "a tab in front of a colon": head(b"x\t: a"),
    "a high byte in a name": head(b"\xe9: a"),
    "no name": head(b": a"),
    "no colon": head(b"x"),
    "a line feed in front of the request": b"\n" + GET,
    "a space in front of the request": b" " + GET,
    "too many empty lines": b"\r\n" * (MOST_EMPTY_LINES + 1) + GET,
    # The request line
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/0.9 with fields": b"GET /a\r\nHost: x\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two hosts": head(b"host: x"),
    "a target with a high byte": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target with a tab": b"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab behind the method": b"GET\t/a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method that is no token": b"G(T /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2's preface with fields": b"PRI * HTTP/2.0\r\nHost: x\r\n\r\n",
    "the preface's method": b"PRI /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space behind the version": b"GET /a HTTP/1.1 \r\nHost: x\r\n\r\n",
    "a version in small letters": b"GET /a http/1.1\r\nHost: x\r\n\r\n",
    "a version of two digits": b"GET /a HTTP/1.10\r\nHost: x\r\n\r\n",
    # The length
    "two equal lengths": head(b"Content-Length: 5", b"Content-Length: 5") + b"abcde",
    "two lengths": head(b"Content-Length: 5", b"content-length: 6") + b"abcdef",
    "a list of equal lengths": head(b"Content-Length: 5, 5") + b"abcde",
    "a list of lengths": head(b"Content-Length: 5,6") + b"abcdef",
    "a length with a plus": head(b"Content-Length: +5") + b"abcde",
    "a length with a minus": head(b"Content-Length: -5"),
    "a length in hex": head(b"Content-Length: 0x5") + b"abcde",
    "a length with an underscore": head(b"Content-Length: 1_0") + bytes(10),
    "a length with a point": head(b"Content-Length: 5.0") + b"abcde",
    "a length of letters": head(b"Content-Length: five"),
    "an empty length": head(b"Content-Length:"),
    "a length in other digits": head("Content-Length: \u0665".encode()),
    "a length of 19 digits": head(b"Content-Length: 1" + b"0" * 18),
    "a length and chunks": head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks and a length": head(b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n",
    "chunks twice": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")
    + b"0\r\n\r\n",
    "chunks in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n",
    # Chunks
    "a chunk size with a plus": CHUNKED + b"+5\r\nabcde\r\n0\r\n\r\n",
    "a chunk size with a minus": CHUNKED + b"-1\r\n",
    "a chunk size with 0x": CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a chunk size with an underscore": CHUNKED + b"0_5\r\nabcde\r\n0\r\n\r\n",
    "a chunk size with a space in front": CHUNKED + b" 5\r\nabcde\r\n0\r\n\r\n",
    "a chunk size with a space behind": CHUNKED + b"5 \r\nabcde\r\n0\r\n\r\n",
    "no chunk size": CHUNKED + b"\r\n",
    "a chunk size of letters": CHUNKED + b"zz\r\n",
    "a chunk size of 17 digits": CHUNKED + b"0" * 16 + b"5\r\nabcde\r\n",
    "a chunk line ended by a line feed": CHUNKED + b"5\nabcde\r\n0\r\n\r\n",
    "a chunk extension with a bare carriage return": CHUNKED + b"5;a\rb\r\nabcde\r\n0\r\n\r\n",
    "a chunk extension with a bare line feed": CHUNKED + b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
    "a chunk extension with a NUL": CHUNKED + b"5;a\0\r\nabcde\r\n0\r\n\r\n",
    "a chunk that is longer than its size": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "a chunk ended by a line feed": CHUNKED + b"3\r\nabc\n0\r\n\r\n",
    "a chunk ended by a carriage return": CHUNKED + b"3\r\nabc\r0\r\n\r\n",
    "a chunk line that is too long": CHUNKED + b"5;" + b"a" * MOST_CHUNK_LINE,
    "too many extensions": CHUNKED + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 5 + b"0\r\n\r\n",
    # Trailers
    "trailers ended by a line feed": CHUNKED + b"0\r\nx: y\n\r\n",
    "no trailers, ended by a line feed": CHUNKED + b"0\r\n\n",
    "a folded trailer": CHUNKED + b"0\r\nx: y\r\n z\r\n\r\n",
    "a trailer with a NUL": CHUNKED + b"0\r\nx: \0\r\n\r\n",
    "a trailer with a space in front of the colon": CHUNKED + b"0\r\nx : y\r\n\r\n",
    "a length in the trailers": CHUNKED + b"0\r\nx: y\r\ncontent-length: 5\r\n\r\n",
    "an encoding in the trailers": CHUNKED + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a trailer without a colon": CHUNKED + b"0\r\nx\r\n\r\n",
}


@pytest.mark.parametrize("piece", [1, 4, 10**6])
@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(name: str, piece: int) -> None:
    with pytest.raises(FramingError) as refusal:
        requests_in(REFUSED[name] + GET, piece)
    assert refusal.value.status == 400


NOT_IMPLEMENTED = {
    "another coding": b"gzip",
    "another coding in front": b"gzip, chunked",
    "another coding behind": b"chunked, gzip",
    "chunks twice": b"chunked, chunked",
    "a list of one": b", chunked",
    "a list that ends with nothing": b"chunked,",
    "quotes": b'"chunked"',
    "a parameter": b"chunked;a=b",
    "nothing": b"",
    "a high byte": b"chunked\xff",
    "a sign": b"-chunked",
}


@pytest.mark.parametrize("coding", NOT_IMPLEMENTED.values(), ids=NOT_IMPLEMENTED)
def test_another_transfer_coding_than_chunked_is_not_supported(coding: bytes) -> None:
    with pytest.raises(FramingError) as refusal:
        requests_in(head(b"Transfer-Encoding: " + coding))
    assert refusal.value.status == 501


@pytest.mark.parametrize("version", [b"0.9", b"2.0", b"3.0", b"9.9", b"0.0"])
def test_another_major_version_is_not_supported(version: bytes) -> None:
    with pytest.raises(FramingError) as refusal:
        requests_in(GET.replace(b"1.1", version))
    assert refusal.value.status == 505


@pytest.mark.parametrize("piece", [1, 100, 10**6])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
@pytest.mark.parametrize("start", [b"GET /a HTTP/1.1\r\nx: ", CHUNKED + b"0\r\nx: "])
def test_fields_that_are_too_large_are_a_431(start: bytes, end: bytes, piece: int) -> None:
    """Whether they come to an end or not, and however much of them comes last."""
    with pytest.raises(FramingError) as refusal:
        requests_in(start + b"y" * (LIMIT + 10) + end, piece)
    assert refusal.value.status == 431


def test_a_head_of_the_very_limit_is_taken() -> None:
    room = LIMIT - len(head(b"x: "))
    sent = head(b"x: " + b"y" * room)
    assert len(sent) == LIMIT
    assert len(requests_in(sent)) == 1


def test_the_limits_of_one_request_are_not_those_of_the_next() -> None:
    ahead = b"\r\n" * MOST_EMPTY_LINES
    almost = (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * (MOST_EXTENSIONS // 4001) + b"0\r\n\r\n"
    assert len(requests_in((ahead + CHUNKED + almost) * 3)) == 3
