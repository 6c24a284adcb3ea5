"""One HTTP/1.1 response, byte for byte."""

from __future__ import annotations

import re

import pytest

from omen.serving._h1_head import Field
from omen.serving._h1_response import (
    Response,
    ResponseError,
    date_line,
    status_line,
    switching_response,
    whole_response,
)

LENGTH_3 = (b"content-length", b"3")
X = (b"X-Note", b"a b")
CHUNKED = b"transfer-encoding: chunked\r\n"
LAST = b"\r\n0\r\n\r\n"
CLOSE = b"Connection: close\r\n"


def sent(
    *bodies: bytes,
    status: int = 200,
    headers: tuple[Field, ...] = (),
    method: bytes = b"GET",
    version: str = "1.1",
    closes: bool = False,
) -> list[bytes]:
    """Return what is sent for each part of a body, without the date, then whether it closes."""
    response = Response(method, version, closes=closes)
    response.begin(status, headers)
    pieces = [response.write(body, more=True) for body in bodies[:-1]]
    pieces.append(response.write(bodies[-1], more=False))
    assert response.complete
    heads = b"".join(pieces).count(b"HTTP/1.1 ")
    assert heads == 1
    undated = [re.sub(rb"date: [^\r]+ GMT\r\n", b"", piece) for piece in pieces]
    return [*undated, b"closes" if response.closes else b"goes on"]


@pytest.mark.parametrize(
    ("bodies", "options", "expected"),
    [
        # The length that the application gave, or chunks.
        ([b"abc"], {"headers": (X, LENGTH_3)}, [b"X-Note: a b\r\ncontent-length: 3\r\n\r\nabc"]),
        ([b"a", b"bc"], {"headers": (LENGTH_3,)}, [b"content-length: 3\r\n\r\na", b"bc"]),
        ([b"abc"], {}, [CHUNKED + b"\r\n3\r\nabc\r\n0\r\n\r\n"]),
        ([b"a" * 26, b"b"], {}, [CHUNKED + b"\r\n1a\r\n" + b"a" * 26 + b"\r\n", b"1\r\nb" + LAST]),
        ([b"a", b""], {}, [CHUNKED + b"\r\n1\r\na\r\n", b"0\r\n\r\n"]),
        # An empty part must not look like the last chunk, and the head waits for the first bytes.
        ([b"", b"a", b"", b"b"], {}, [b"", CHUNKED + b"\r\n1\r\na\r\n", b"", b"1\r\nb" + LAST]),
        ([b""], {}, [CHUNKED + b"\r\n0\r\n\r\n"]),
        ([b""], {"headers": ((b"content-length", b"0"),)}, [b"content-length: 0\r\n\r\n"]),
        ([b"a"], {"headers": ((b"Transfer-Encoding", b"gzip"),)}, [CHUNKED + b"\r\n1\r\na" + LAST]),
        # The server decides about the encoding of the transfer.
        ([b"abc"], {"headers": (LENGTH_3, (b"transfer-encoding", b"chunked"))},
         [b"content-length: 3\r\n\r\nabc"]),
        # No body, whatever the application sends.
        ([b"abc"], {"headers": (LENGTH_3,), "method": b"HEAD"}, [b"content-length: 3\r\n\r\n"]),
        ([b"a", b"b"], {"method": b"HEAD"}, [b"", CHUNKED + b"\r\n"]),
        ([b"abc"], {"status": 204}, [b"\r\n"]),
        ([b""], {"status": 204, "headers": ((b"content-length", b"0"),)}, [b"\r\n"]),
        ([b"abc"], {"status": 304, "headers": (LENGTH_3,)}, [b"content-length: 3\r\n\r\n"]),
        ([b"abc"], {"status": 304}, [b"\r\n"]),
    ],
)  # fmt: skip
def test_the_connection_goes_on_behind_a_body_with_an_end(
    bodies: list[bytes], options: dict[str, object], expected: list[bytes]
) -> None:
    pieces = sent(*bodies, **options)  # type: ignore[arg-type]
    line = status_line(int(options.get("status", 200)))  # type: ignore[call-overload]
    first = next(index for index, piece in enumerate(pieces) if piece)
    assert pieces[first].startswith(line)
    pieces[first] = pieces[first].removeprefix(line)
    assert pieces == [*expected, b"goes on"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"closes": True}, CLOSE),
        ({"headers": (LENGTH_3, (b"Connection", b"close"))}, CLOSE),
        ({"headers": (LENGTH_3, (b"connection", b"Keep-Alive, X, Close"))},
         b"Connection: x, close\r\n"),
        ({"headers": (LENGTH_3, (b"connection", b"keep-alive")), "closes": True}, CLOSE),
        ({"version": "1.0"}, CLOSE),
        ({"version": "1.0", "headers": ((b"transfer-encoding", b"chunked"),)}, CLOSE),
    ],
)  # fmt: skip
def test_the_client_is_told_when_the_connection_ends(
    options: dict[str, object], expected: bytes
) -> None:
    *pieces, end = sent(b"abc", **options)  # type: ignore[arg-type]
    assert end == b"closes"
    assert b"".join(pieces).lower().count(b"connection:") == 1
    assert expected in pieces[0]


def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    *pieces, _ = sent(b"a", b"", b"bc", version="1.0")
    assert pieces == [b"HTTP/1.1 200 OK\r\n" + CLOSE + b"\r\na", b"", b"bc"]


def test_other_options_of_a_connection_are_kept() -> None:
    (piece, end) = sent(b"abc", headers=(LENGTH_3, (b"connection", b"x")))
    assert b"\r\nConnection: x\r\n" in piece
    assert end == b"goes on"


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"x", b"a\x7f"),
        (b"x", b"a\r\n\r\nb"),
        (b"", b"a"),
        (b"a b", b"c"),
        (b":status", b"200"),
        (b"a\r\nb", b"c"),
        (b"content-length", b"1, 1"),
        (b"content-length", b"-1"),
        (b"content-length", b""),
        (b"content-length", b"3\r\nx: y"),
        (b"connection", b"x\r\ny: z"),
        (b"connection", b"x\n"),
    ],
)
def test_a_header_that_would_break_out_of_its_line_is_refused(header: Field) -> None:
    with pytest.raises(ResponseError):
        Response(b"GET", "1.1", closes=False).begin(200, [X, header])
    if header[0] not in (b"content-length", b"connection"):
        with pytest.raises(ResponseError):
            switching_response([header])


def test_two_lengths_are_refused() -> None:
    with pytest.raises(ResponseError):
        Response(b"GET", "1.1", closes=False).begin(200, [LENGTH_3, LENGTH_3])


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 1000])
def test_a_status_that_is_not_final_is_refused(status: int) -> None:
    with pytest.raises(ResponseError):
        Response(b"GET", "1.1", closes=False).begin(status, [])


def test_more_than_the_length_is_refused_once_and_the_rest_dropped() -> None:
    response = Response(b"GET", "1.1", closes=False)
    response.begin(200, [LENGTH_3])
    assert response.write(b"ab", more=True).endswith(b"\r\n\r\nab")
    with pytest.raises(ResponseError):
        response.write(b"cd", more=True)
    assert response.write(b"e", more=False) == b""
    assert not response.complete


def test_less_than_the_length_is_not_complete() -> None:
    response = Response(b"GET", "1.1", closes=False)
    response.begin(200, [LENGTH_3])
    with pytest.raises(ResponseError):
        response.write(b"ab", more=False)
    assert not response.complete
    assert not response.sent


def test_a_status_without_a_name_has_none() -> None:
    assert status_line(200) == b"HTTP/1.1 200 OK\r\n"
    assert status_line(299) == b"HTTP/1.1 299 \r\n"


def test_the_servers_own_response_is_whole() -> None:
    assert whole_response(503, [(b"retry-after", b"1")], b"full") == (
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 4\r\n"
        b"connection: close\r\n" + date_line() + b"\r\nfull"
    )
    assert whole_response(503, body=b"full", without_body=True).endswith(b"\r\n\r\n")
    assert b"connection" not in whole_response(503, closes=False)
