"""A frame that is read by the template of its predecessor means what it means when read in full."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.errors import UpstreamFailure
from omen.core.events import Event, TextDelta
from omen.core.frames import Frame
from omen.providers.chat_completions.decoder import ChatDecoder
from omen.providers.chat_completions.text_template import TextTemplate
from omen.providers.shared.error_table import ErrorTable

_TEXTS = (
    "word",
    " another",
    "line\nbreak",
    'a "quote"',
    "back\\slash",
    '","content":"x',
    '"}}]}',
    "ü€😀",
    "\u2028",
    "\ud83d",
    "",
    " ",
    "[DONE]",
)
_EXTRAS: tuple[dict[str, Any], ...] = (
    {},
    {"usage": None},
    {"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
    {"service_tier": "flex"},
    {"obfuscation": "xyz"},
    {"citations": ["https://example.com"]},
    {"content": "beside"},
    {"error": {"message": "broken"}},
)
_DELTAS: tuple[dict[str, Any], ...] = (
    {},
    {"role": "assistant"},
    {"reasoning_content": "hm"},
    {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]},
    {"refusal": None},
    {"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]},
)
_CHOICES: tuple[dict[str, Any], ...] = (
    {},
    {"finish_reason": "stop"},
    {"finish_reason": None, "logprobs": None},
    {"logprobs": {"content": [{"token": "word", "logprob": -0.5}]}},
    {"index": 1},
    {"stop_reason": "END"},
)


def _frame(text: str, extras: int, delta: int, choice: int, form: int) -> bytes:
    if form == 4:
        return b"[DONE]"
    one = {"index": 0, "delta": {**_DELTAS[delta], "content": text}, **_CHOICES[choice]}
    body = {"id": "a", "model": "m", "choices": [one, one] if form == 3 else [one]}
    separators = (", ", ": ") if form == 1 else (",", ":")
    return json.dumps(
        {**body, **_EXTRAS[extras]}, ensure_ascii=form == 2, separators=separators
    ).encode("utf-8", "backslashreplace")


# Mostly frames that differ in their text only, as in an answer.
_alike = st.tuples(
    st.one_of(st.sampled_from(_TEXTS), st.text(max_size=5)),
    *(st.sampled_from((0, 0, 0, 0, 1, number)) for number in (7, 5, 5, 4)),
)


class _ReadsInFull(TextTemplate):
    __slots__ = ()

    def read(self, data: bytes) -> str:
        return ""


def _decode_in_runs(frames: list[bytes]) -> list[Event | str]:
    decoder = ChatDecoder(ErrorTable({}, {}))
    events: list[Event | str] = []
    left = list(frames)
    try:
        while left:
            run = decoder.feed_run([Frame(data) for data in left])
            for event in run:
                events += ["|", event]
            del left[: len(run)]
            if left:
                events.append("|")
                events += decoder.feed(Frame(left.pop(0)))
        events += decoder.end()
    except UpstreamFailure as failure:
        events.append(failure.message)
    return events


def _decode(frames: list[bytes], template: TextTemplate) -> list[Event | str]:
    decoder = ChatDecoder(ErrorTable({}, {}))
    decoder._template = template
    events: list[Event | str] = []
    try:
        for data in frames:
            events.append("|")
            events += decoder.feed(Frame(data))
        events += decoder.end()
    except UpstreamFailure as failure:
        events.append(failure.message)
    return events


@given(st.lists(_alike, max_size=12))
def test_a_template_changes_no_event_and_no_failure(
    parts: list[tuple[str, int, int, int, int]],
) -> None:
    frames = [_frame(*part) for part in parts]
    in_full = _decode(frames, _ReadsInFull())
    assert _decode(frames, TextTemplate()) == in_full
    assert _decode_in_runs(frames) == in_full


@pytest.mark.parametrize("text", _TEXTS)
def test_every_frame_after_an_ordinary_one_has_its_text(text: str) -> None:
    frames = [_frame(each, 0, 0, 2, 0) for each in ("first", text, "last")]
    in_full = _decode(frames, _ReadsInFull())
    assert _decode(frames, TextTemplate()) == in_full
    assert _decode_in_runs(frames) == in_full


def test_a_run_ends_before_the_first_frame_that_is_more_than_a_text() -> None:
    decoder = ChatDecoder(ErrorTable({}, {}))
    for data in (_frame("", 0, 1, 2, 0), _frame("first", 0, 0, 2, 0)):
        decoder.feed(Frame(data))
    words = [_frame(f"word {number}", 0, 0, 2, 0) for number in range(10)]
    end = _frame("", 0, 0, 1, 0)
    run = decoder.feed_run([Frame(data) for data in [*words, end]])
    assert run == [TextDelta(f"word {number}") for number in range(10)]
    assert decoder.feed_run([Frame(words[0], "error")]) == ()


def test_frames_that_differ_in_their_text_only_are_read_by_the_template() -> None:
    template = TextTemplate()
    template.learn(_frame("first", 0, 0, 2, 0), "first")
    assert template.read(_frame("second", 0, 0, 2, 0)) == "second"
    assert template.read(_frame("line\nbreak", 0, 0, 2, 0)) == "line\nbreak"
    assert template.read(_frame("second", 3, 0, 2, 0)) == ""
    assert template.read(_frame("x", 0, 0, 2, 0).replace(b"x", b"\x01")) == ""
    assert template.read(_frame("x", 0, 0, 2, 0).replace(b"x", b"\xff")) == ""


@pytest.mark.parametrize(
    "data",
    [
        b'{"content":"x","choices":[{"delta":{"content":"x"}}]}',
        b'{"x":"\\"content\\":\\"x\\"","choices":[{"delta":{"text":"x"}}]}',
        b'{"x":"content","choices":[{"delta":{"text":"x"}}]}',
    ],
)
def test_nothing_is_learned_where_the_place_of_the_text_is_in_doubt(data: bytes) -> None:
    template = TextTemplate()
    template.learn(data, "x")
    assert template.read(data.replace(b'"x"', b'"y"', 1)) == ""
    assert template.read(data.replace(b'"x"', b'"y"')) == ""


def test_a_stream_whose_frames_all_differ_is_no_longer_learned_from() -> None:
    template = TextTemplate()
    frames = [b'{"content":"x","pad":"%d"}' % number for number in range(20)]
    for data in frames:
        assert template.read(data) == ""
        template.learn(data, "x")
    assert template.read(frames[-1]) == ""


def test_text_deltas_are_equal_by_value() -> None:
    """As before they were made cheaply: a race, a cache and the tests compare events."""
    assert TextDelta("a") == TextDelta("a") != TextDelta("b")
