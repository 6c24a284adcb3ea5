"""Request bodies that come compressed are read within the limit of any other body."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
import trio
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from omen.front.http import content_coding
from omen.front.http.content_coding import SLICE, unpacker
from omen.front.http.request import BodyLimits
from tests.front.asking import body
from tests.front.chatting import post
from tests.front.client import Conversation, piece


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def two_members(data: bytes) -> bytes:
    return gzip.compress(data[:7]) + gzip.compress(data[7:])


def two_frames(data: bytes) -> bytes:
    return zstandard.compress(data[:7]) + zstandard.compress(data[7:])


WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip of several members": ("GZIP", two_members),
    "gzip by its older name": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without the header of zlib": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.compress),
    "zstd of several frames": ("zstd", two_frames),
    "a coding and none": ("identity, gzip", gzip.compress),
}
EACH_WAY = pytest.mark.parametrize(("coding", "pack"), WAYS.values(), ids=list(WAYS))


async def ask(coding: str, data: bytes, limit: int = 1_000_000) -> Conversation:
    said = (0, piece(data))
    return await post(said, headers=[("content-encoding", coding)], limits=BodyLimits(limit, 30.0))


@EACH_WAY
async def test_a_compressed_request_is_answered(
    coding: str, pack: Callable[[bytes], bytes], autojump_clock: trio.abc.Clock
) -> None:
    assert (await ask(coding, pack(body()))).status == 200


@EACH_WAY
async def test_what_it_becomes_may_be_as_large_as_any_body_and_not_larger(
    coding: str, pack: Callable[[bytes], bytes], autojump_clock: trio.abc.Clock
) -> None:
    assert (await ask(coding, pack(body().ljust(5000)), 5000)).status == 200
    heard = await ask(coding, pack(body().ljust(5001)), 5000)
    assert (heard.status, heard.error["code"]) == (413, "request_too_large")
    assert "5000 bytes" in heard.error["message"]


@EACH_WAY
async def test_a_body_that_is_not_what_its_coding_says_is_a_400(
    coding: str, pack: Callable[[bytes], bytes], autojump_clock: trio.abc.Clock
) -> None:
    for data in (body(), pack(body())[:-12], b"\x00" * 50):
        assert (await ask(coding, data)).status == 400


@EACH_WAY
def test_it_is_unpacked_in_slices_and_no_further_than_wanted(
    coding: str, pack: Callable[[bytes], bytes]
) -> None:
    unpack = unpacker({"content-encoding": coding})
    assert unpack is not None
    slices = unpack(pack(bytes(20_000_000)))
    assert all(len(next(slices)) <= SLICE for _ in range(10))


@EACH_WAY
def test_nothing_is_lost(coding: str, pack: Callable[[bytes], bytes]) -> None:
    unpack = unpacker({"content-encoding": coding})
    assert unpack is not None

    @given(st.binary(min_size=1))
    def check(data: bytes) -> None:
        whole = data * 1000
        assert b"".join(unpack(pack(whole))) == whole

    check()


def test_zstd_is_refused_in_words_where_its_extra_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(content_coding, "zstandard", None)
    with pytest.raises(Exception, match="must be one of deflate, gzip, x-gzip, got 'zstd'"):
        unpacker({"content-encoding": "zstd"})


async def test_one_that_waits_for_our_word_is_refused_before_it_is_sent(
    autojump_clock: trio.abc.Clock,
) -> None:
    waits = [("expect", "100-Continue"), ("content-length", "1001")]
    heard = await post(headers=waits, limits=BodyLimits(1000, 30.0))
    assert (heard.status, heard.ended_at) == (413, 0.0)
    small = [("expect", "100-continue"), ("content-length", str(len(body())))]
    assert (await post((1, piece(body())), headers=small)).status == 200
