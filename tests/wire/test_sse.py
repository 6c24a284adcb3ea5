"""Server-sent events come out the same, however their bytes were cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import Frame
from omen.wire.sse import SSEReader


def read(*pieces: bytes, limit: int = 1 << 20) -> list[Frame]:
    reader = SSEReader(limit)
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return frames + reader.end()


def naive(stream: bytes) -> list[Frame]:
    """The specification, one character at a time."""
    text = stream.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    lines = [""]
    for index, char in enumerate(text):
        if char == "\r" or (char == "\n" and text[index - 1 : index] != "\r"):
            lines.append("")
        elif char != "\n":
            lines[-1] += char
    frames: list[Frame] = []
    data: list[str] = []
    event = ""
    for line in lines[:-1]:  # the last one had no end
        name, _, value = line.partition(":")
        value = value[1:] if value[:1] == " " else value
        if line == "":
            if "\n".join(data):
                name = event.encode("latin-1").decode("utf-8", "replace")
                frames.append(Frame("\n".join(data).encode("latin-1"), name))
            data, event = [], ""
        elif name == "data":
            data.append(value)
        elif name == "event":
            event = value
    return frames


FRAGMENTS = st.sampled_from(
    [
        *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"\xef\xbb\xbf"),
        *(b"data: ", b"data:", b"data", b"event: ", b"event:", b"id: 1", b"retry: 5", b": ping"),
        *(b"x", b'{"a": 1}', b" ", b":", "é\u2028\x85\x0b\x0c\x1c".encode(), b"\xff", b"\x00"),
        *(b"data: {}\n\n", b"event: e\ndata: {}\n\n", b"data: a\r\ndata: b\r\n\r\n"),
    ]
)
STREAMS = st.lists(FRAGMENTS, max_size=30).map(b"".join)


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    stream = draw(STREAMS)
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    bounds = [0, *cuts, len(stream)]
    return stream, [stream[a:b] for a, b in itertools.pairwise(bounds)]


@given(cut_streams())
@example((b"\xef\xbb\xbfdata: a\n\n", [b"\xef", b"", b"\xbb\xbfdata: a\n\n"]))
@example((b"data: a\r\n\r\ndata: b\r\n\r\n", [b"data: a\r", b"\n\r", b"\ndata: b\r\n\r", b"\n"]))
def test_any_cut_gives_what_the_specification_says(case: tuple[bytes, list[bytes]]) -> None:
    stream, pieces = case
    expected = naive(stream)
    assert read(stream) == expected
    assert read(*pieces) == expected
    assert read(*(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_a_data_line_may_have_one_space_or_none_and_keeps_a_second_one() -> None:
    assert read(b"data: a\n\ndata:b\n\ndata:  c\n\n") == [Frame(b"a"), Frame(b"b"), Frame(b" c")]


def test_several_data_lines_are_joined_with_lf() -> None:
    assert read(b"data: a\ndata\ndata: b\n\n") == [Frame(b"a\n\nb")]


def test_an_event_name_goes_with_its_own_event_only() -> None:
    assert read(b"event: ping\ndata: 1\n\ndata: 2\n\n") == [Frame(b"1", "ping"), Frame(b"2")]


def test_comments_unknown_fields_and_events_without_data_are_nothing() -> None:
    assert read(b": keep-alive\n\nid: 7\nretry: 10\n\nevent: ping\n\ndata:\n\ndata: \n\n") == []


def test_unicode_line_separators_are_not_line_ends() -> None:
    text = '{"t": "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"}'.encode()
    assert read(b"data: " + text + b"\n\n") == [Frame(text)]


def test_a_byte_order_mark_counts_only_at_the_very_start() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n") == [Frame(b"a")]


def test_an_event_without_its_blank_line_at_the_end_is_dropped() -> None:
    assert read(b"data: a\n\ndata: b\n") == [Frame(b"a")]


def test_a_frame_comes_as_soon_as_its_blank_line_does() -> None:
    reader = SSEReader()
    assert reader.feed(b"data: a\r\n\r") == [Frame(b"a")]
    assert reader.feed(b"\ndata: b\n") == []
    assert reader.feed(b"\n") == [Frame(b"b")]


@pytest.mark.parametrize("size", [1, 1024])
def test_a_huge_event_in_small_pieces_is_searched_once(size: int) -> None:
    """A reader that searched all it holds at every piece would not be done in reasonable time."""
    line = b"x" * 400_000
    stream = b"data: " + line + b"\n\n"
    assert read(*(stream[i : i + size] for i in range(0, len(stream), size))) == [Frame(line)]


@pytest.mark.parametrize("blank", [b"", b"\n\n"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_over_the_limit_is_a_protocol_failure(size: int, blank: bytes) -> None:
    stream = b"data: a\n\ndata: " + b"x" * 100 + blank
    with pytest.raises(UpstreamFailure, match="more than 64 bytes") as raised:
        read(*(stream[i : i + size] for i in range(0, len(stream), size)), limit=64)
    assert raised.value.kind is FailureKind.PROTOCOL


def test_the_limit_is_for_one_event_not_for_all_that_came_together() -> None:
    assert len(read(b"data: abc\n\n" * 100, limit=64)) == 100
