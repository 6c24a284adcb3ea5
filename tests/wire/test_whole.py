"""An answer that may be one JSON object instead of an event stream, however its bytes are cut."""

from __future__ import annotations

import pytest

from omen.core.errors import UpstreamFailure
from omen.core.frames import Frame
from omen.wire import whole
from omen.wire.sse import SSEReader
from omen.wire.whole import SSEOrObjectReader

STREAM = b'\n\xef\xbb\xbf: ping\r\n\r\ndata: {"a":1}\n\nevent: e\ndata: 2\n\n'
OBJECT = b'\xef\xbb\xbf \r\n{\n "choices": [],\n\n "n": 1 }\n'


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_stream_is_read_as_the_stream_that_it_is(size: int) -> None:
    for body in (STREAM, b"data: x\n\n", b" \n" * 70 + b"data: y\n\n"):
        ours, theirs = SSEOrObjectReader(), SSEReader()
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        frames = [frame for piece in pieces for frame in ours.feed(piece)] + ours.end()
        assert frames == [frame for piece in pieces for frame in theirs.feed(piece)]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_an_object_is_one_frame_at_the_end(size: int) -> None:
    reader = SSEOrObjectReader()
    for i in range(0, len(OBJECT), size):
        assert reader.feed(OBJECT[i : i + size]) == []
    assert reader.end() == [Frame(b'{\n "choices": [],\n\n "n": 1 }')]
    assert reader.end() == []


def test_nothing_is_nothing() -> None:
    assert SSEOrObjectReader().end() == []
    assert SSEOrObjectReader().feed(b"") == []


def test_an_endless_object_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "LARGEST_OBJECT", 100)
    reader = SSEOrObjectReader()
    reader.feed(b"{" + b" " * 99)
    with pytest.raises(UpstreamFailure, match="larger than 100 bytes"):
        reader.feed(b" ")
