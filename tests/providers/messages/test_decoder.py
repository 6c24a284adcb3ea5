"""Rules of the Messages stream that the fixtures do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.chat import ChatRequest, Message, TextPart, Verbatim
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    ReasoningEnd,
    TextDelta,
    Usage,
)
from omen.core.frames import Frame
from omen.providers import KINDS
from omen.providers.messages.decoder import MessagesDecoder
from tests.providers.asking import candidate
from tests.providers.assemble import assemble
from tests.providers.fixtures import decode, new_decoder

STOP = {"type": "message_stop"}


def test_thinking_is_given_whole_at_its_end_to_be_brought_back_unchanged() -> None:
    def delta(index: int, kind: str, **fields: str) -> dict[str, Any]:
        delta = {"type": kind, **fields}
        return {"type": "content_block_delta", "index": index, "delta": delta}

    redacted = {"type": "redacted_thinking", "data": "x"}
    events = events_of(
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        delta(0, "thinking_delta", thinking="h"),
        delta(0, "thinking_delta", thinking="m"),
        delta(0, "signature_delta", signature="EqQB"),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": redacted},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        STOP,
    )
    blocks = [event.block for event in events if isinstance(event, ReasoningEnd)]
    signed = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    assert [(b.kind, b.model, b.value) for b in blocks] == [
        ("anthropic", "some-model", signed),
        ("anthropic", "some-model", redacted),
    ]


def events_of(*events: dict[str, Any]) -> list[Event]:
    frames = [Frame(json.dumps(event).encode(), event["type"]) for event in events]
    return list(decode(new_decoder("anthropic"), frames))


def start(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"model": "m", "usage": usage}}


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": content}


def block_stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def finish(reason: str | None, **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("compaction", "stop"),
        ("refusal", "content_filter"),
        (None, "stop"),
    ],
)
def test_stop_reasons(said: str | None, meant: str) -> None:
    assert assemble(events_of(start(), finish(said), STOP)).finish_reason == meant


CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


@pytest.mark.parametrize("said", ["tool_use", "end_turn", None])
def test_an_answer_with_a_call_ends_for_it_whatever_the_reason_says(said: str | None) -> None:
    answer = assemble(events_of(start(), block(0, **CALL), block_stop(0), finish(said), STOP))
    assert answer.finish_reason == "tool_calls"
    assert assemble(events_of(start(), finish("tool_use"), STOP)).finish_reason == "stop"


def test_a_reason_that_nobody_knows_is_a_failure_but_for_who_reads_it_himself() -> None:
    with pytest.raises(UpstreamFailure) as caught:
        events_of(start(), finish("something_new"), STOP)
    assert caught.value.kind is FailureKind.TRUNCATED
    verbatim = MessagesDecoder("m", verbatim=True)
    for event in (start(), finish("something_new")):
        verbatim.feed(Frame(json.dumps(event).encode()))
    assert AnswerEnd("stop") in verbatim.feed(Frame(json.dumps(STOP).encode()))


def test_blocks_may_all_be_closed_at_the_end() -> None:
    answer = assemble(
        events_of(
            start(),
            block(0, type="text", text=""),
            delta(0, type="text_delta", text="Both."),
            block(1, **CALL),
            delta(1, type="input_json_delta", partial_json='{"a":'),
            block(2, **{**CALL, "id": "u", "name": "g"}),
            delta(1, type="input_json_delta", partial_json="1}"),
            block(3, **{**CALL, "id": "v", "name": "h"}),
            delta(2, type="input_json_delta", partial_json="{}"),
            finish("tool_use"),
            block_stop(0),
            block_stop(2),
            STOP,
        )
    )
    assert answer.tool_calls == [
        {"id": "t", "name": "f", "arguments": '{"a":1}'},
        {"id": "u", "name": "g", "arguments": "{}"},
        {"id": "v", "name": "h", "arguments": "{}"},
    ]


@pytest.mark.parametrize(
    ("reason", "named", "is_meant"),
    [("pause_turn", None, True), ("stop_sequence", "END", True), ("end_turn", None, False)],
)
def test_an_end_says_whether_nothing_before_it_was_meant(
    reason: str, named: str | None, is_meant: bool
) -> None:
    ended = {"stop_reason": reason, "stop_sequence": named}
    events = events_of(start(), {"type": "message_delta", "delta": ended}, STOP)
    assert events[-1] == AnswerEnd("stop", meant=is_meant, stop_sequence=named)


def test_a_whole_message_is_read_as_the_stream_that_says_the_same() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "text", "text": "Wait."},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "u", "name": "g", "input": {}},
    ]
    message = {
        "type": "message",
        "model": "m",
        "content": content,
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 9},
    }
    events = events_of(message)
    assert [event.block.value for event in events if isinstance(event, ReasoningEnd)] == content[:1]
    answer = assemble(events)
    assert (answer.reasoning, answer.content) == ("Hm.", "Wait.")
    assert [call["arguments"] for call in answer.tool_calls] == ['{"a":1}', "{}"]
    assert answer.usage == Usage(3, 9)


def test_later_usage_overwrites_and_what_is_absent_or_null_keeps_its_value() -> None:
    answer = assemble(
        events_of(
            start(input_tokens=10, cache_read_input_tokens=5, output_tokens=1, speed="standard"),
            finish(None, input_tokens=12, cache_read_input_tokens=None, output_tokens=7),
            finish("end_turn", output_tokens=9, output_tokens_details={"thinking_tokens": 4}),
            STOP,
        )
    )
    assert answer.usage == Usage(
        17, 9, {"cached_tokens": 5}, {"reasoning_tokens": 4}, {"speed": "standard"}
    )


def test_no_usage_is_not_zero_usage() -> None:
    assert assemble(events_of(start(), finish("end_turn", output_tokens=9), STOP)).usage is None


def test_a_message_is_complete_once_it_has_a_stop_reason() -> None:
    assert events_of(start(), finish("end_turn")) == [AnswerStart("m"), AnswerEnd("stop")]


def test_several_texts_are_one_and_a_block_may_start_with_some() -> None:
    events = events_of(
        start(),
        block(0, type="thinking", thinking="Hm"),
        block(1, type="text", text="a"),
        delta(1, type="text_delta", text="b"),
        block_stop(1),
        block(2, type="text", text=""),
        delta(2, type="text_delta", text="c"),
        finish("end_turn"),
    )
    assert events[1:-1] == [ReasoningDelta("Hm"), TextDelta("a"), TextDelta("b"), TextDelta("c")]


def test_tools_that_the_server_ran_itself_do_not_show_and_are_not_counted() -> None:
    answer = assemble(
        events_of(
            start(),
            block(0, type="server_tool_use", id="s", name="web_search", input={}),
            delta(0, type="input_json_delta", partial_json='{"q":1}'),
            block_stop(0),
            block(1, type="web_search_tool_result", content=[]),
            block_stop(1),
            block(2, type="tool_use", id="t", name="f", input={}),
            delta(2, type="input_json_delta", partial_json="{}"),
            block_stop(2),
            finish("tool_use"),
        )
    )
    assert answer.tool_calls == [{"id": "t", "name": "f", "arguments": "{}"}]


def test_a_call_may_come_with_its_input_whole() -> None:
    answer = assemble(
        events_of(start(), block(0, type="tool_use", id="t", name="f", input={"a": 1}), STOP)
    )
    assert answer.tool_calls == [{"id": "t", "name": "f", "arguments": '{"a":1}'}]


def test_what_is_unknown_gives_nothing() -> None:
    assert events_of(
        {"type": "something_new"},
        start(),
        {"type": "ping"},
        block(0, type="hologram"),
        delta(0, type="hologram_delta", text="?"),
        delta(0, type="signature_delta", signature="s"),
        delta(7, type="input_json_delta", partial_json="{}"),
        block_stop(0),
        finish("end_turn"),
    ) == [AnswerStart("m"), AnswerEnd("stop")]


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("invalid_request_error", FailureKind.INVALID_REQUEST),
        ("authentication_error", FailureKind.UPSTREAM_AUTH),
        ("billing_error", FailureKind.QUOTA),
        ("not_found_error", FailureKind.NOT_FOUND),
        ("request_too_large", FailureKind.TOO_LARGE),
        ("rate_limit_error", FailureKind.RATE_LIMIT),
        ("api_error", FailureKind.SERVER_ERROR),
        ("timeout_error", FailureKind.TIMEOUT),
        ("overloaded_error", FailureKind.OVERLOADED),
        ("brand_new_error", FailureKind.SERVER_ERROR),
    ],
)
def test_errors_inside_a_stream_go_by_their_type(type_: str, kind: FailureKind) -> None:
    error = {"type": "error", "error": {"type": type_, "message": "m"}, "request_id": "req_1"}
    with pytest.raises(UpstreamFailure) as caught:
        events_of(start(), error)
    failure = caught.value
    assert (failure.kind, failure.code, failure.request_id) == (kind, type_, "req_1")


@pytest.mark.parametrize(
    ("verbatim", "role", "stop", "meant"),
    [
        (True, "tool", "end_turn", True),
        (True, "tool", "refusal", False),
        (True, "user", "end_turn", False),
        (False, "tool", "end_turn", False),
    ],
)
def test_an_empty_answer_to_a_tools_result_is_meant_for_a_client_of_this_api(
    verbatim: bool, role: Any, stop: str, meant: bool
) -> None:
    said = Verbatim("anthropic", {"messages": []}) if verbatim else None
    request = ChatRequest((Message(role, (TextPart("x"),)),), verbatim=said)
    decoder = KINDS["anthropic"].decoder(request, candidate("anthropic", "claude"))
    delta = {"type": "message_delta", "delta": {"stop_reason": stop}}
    frames = [Frame(json.dumps(event).encode()) for event in (delta, STOP)]
    (end,) = [e for e in decode(decoder, frames) if isinstance(e, AnswerEnd)]
    assert end.meant is meant
