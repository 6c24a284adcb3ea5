"""Rules of the /api/chat stream that the fixtures do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, AnswerStart, Event, ReasoningDelta, TextDelta
from omen.core.frames import Frame
from tests.providers.assemble import assemble
from tests.providers.fixtures import decode, new_decoder


def events_of(*lines: dict[str, Any]) -> list[Event]:
    frames = [Frame(json.dumps(line).encode()) for line in lines]
    return list(decode(new_decoder("ollama"), frames))


def line(done: bool = False, **message: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", **message}, "done": done}


def call(name: str, arguments: object = None, **rest: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **rest}


def test_the_last_line_can_hold_the_whole_answer() -> None:
    last = line(done=True, thinking="R", content="C", tool_calls=[call("f", {"a": 1}, id="x")])
    start, reasoning, text, tool, end = events_of(last)
    assert (start, reasoning, text) == (AnswerStart("m"), ReasoningDelta("R"), TextDelta("C"))
    assert (end, assemble([tool]).tool_calls) == (
        AnswerEnd("tool_calls"),
        [{"id": "x", "name": "f", "arguments": '{"a":1}'}],
    )


@pytest.mark.parametrize(
    ("done_reason", "with_call", "meant"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        ("length", False, "length"),
        ("length", True, "length"),
        ("load", False, "stop"),
        (None, False, "stop"),
    ],
)
def test_finish_reasons(done_reason: str | None, with_call: bool, meant: str) -> None:
    calls = [call("f")] if with_call else []
    last = line(done=True, tool_calls=calls) | {"done_reason": done_reason}
    assert assemble(events_of(last)).finish_reason == meant


def test_an_id_that_was_given_before_is_replaced() -> None:
    first, second = assemble(
        events_of(
            line(tool_calls=[call("f", {}, id="same")]),
            line(done=True, tool_calls=[call("g", "{}", id="same")]),
        )
    ).tool_calls
    assert first == {"id": "same", "name": "f", "arguments": "{}"}
    assert second["id"] not in ("", "same")


def test_without_any_count_there_is_no_usage() -> None:
    assert assemble(events_of(line(done=True))).usage is None


def test_logprobs_travel_with_their_text_in_openais_shape() -> None:
    tokens = [{"token": "a", "logprob": -0.1}]
    _, text, _ = events_of(line(content="a") | {"logprobs": tokens}, line(done=True))
    assert text == TextDelta("a", {"logprobs": {"content": tokens}})


def test_lines_that_stop_before_the_last_one_are_truncated() -> None:
    with pytest.raises(UpstreamFailure) as caught:
        events_of(line(content="a"))
    assert caught.value.kind is FailureKind.TRUNCATED


def test_a_line_with_an_error_ends_the_attempt() -> None:
    with pytest.raises(UpstreamFailure) as caught:
        events_of(line(content="a"), {"error": "model runner has unexpectedly stopped"})
    failure = caught.value
    assert (failure.kind, failure.message) == (FailureKind.SERVER_ERROR, "the upstream failed")
