"""What passes for an answer, and what does not: every oddity is decided, on purpose.

llhttp, which is under httptools, decides most of them; where it is more lenient than is safe, we
are stricter. A new version of it that decides otherwise is noticed here.
"""

from __future__ import annotations

from itertools import product

import httpx
import pytest

from omen.wire._http1 import BODY_PAYS, MAX_OVERHEAD, IncompleteResponse, ResponseReader
from tests.wire.odd_answers import BAD_BODIES, BAD_HEADS, CODED, END, GOOD, NO_BODY, TWO, answer
from tests.wire.scripted import CHUNKED, OK, chunk

STEPS = (1, 1 << 16)
"""Byte by byte, and as one read gives it."""


def read(data: bytes, step: int, method: str = "POST") -> ResponseReader:
    response = ResponseReader(method)
    for start in range(0, len(data), step):
        response.feed(data[start : start + step])
    return response


@pytest.mark.parametrize(("data", "reusable"), GOOD.values(), ids=GOOD)
def test_these_are_answers(data: bytes, reusable: bool) -> None:
    for step in STEPS:
        response = read(data, step)
        head = response.take_head()
        assert head is not None
        assert head.status in (200, 999)
        assert not any(name in (b"Link", b"Z") for name, _ in head.headers)
        assert not any(value != value.strip() for _, value in head.headers)
        assert response.take_body() == b"ok"
        assert (response.complete, response.reusable) == (True, reusable)


def test_the_reason_is_the_final_answers_however_it_comes() -> None:
    final = OK.replace(b"200 OK", b"418 I'm a teapot").replace(b"HTTP/1.1", b"HTTP/1.0")
    for step in STEPS:
        head = read(b"HTTP/1.1 103 Early Hints\r\n\r\n" + final, step).take_head()
        assert head is not None
        assert (head.status, head.reason, head.http_version) == (418, b"I'm a teapot", b"HTTP/1.0")


@pytest.mark.parametrize(("method", "data", "reusable"), NO_BODY.values(), ids=NO_BODY)
def test_these_have_no_body(method: str, data: bytes, reusable: bool) -> None:
    for step in STEPS:
        response = read(data, step, method)
        assert response.take_head() is not None
        assert (response.take_body(), response.complete, response.reusable) == (b"", True, reusable)


@pytest.mark.parametrize("data", BAD_HEADS.values(), ids=BAD_HEADS)
def test_these_are_none_and_nothing_behind_them_is_one(data: bytes) -> None:
    for step, behind in product(STEPS, (b"", OK)):
        response = read(data + behind, step)
        response.feed_eof()
        with pytest.raises(httpx.RemoteProtocolError) as raised:
            response.take_head()
        assert not isinstance(raised.value, IncompleteResponse)
        assert not response.complete


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"zstd", b"identity, gzip", b"x"])
def test_a_compressed_answer_is_refused_with_its_head(coding: bytes) -> None:
    for step in STEPS:
        response = read(answer(b"Content-Encoding: " + coding, TWO), step)
        with pytest.raises(httpx.DecodingError):
            response.take_head()


@pytest.mark.parametrize("data", BAD_BODIES.values(), ids=BAD_BODIES)
def test_what_came_before_nonsense_in_the_body_is_given(data: bytes) -> None:
    for step, before in product(STEPS, (b"", chunk(b"good"))):
        response = read(CHUNKED + before + data, step)
        assert response.take_head() is not None
        if before:
            assert response.take_body() == b"good"
        with pytest.raises(httpx.RemoteProtocolError):
            response.take_body()
        assert not response.complete


def test_a_chunk_that_is_longer_than_it_said_is_cut_where_it_should_have_ended() -> None:
    response = read(CHUNKED + b"2\r\nokay\r\n" + END, 1 << 16)
    assert response.take_body() == b"ok"
    with pytest.raises(httpx.RemoteProtocolError):
        response.take_body()


# Limits


def fill(size: int) -> bytes:
    """A head of exactly so many bytes, of an answer whose body is `ok`."""
    start, end = b"HTTP/1.1 200 OK\r\nX: ", b"\r\nContent-Length: 2\r\n\r\n"
    return start + b"x" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("step", [1, 1000, 1 << 16, 1 << 17])
def test_a_head_may_have_64_kib_and_not_a_byte_more(step: int) -> None:
    response = read(fill(MAX_OVERHEAD) + b"ok", step)
    assert (response.take_head() is not None, response.take_body()) == (True, b"ok")
    response = read(fill(MAX_OVERHEAD + 1) + b"ok", step)
    with pytest.raises(httpx.RemoteProtocolError, match="more than 65536 bytes"):
        response.take_head()


def test_interim_answers_count_with_the_head() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    response = ResponseReader("POST")
    for _ in range(MAX_OVERHEAD // len(interim) + 1):
        assert response.take_head() is None
        response.feed(interim)
    with pytest.raises(httpx.RemoteProtocolError, match="more than 65536 bytes"):
        response.take_head()


def test_a_long_head_leaves_the_body_its_own_limit() -> None:
    head = b"HTTP/1.1 200 OK\r\nX: %s\r\n%s\r\n\r\n" % (b"x" * 60_000, CODED)
    response = read(head + chunk(b"ok") + b"0\r\nT: %s\r\n\r\n" % (b"t" * 60_000), 4096)
    assert (response.take_body(), response.complete) == (b"ok", True)


def taken(piece: bytes, most: int) -> int:
    """Say how often this can be fed as a part of a chunked body before it is too much."""
    response = read(CHUNKED, 1 << 16)
    for times in range(most):
        response.feed(piece)
        response.take_body()
        if is_broken(response):
            return times
    return most


def is_broken(response: ResponseReader) -> bool:
    try:
        return response.take_body() != b""
    except httpx.RemoteProtocolError:
        return True


def test_framing_is_paid_for_by_the_body_between_it() -> None:
    assert taken(chunk(b"x"), 100_000) == 100_000  # six bytes of framing for one of body
    signed = b"1;signature=%s\r\nx\r\n" % (b"f" * (BODY_PAYS - 20))
    assert taken(signed, 100_000) == 100_000
    assert taken(b"1;x=%s\r\nx\r\n" % (b"f" * 60_000), 100_000) == 1
    padded = b"1;x=%s\r\nx\r\n" % (b"f" * 1_000)
    assert taken(padded, 100_000) == MAX_OVERHEAD // (len(padded) - 1 - BODY_PAYS)
    assert taken(chunk(b"x" * 10_000), 1000) == 1000


def test_a_long_body_does_not_save_up_for_its_trailers() -> None:
    response = read(CHUNKED, 1 << 16)
    for _ in range(100):
        response.feed(chunk(b"x" * 10_000))
        response.take_body()
    response.feed(b"0\r\nT: " + b"t" * MAX_OVERHEAD)
    with pytest.raises(httpx.RemoteProtocolError):
        response.take_body()
