"""HTTP/1.1 is written strictly and read defensively."""

from __future__ import annotations

import itertools

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.wire._http1 import MAX_OVERHEAD, IncompleteResponse, ResponseReader, write_head
from tests.wire.scripted import CHUNKED, OK, chunk, post


def read(*pieces: bytes, method: str = "POST", eof: bool = False) -> ResponseReader:
    response = ResponseReader(method)
    for piece in pieces:
        response.feed(piece)
    if eof:
        response.feed_eof()
    return response


def write(request: httpx.Request) -> bytes:
    return write_head(request, request.url.raw_path, ())


# Writing


def test_a_request_asks_for_no_encoding_and_says_its_length() -> None:
    request = post("http://a.test:8080/v1/x?y=1", b"{}", Authorization="Bearer k")
    request.headers["Accept-Encoding"] = "gzip"
    assert write(request) == (
        b"POST /v1/x?y=1 HTTP/1.1\r\nHost: a.test:8080\r\nAuthorization: Bearer k\r\n"
        b"Accept-Encoding: identity\r\nContent-Length: 2\r\n\r\n"
    )


def test_a_get_has_no_length_and_an_empty_post_has_one() -> None:
    assert b"Content-Length" not in write(httpx.Request("GET", "http://a.test"))
    assert b"Content-Length: 0\r\n" in write(httpx.Request("POST", "http://a.test"))


@pytest.mark.parametrize("value", ["sk-secret\n", "sk-secret\r\nX: y", "sk-secret\0"])
def test_a_header_that_would_break_out_of_its_line_is_refused_without_quoting_it(
    value: str,
) -> None:
    with pytest.raises(httpx.LocalProtocolError, match="Authorization") as raised:
        write(post(Authorization=value))
    assert "secret" not in str(raised.value)


def test_a_header_name_must_be_a_token() -> None:
    with pytest.raises(httpx.LocalProtocolError):
        write(httpx.Request("GET", "http://a.test", headers={"a b": "c"}))


def test_a_target_with_a_space_is_refused() -> None:
    with pytest.raises(httpx.LocalProtocolError):
        write_head(post(), b"/a b", ())


# Reading


@pytest.mark.parametrize(
    ("answer", "body", "reusable"),
    [
        (OK, b"ok", True),
        (CHUNKED + chunk(b"ab") + chunk(b"c") + b"0\r\n\r\n", b"abc", True),
        (CHUNKED + chunk(b"a") + b"0\r\nTrailer: x\r\n\r\n", b"a", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", b"a", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", b"a", False),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok", True),
    ],
)
def test_a_response_ends_by_its_own_framing(answer: bytes, body: bytes, reusable: bool) -> None:
    for response in (read(answer), read(*(answer[i : i + 1] for i in range(len(answer))))):
        head = response.take_head()
        assert head is not None
        assert head.status in (200, 204)
        assert not any(name in (b"Link", b"Trailer") for name, _ in head.headers)
        assert (response.take_body(), response.complete, response.reusable) == (
            body,
            True,
            reusable,
        )


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    response = read(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert (response.take_body(), response.complete) == (b"abc", False)
    response.feed_eof()
    assert (response.take_body(), response.complete, response.reusable) == (b"", True, False)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        CHUNKED + chunk(b"ab"),
        CHUNKED + b"5\r\nab",
        CHUNKED + chunk(b"ab") + b"0\r\n",
    ],
)
def test_an_early_end_is_told_apart_from_nonsense_after_what_came_was_taken(
    answer: bytes,
) -> None:
    response = read(answer, eof=True)
    if b"ab" in answer:
        assert response.take_body() == b"ab"
    with pytest.raises(IncompleteResponse):
        response.take_body()
    assert not response.complete


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 3 * MAX_OVERHEAD,
    ],
)
def test_nonsense_in_the_head_is_a_protocol_error(answer: bytes) -> None:
    response = ResponseReader("POST")
    for start in range(0, len(answer), 4096):
        response.feed(answer[start : start + 4096])
    with pytest.raises(httpx.RemoteProtocolError) as raised:
        response.take_head()
    assert not isinstance(raised.value, IncompleteResponse)


@pytest.mark.parametrize("nonsense", [b"zz\r\n", b"1;" + b"x" * 2 * MAX_OVERHEAD])
def test_nonsense_in_the_body_comes_after_the_good_part(nonsense: bytes) -> None:
    response = read(CHUNKED + chunk(b"ab"))
    assert response.take_body() == b"ab"
    response.feed(nonsense)
    assert response.take_head() is not None
    with pytest.raises(httpx.RemoteProtocolError):
        response.take_body()


@pytest.mark.parametrize("extra", [b"x", OK, b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_bytes_behind_the_end_spoil_the_connection_and_not_the_answer(extra: bytes) -> None:
    response = read(OK + extra)
    assert (response.take_body(), response.complete, response.reusable) == (b"ok", True, False)


def test_a_head_request_has_no_body_whatever_the_headers_say() -> None:
    response = read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", method="HEAD")
    assert (response.take_body(), response.complete, response.reusable) == (b"", True, False)


def test_what_arrived_together_is_taken_as_one_piece() -> None:
    response = read(CHUNKED + chunk(b"a") + chunk(b"b"))
    response.feed(chunk(b"c"))
    assert response.take_body() == b"abc"
    assert response.take_body() == b""


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=6), st.sets(st.integers(0, 150)))
def test_any_cut_gives_the_same_body(bodies: list[bytes], cuts: set[int]) -> None:
    answer = CHUNKED + b"".join(map(chunk, bodies)) + b"0\r\n\r\n"
    bounds = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    response = ResponseReader("POST")
    body = b""
    for start, stop in itertools.pairwise(bounds):
        response.feed(answer[start:stop])
        body += response.take_body()
    assert body == b"".join(bodies)
    assert response.complete
    assert response.reusable
