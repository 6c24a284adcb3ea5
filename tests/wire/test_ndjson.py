"""Lines of JSON come out the same, however their bytes were cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import Frame
from omen.wire.framing import make_reader
from omen.wire.ndjson import NDJSONReader
from omen.wire.whole import SSEOrObjectReader


def read(*pieces: bytes, limit: int = 1 << 20) -> list[Frame]:
    reader = NDJSONReader(limit)
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return frames + reader.end()


FRAGMENTS = st.sampled_from(
    [b"\n", b"\r\n", b"\r", b" ", b"\t", b"{}", b'{"a": 1}', "\u2028\x85é".encode(), b"\x0b"]
)
STREAMS = st.lists(FRAGMENTS, max_size=30).map(b"".join)


@given(STREAMS, st.sets(st.integers(0, 120), max_size=10))
def test_any_cut_gives_the_lines_between_newlines(stream: bytes, cuts: set[int]) -> None:
    lines = [line.strip(b" \t\r") for line in stream.split(b"\n")]
    expected = [Frame(line) for line in lines if line]
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    assert read(stream) == expected
    assert read(*(stream[a:b] for a, b in itertools.pairwise(bounds))) == expected
    assert read(*(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_the_last_line_counts_without_its_newline() -> None:
    reader = NDJSONReader()
    assert reader.feed(b'{"a": 1}\n{"b":') == [Frame(b'{"a": 1}')]
    assert reader.feed(b" 2}") == []
    assert reader.end() == [Frame(b'{"b": 2}')]
    assert reader.end() == []


def test_blank_lines_and_carriage_returns_are_nothing() -> None:
    assert read(b"\n\r\n  \n{}\r\n\r\n") == [Frame(b"{}")]


@pytest.mark.parametrize("size", [1, 1024])
def test_a_huge_line_in_small_pieces_is_searched_once(size: int) -> None:
    line = b"x" * 400_000
    assert read(*(line[i : i + size] for i in range(0, len(line), size)), b"\n") == [Frame(line)]


@pytest.mark.parametrize("newline", [b"", b"\n"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_line_over_the_limit_is_a_protocol_failure(size: int, newline: bytes) -> None:
    stream = b"{}\n" + b"x" * 100 + newline
    with pytest.raises(UpstreamFailure, match="more than 64 bytes") as raised:
        read(*(stream[i : i + size] for i in range(0, len(stream), size)), limit=64)
    assert raised.value.kind is FailureKind.PROTOCOL


def test_each_framing_has_its_reader() -> None:
    assert isinstance(make_reader("sse"), SSEOrObjectReader)
    assert isinstance(make_reader("ndjson"), NDJSONReader)
