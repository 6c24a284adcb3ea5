"""Floods of comments and blank lines cost one search, and hide no event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omen.core.frames import Frame
from omen.wire import sse
from omen.wire.sse import SSEReader

PIECES = st.lists(
    st.sampled_from(
        [
            b":",
            b":x",
            b": y\n",
            b"\n",
            b"\n\n",
            b"data: a\n\n",
            b"data: b\n",
            b"event: e\n",
            b"\r\n",
        ]
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(PIECES, st.integers(1, 9))
def test_events_are_the_same_wherever_the_reads_are_cut(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces) + b"\n\n"
    whole = SSEReader().feed(data)
    cut = SSEReader()
    assert [f for at in range(0, len(data), size) for f in cut.feed(data[at : at + size])] == whole
    assert whole == parsed(data)


def parsed(data: bytes) -> list[Frame]:
    """Read events as the specification says, line by line."""
    frames, lines, event = [], [], ""
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in text.split(b"\n")[:-1]:
        if not line:
            if lines and b"\n".join(lines):
                frames.append(Frame(b"\n".join(lines), event))
            lines, event = [], ""
        elif line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif line.startswith(b"event:"):
            event = line[6:].removeprefix(b" ").decode()
    return frames


@pytest.mark.parametrize("flood", [b":\n\n", b"\n", b": ping\n\n"])
def test_a_flood_is_no_events_to_parse(flood: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[bytes] = []
    parse: Any = sse._parse_event

    def counted(block: bytes) -> Any:
        blocks.append(block)
        return parse(block)

    monkeypatch.setattr(sse, "_parse_event", counted)
    reader = SSEReader()
    for _ in range(3):
        assert reader.feed(flood * 10_000) == []
    assert reader.feed(b"data: a\n\n") == [Frame(b"a")]
    assert len(blocks) <= 3
