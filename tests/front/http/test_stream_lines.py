"""JSON on the lines of a stream: no reader of lines finds two in one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from omen.core.events import AnswerEnd, TextDelta
from omen.front.anthropic.write import MessagesWriter, Named
from omen.front.http.stream_lines import ascii_line, data_event, named_event
from omen.front.openai.legacy_completions import TextWriter
from omen.front.openai.write import ChunkWriter

TEXTS = st.text(
    st.one_of(
        st.sampled_from("\u2028\u2029\x85\x0b\x0c\x1c\r\n"),
        st.characters(exclude_categories=("Cs",)),
    )
)


@given(TEXTS)
@pytest.mark.parametrize(
    ("write", "lines"),
    [(ascii_line, 1), (data_event, 2), (lambda data: named_event("a", data), 3)],
)
def test_one_object_is_one_line(write: Callable[[bytes], bytes], lines: int, text: str) -> None:
    written = write(to_json({"text": text})).decode()
    found = written.splitlines()
    assert len(found) == lines
    data = next(line for line in found if "{" in line)
    assert json.loads(data.removeprefix("data: ")) == {"text": text}


def test_json_over_several_lines_becomes_one() -> None:
    assert data_event(b'{\r\n "a": 1\n}') == b'data: {   "a": 1 }\n\n'


def test_every_stream_of_events_is_written_so() -> None:
    events = [TextDelta("a\u2028b\u2029c\x85d"), AnswerEnd("stop")]
    writers = (
        ChunkWriter("id", 0, "m", False),
        TextWriter({"id": "id"}, False),
        MessagesWriter(Named("id", "m")),
    )
    for writer in writers:
        lines = writer.write(events).decode().splitlines()
        assert all(line.startswith(("data: ", "event: ")) for line in lines if line)
