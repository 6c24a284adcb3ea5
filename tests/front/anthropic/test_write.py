"""Answers in Anthropic's words: recorded streams, interleaved calls, an upstream's own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.chat import ChatRequest, Verbatim
from omen.core.errors import FailureKind, OmenError, RequestError, UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    WireEvent,
)
from omen.core.frames import Frame
from omen.front.anthropic.blocks import OWN_SIGNATURE
from omen.front.anthropic.message import Message
from omen.front.anthropic.write import MessagesWriter, Named, error_body, error_event, status_of
from omen.providers import KINDS
from tests.front.messages import check_blocks, merged, read, written
from tests.providers.asking import candidate
from tests.providers.fixtures import Fixture, decode, fixtures

RECORDED = sorted((Path(__file__).parent / "inbound_anthropic").glob("*.json"))
STREAMS = {fixture.id: fixture for fixture in fixtures("stream")}
END = AnswerEnd("stop", Usage(3, 2))


def replay(fixture: Fixture) -> tuple[list[Event], UpstreamFailure | None]:
    events: list[Event] = []
    try:
        for event in decode(fixture.decoder(), fixture.frames(fixture.pieces)):
            events.append(event)
    except UpstreamFailure as failure:
        return events, failure
    return events, None


def like(wire: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Take over what is made up for each answer: ids of ours, our signature, our error's words."""
    wire = json.loads(json.dumps(wire))
    match wire["type"]:
        case "message_start":
            wire["message"]["id"] = wanted["message"]["id"]
        case "content_block_start" if wanted["content_block"].get("id", "").startswith("$GATEWAY"):
            wire["content_block"]["id"] = wanted["content_block"]["id"]
        case "content_block_delta" if wanted["delta"].get("signature") == "$GATEWAY_MADE":
            assert wire["delta"]["signature"] == OWN_SIGNATURE
            wire["delta"]["signature"] = "$GATEWAY_MADE"
        case "error":
            assert wire["error"].keys() == wanted["error"].keys()
            wire = wanted
    return wire


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name.partition(".")[0])
def test_a_recorded_stream_is_what_a_messages_client_must_get(path: Path) -> None:
    wanted = json.loads(path.read_text(encoding="utf-8"))
    events, failure = replay(STREAMS[wanted["source"]])
    objects = written([events])
    if failure is not None:
        objects += read(error_event(failure, "req_1"))
    check_blocks(objects)
    expected = merged(wanted["events"])
    got = merged(objects)
    assert [wire["type"] for wire in got] == [wire["type"] for wire in expected]
    assert [like(wire, one) for wire, one in zip(got, expected, strict=True)] == expected


COMPLETE = [path for path in RECORDED if json.loads(path.read_bytes())["outcome"] == "ok"]


@pytest.mark.parametrize("path", COMPLETE, ids=lambda path: path.name.partition(".")[0])
def test_a_whole_message_says_the_same_as_the_stream(path: Path) -> None:
    source = json.loads(path.read_text(encoding="utf-8"))["source"]
    events, failure = replay(STREAMS[source])
    assert failure is None
    message = Message(Named("msg_1", "m"))
    for event in events:
        message.add(event)
    body = message.body()
    assembled = STREAMS[source].expected["assembled"]
    texts = "".join(block["text"] for block in body["content"] if block["type"] == "text")
    assert texts == (assembled["content"] or "") + (assembled["refusal"] or "")
    calls = [block for block in body["content"] if block["type"] == "tool_use"]
    assert [call["input"] for call in calls] == [
        json.loads(call["arguments"]) for call in assembled["tool_calls"]
    ]
    assert body["stop_reason"] is not None


def test_calls_that_come_interleaved_go_out_one_after_the_other() -> None:
    events = [
        AnswerStart("m"),
        ToolCallDelta(0, "a", "first", '{"x'),
        ToolCallDelta(1, "b", "second", '{"y'),
        ToolCallDelta(0, arguments='":1}'),
        TextDelta("late"),
        ToolCallDelta(1, arguments='":2}'),
        AnswerEnd("tool_calls"),
    ]
    objects = written([events])
    check_blocks(objects)
    message = Message(Named("i", "m"))
    for event in events:
        message.add(event)
    assert message.body()["content"] == [
        {"type": "tool_use", "id": "a", "name": "first", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "second", "input": {"y": 2}},
        {"type": "text", "text": "late"},
    ]


def test_foreign_reasoning_is_a_thinking_block_with_our_own_mark() -> None:
    objects = written([[AnswerStart("m"), ReasoningDelta("hm"), TextDelta("yes"), END]])
    deltas = [wire["delta"] for wire in objects if wire["type"] == "content_block_delta"]
    assert deltas == [
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": OWN_SIGNATURE},
        {"type": "text_delta", "text": "yes"},
    ]


def test_arguments_that_are_no_object_stay_readable_in_a_whole_message() -> None:
    message = Message(Named("i", "m"))
    for event in (ToolCallDelta(0, "a", "f", "not json"), AnswerEnd("tool_calls")):
        message.add(event)
    assert message.body()["content"][0]["input"] == {"unparsed_arguments": "not json"}


DELTAS = st.lists(
    st.one_of(
        st.builds(TextDelta, st.text(min_size=1)),
        st.builds(ReasoningDelta, st.text(min_size=1)),
        st.builds(ToolCallDelta, st.integers(0, 2), arguments=st.text()),
    )
)


@given(deltas=DELTAS)
def test_blocks_never_overlap_and_nothing_is_lost(deltas: list[Any]) -> None:
    named: set[int] = set()
    events: list[Event] = [AnswerStart("m")]
    for delta in deltas:
        if isinstance(delta, ToolCallDelta) and delta.index not in named:
            named.add(delta.index)
            delta = ToolCallDelta(delta.index, f"id{delta.index}", "f", delta.arguments)
        events.append(delta)
    objects = written([[event] for event in [*events, END]])
    check_blocks(objects)
    for field, kind in (("text", TextDelta), ("thinking", ReasoningDelta)):
        said = "".join(wire["delta"].get(field, "") for wire in objects if "delta" in wire)
        assert said == "".join(delta.text for delta in deltas if isinstance(delta, kind))
    for index in named:
        given_ = "".join(d.arguments for d in deltas if getattr(d, "index", None) == index)
        (place,) = (
            wire["index"]
            for wire in objects
            if wire.get("content_block", {}).get("id") == f"id{index}"
        )
        assert given_ == "".join(
            wire["delta"].get("partial_json", "")
            for wire in objects
            if wire.get("index") == place and "delta" in wire
        )


ANTHROPIC = [fixture for fixture in STREAMS.values() if fixture.entry["provider"] == "anthropic"]


@pytest.mark.parametrize("fixture", ANTHROPIC, ids=lambda fixture: fixture.id)
def test_an_anthropic_upstreams_own_words_reach_the_client_as_they_came(fixture: Fixture) -> None:
    asked = ChatRequest((), verbatim=Verbatim("anthropic", {"messages": []}))
    decoder = KINDS["anthropic"].decoder(asked, candidate("anthropic", "claude"))
    frames = list(fixture.frames(fixture.pieces))
    events: list[Event] = []
    try:
        for frame in frames:
            events += decoder.feed(frame)
    except UpstreamFailure:
        frames = [frame for frame in frames if frame.event != "error"]
    came = [json.loads(frame.data) for frame in frames]
    assert written([[event] for event in events]) == came


def test_of_an_upstreams_own_words_only_the_models_name_is_ours() -> None:
    start = {"type": "message_start", "message": {"id": "up", "model": "claude-1", "x": [1]}}
    other = {"type": "message_delta", "delta": {"model": "claude-1"}}
    events = [
        WireEvent("anthropic", one["type"], json.dumps(one).encode()) for one in (start, other)
    ]
    named = {**start, "message": {"id": "up", "model": "best", "x": [1]}}
    for as_asked, came in ((True, named), (False, start)):
        writer = MessagesWriter(Named("msg_1", "best", as_asked=as_asked))
        frames = writer.write(events).split(b"\n\n")[:2]
        assert [json.loads(frame.partition(b"data: ")[2]) for frame in frames] == [came, other]


def test_a_whole_message_keeps_blocks_and_fields_that_omen_does_not_know() -> None:
    wire = [
        {"type": "message_start", "message": {"id": "msg_up", "content": [], "usage": {"a": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "new", "x": [1]}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "new_delta", "more": "t"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "text", "text": "", "citations": None},
        },
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "citations_delta", "citation": {"url": "u"}},
        },
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "container": {"id": "c"}},
            "usage": {"output_tokens": 3, "a": None},
            "context_management": {"applied_edits": []},
        },
        {"type": "message_stop"},
    ]
    asked = ChatRequest((), verbatim=Verbatim("anthropic", {"messages": []}))
    decoder = KINDS["anthropic"].decoder(asked, candidate("anthropic", "claude"))
    message = Message(Named("ours", "m"))
    from_wire = [json.dumps(one).encode() for one in wire]
    for data in from_wire:
        for event in decoder.feed(Frame(data)):
            message.add(event)
    assert message.body() == {
        "id": "msg_up",
        "content": [
            {"type": "new", "x": [1], "more": "t"},
            {"type": "text", "text": "a", "citations": [{"url": "u"}]},
        ],
        "stop_reason": "end_turn",
        "container": {"id": "c"},
        "usage": {"a": 1, "output_tokens": 3},
        "context_management": {"applied_edits": []},
    }


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RequestError("no"), 400, "invalid_request_error"),
        (RequestError("no", status=405), 405, "invalid_request_error"),
        (UpstreamFailure(FailureKind.NOT_FOUND, "no"), 404, "not_found_error"),
        (UpstreamFailure(FailureKind.TOO_LARGE, "no"), 413, "request_too_large"),
        (UpstreamFailure(FailureKind.RATE_LIMIT, "no"), 429, "rate_limit_error"),
        (UpstreamFailure(FailureKind.OVERLOADED, "no"), 529, "overloaded_error"),
        (UpstreamFailure(FailureKind.UPSTREAM_AUTH, "no"), 502, "api_error"),
        (UpstreamFailure(FailureKind.TIMEOUT, "no"), 504, "timeout_error"),
        (OmenError("no"), 500, "api_error"),
    ],
)
def test_errors_have_anthropics_status_and_type(error: OmenError, status: int, kind: str) -> None:
    assert status_of(error) == status
    assert error_body(error, "req_1") == {
        "type": "error",
        "error": {"type": kind, "message": "no"},
        "request_id": "req_1",
    }


def test_an_answer_begins_with_the_estimate_of_its_prompt_and_ends_with_the_count() -> None:
    named = Named("msg_1", "m", input_tokens=1234)
    writer = MessagesWriter(named)
    start, *_, end, _ = read(writer.write([AnswerStart("m"), TextDelta("Hi."), END]))
    assert start["message"]["usage"] == {"input_tokens": 1234, "output_tokens": 0}
    assert end["usage"]["input_tokens"] == 3


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("context_length_exceeded", "maximum context length is 8", "prompt is too long: maximum"),
        ("context_length_exceeded", "Prompt is too long: 9 > 8", "Prompt is too long: 9 > 8"),
        ("invalid_request", "maximum context length is 8", "maximum context length is 8"),
    ],
)
def test_a_prompt_that_does_not_fit_is_told_in_the_words_that_clients_look_for(
    code: str, message: str, told: str
) -> None:
    error = RequestError(message, code=code)
    assert error_body(error, "req_1")["error"]["message"].startswith(told)
