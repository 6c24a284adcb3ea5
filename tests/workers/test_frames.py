"""Frames between a worker and its supervisor are bounded, and may arrive in any pieces."""

from __future__ import annotations

import struct

import pytest

from omen.gateway.workers._frames import (
    MOST_BLOB,
    MOST_JSON,
    Frame,
    FrameError,
    FrameReader,
    encode,
)

FRAMES = [
    Frame("call", 1, "store.put", ["a\u2028", 3.5], b"\x00\xff" * 10),
    Frame("answer", 1, "", None),
    Frame("note", 0, "moment", {"t_ms": 1}),
]


def test_frames_arrive_whole_however_they_are_cut() -> None:
    data = b"".join(map(encode, FRAMES))
    for size in (1, 2, 7, len(data)):
        reader = FrameReader()
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        assert [frame for piece in pieces for frame in reader.receive(piece)] == FRAMES


@pytest.mark.parametrize("lengths", [(MOST_JSON + 1, 0), (10, MOST_BLOB + 1)])
def test_a_frame_that_announces_too_much_is_refused_at_its_head(lengths: tuple[int, int]) -> None:
    with pytest.raises(FrameError):
        list(FrameReader().receive(struct.pack("!II", *lengths)))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[1]", b'["call","1","x",null]', b'["call",1,2,null]', b"[" * 100_000]
)
def test_what_is_no_frame_is_refused(text: bytes) -> None:
    with pytest.raises(FrameError):
        list(FrameReader().receive(struct.pack("!II", len(text), 0) + text))


def test_a_frame_that_would_be_too_long_is_not_sent() -> None:
    with pytest.raises(FrameError):
        encode(Frame("call", 1, "store.put", None, bytes(MOST_BLOB + 1)))
