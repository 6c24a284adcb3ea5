"""Events in, OpenAI's words out: as chunks that the official SDK survives, or as one completion."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic_core import to_json

from omen.core.errors import (
    AllAttemptsFailed,
    FailedAttempt,
    FailureKind,
    OmenError,
    RequestError,
    TotalTimeoutExceeded,
    UpstreamFailure,
)
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceEnd,
    ChoiceSwitch,
    Event,
    ReasoningDelta,
    RefusalDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.front.http.stream_lines import data_event
from omen.front.openai.completion import Completion
from omen.front.openai.write import ChunkWriter, error_event, error_object
from tests.front.chunks import data_lines, read_chunks, steps, strict_json
from tests.front.writing import assembled, completed, strangers, usage_of, writer, written
from tests.providers.asking import candidate

FINISH = AnswerEnd("stop", Usage(3, 2))


texts = st.text(min_size=1, max_size=20)
usages = st.none() | st.builds(
    Usage,
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.dictionaries(st.sampled_from(["cached_tokens", "audio_tokens"]), st.integers(0, 99)),
    st.dictionaries(st.just("reasoning_tokens"), st.integers(0, 99)),
)
starts = st.builds(
    AnswerStart,
    st.none() | st.just("model-1"),
    st.fixed_dictionaries({}, optional={"system_fingerprint": texts}),
)
LOGPROBS = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Any answer that keeps the order `omen/core/events.py` promises."""
    events: list[Event] = draw(st.lists(starts, max_size=1))
    calls = 0
    for kind in draw(st.lists(st.sampled_from(["text", "reasoning", "refusal", "call", "more"]))):
        if kind == "call":
            events.append(ToolCallDelta(calls, f"call_{calls}", draw(texts), draw(st.text())))
            calls += 1
        elif kind == "more" and calls:
            events.append(ToolCallDelta(draw(st.integers(0, calls - 1)), arguments=draw(texts)))
        elif kind == "reasoning":
            events.append(ReasoningDelta(draw(texts)))
        elif kind == "refusal":
            events.append(RefusalDelta(draw(texts)))
        else:
            extras = draw(st.sampled_from([{}, {"logprobs": LOGPROBS}]))
            events.append(TextDelta(draw(st.text()), extras))
    reason = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
    return [*events, AnswerEnd(reason, draw(usages))]  # type: ignore[arg-type]


@settings(deadline=None)
@given(answers(), st.booleans())
def test_the_role_comes_once_and_first_and_the_finish_once_after_all_deltas(
    events: list[Event], include_usage: bool
) -> None:
    said = [step[0] for step in steps(read_chunks(written(events, include_usage)))]
    assert said[0] == "role"
    assert said.count("role") == said.count("finish") == 1
    assert said[said.index("finish") + 1 :] in ([], ["usage"])


@settings(deadline=None)
@given(answers(), st.booleans())
def test_usage_comes_to_those_who_asked_in_a_last_chunk_of_its_own_if_it_is_known(
    events: list[Event], include_usage: bool
) -> None:
    end = events[-1]
    assert isinstance(end, AnswerEnd)
    chunks = read_chunks(written(events, include_usage))
    with_usage = [chunk for chunk in chunks if chunk.get("usage") is not None]
    if include_usage and end.usage is not None:
        assert with_usage == [chunks[-1]]
        assert chunks[-1]["choices"] == []
        total = end.usage.prompt_tokens + end.usage.completion_tokens
        assert chunks[-1]["usage"]["total_tokens"] == total
    else:
        assert with_usage == []
        assert all(chunk["choices"] for chunk in chunks)


@settings(deadline=None)
@given(answers(), st.booleans())
def test_every_chunk_is_of_one_response_and_of_openais_type(
    events: list[Event], include_usage: bool
) -> None:
    for chunk in read_chunks(written(events, include_usage)):
        head = (chunk["id"], chunk["object"], chunk["created"])
        assert head == ("chatcmpl-1", "chat.completion.chunk", 1_760_000_000)
        assert strangers(ChatCompletionChunk.model_validate(chunk, strict=True)) == []


@settings(deadline=None)
@given(answers(), st.booleans())
def test_how_events_travel_together_does_not_change_what_is_written(
    events: list[Event], include_usage: bool
) -> None:
    one_by_one = writer(include_usage)
    assert b"".join(one_by_one.write([event]) for event in events) == written(events, include_usage)


stretches = st.lists(
    st.builds(AnswerStart, texts, st.fixed_dictionaries({}, optional={"system_fingerprint": texts}))
    | st.builds(TextDelta, st.text())
    | st.builds(ChoiceSwitch, st.integers(0, 2))
    | st.builds(ChoiceEnd, st.just("stop"))
    | st.just(Restart()),
    max_size=12,
)


@settings(deadline=None)
@given(stretches)
def test_a_text_is_written_with_prepared_bytes_as_it_would_be_as_a_chunk(
    events: list[Event],
) -> None:
    """Whatever came before: another choice, a restart, a start that names another model."""
    prepared, plain = writer(), writer()
    for event in events:
        in_chunks = b"".join(data_event(to_json(chunk)) for chunk in plain.chunks(event))
        assert prepared.write([event]) == in_chunks


@settings(deadline=None)
@given(answers())
def test_a_completion_says_what_the_sdk_makes_of_the_chunks(events: list[Event]) -> None:
    streamed = assembled(read_chunks(written(events)))
    body = completed(events)
    ChatCompletion.model_validate(body, strict=True)
    choice = body["choices"][0]
    assert choice["finish_reason"] == streamed["finish_reason"]
    for key in ("content", "refusal", "reasoning_content"):
        assert (choice["message"].get(key) or "") == (streamed.get(key) or "")
    calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in choice["message"].get("tool_calls", ())
    ]
    assert calls == [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in streamed.get("tool_calls") or ()
    ]
    assert usage_of(body.get("usage")) == usage_of(streamed["usage"])


@settings(deadline=None)
@given(answers(), st.booleans())
def test_omens_own_object_is_in_the_last_chunk_and_nowhere_else(
    events: list[Event], include_usage: bool
) -> None:
    chunks = read_chunks(written(events, include_usage, race_id="r1"))
    assert ["omen" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].pop("omen") == {"race_id": "r1"}
    assert chunks == read_chunks(written(events, include_usage))


def test_a_model_is_called_what_the_upstream_calls_it_from_the_first_chunk_on() -> None:
    named = read_chunks(written([AnswerStart("model-1"), TextDelta("a"), FINISH]))
    assert {chunk["model"] for chunk in named} == {"model-1"}
    unnamed = read_chunks(written([AnswerStart(), TextDelta("a"), FINISH]))
    assert {chunk["model"] for chunk in unnamed} == {"a-model"}
    assert completed([AnswerStart("model-1"), FINISH])["model"] == "model-1"
    assert completed([FINISH])["model"] == "a-model"


def test_the_upstreams_fingerprint_and_tier_are_passed_on() -> None:
    told = {"system_fingerprint": "fp_1", "service_tier": "default"}
    events: list[Event] = [AnswerStart("m", told), TextDelta("a"), FINISH]
    for body in [*read_chunks(written(events)), completed(events)]:
        assert {key: body[key] for key in told} == told


def test_only_the_first_fragment_of_a_call_has_its_id_type_and_name() -> None:
    fragments: list[Event] = [ToolCallDelta(0, "c1", "f"), ToolCallDelta(0, arguments="{"), FINISH]
    first, second, *_ = read_chunks(written(fragments))
    assert first["choices"][0]["delta"]["tool_calls"] == [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    ]
    assert second["choices"][0]["delta"]["tool_calls"] == [
        {"index": 0, "function": {"arguments": "{"}}
    ]


def test_fragments_of_calls_that_arrive_mixed_end_up_in_their_own_calls_in_order() -> None:
    mixed: list[Event] = [
        ToolCallDelta(0, "c0", "f", "{"),
        ToolCallDelta(1, "c1", "g", "["),
        ToolCallDelta(0, arguments="}"),
        ToolCallDelta(1, arguments="]"),
        AnswerEnd("tool_calls"),
    ]
    message = completed(mixed)["choices"][0]["message"]
    assert message["content"] is None
    assert [(c["id"], c["function"]["arguments"]) for c in message["tool_calls"]] == [
        ("c0", "{}"),
        ("c1", "[]"),
    ]
    streamed = assembled(read_chunks(written(mixed)))["tool_calls"]
    assert [(c["id"], c["function"]["arguments"]) for c in streamed] == [("c0", "{}"), ("c1", "[]")]


def test_logprobs_are_passed_on_in_chunks_and_added_up_in_a_completion() -> None:
    token: Event = TextDelta("a", {"logprobs": LOGPROBS})
    events: list[Event] = [token, TextDelta("b"), token, FINISH]
    told = [chunk["choices"][0]["logprobs"] for chunk in read_chunks(written(events))[:4]]
    assert told == [LOGPROBS, None, LOGPROBS, None]
    assert completed(events)["choices"][0]["logprobs"] == {"content": LOGPROBS["content"] * 2}
    assert completed([TextDelta("a"), FINISH])["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("number", [float("-inf"), float("inf"), float("nan")])
def test_a_logprob_that_is_no_number_does_not_make_a_chunk_that_is_no_json(number: float) -> None:
    """Servers in Python write `-Infinity` for a token that was forced; a browser cannot read it."""
    logprobs = {"content": [{**LOGPROBS["content"][0], "logprob": number}]}
    lines = data_lines(written([TextDelta("a", {"logprobs": logprobs}), FINISH]))
    assert [strict_json(line)["object"] for line in lines[:-1]]


@pytest.mark.parametrize("text", ["\n\n", "data: x\r\n\r\n", "\x00", "\x85\u2028", "\U0001f600"])
def test_no_text_can_break_out_of_its_line(text: str) -> None:
    chunks = read_chunks(written([TextDelta(text), ReasoningDelta(text), FINISH]))
    assert assembled(chunks)["content"] == text


@pytest.mark.parametrize(
    ("events", "content"),
    [
        ([FINISH], ""),
        ([TextDelta("a"), TextDelta("b"), FINISH], "ab"),
        ([RefusalDelta("no"), FINISH], None),
        ([ToolCallDelta(0, "c", "f"), FINISH], None),
        ([TextDelta("a"), ToolCallDelta(0, "c", "f"), FINISH], "a"),
    ],
)
def test_the_content_of_a_completion_is_null_only_beside_a_refusal_or_a_call(
    events: list[Event], content: str | None
) -> None:
    assert completed(events)["choices"][0]["message"]["content"] == content


def test_an_answer_without_an_end_is_no_completion() -> None:
    completion = Completion()
    trio.run(completion.send, [TextDelta("a")])
    assert completion.text == "a"
    with pytest.raises(RuntimeError):
        completion.body("chatcmpl-1", 0, "m")


BUSY = UpstreamFailure(FailureKind.RATE_LIMIT, "busy", upstream_code="slow_down")
LATE = UpstreamFailure(FailureKind.TIMEOUT, 'late "and\nquoted"')


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RequestError("no", param="omen.k", code="bad"),
            {"message": "no", "type": "invalid_request_error", "param": "omen.k", "code": "bad"},
        ),
        (
            OmenError("oops"),
            {"message": "oops", "type": "server_error", "param": None, "code": "internal_error"},
        ),
        (
            BUSY,
            {"message": "busy", "type": "upstream_error", "param": None, "code": "slow_down"},
        ),
        (
            UpstreamFailure(FailureKind.CONTEXT_LENGTH, "too long"),
            {
                "message": "too long",
                "type": "invalid_request_error",
                "param": None,
                "code": "context_length",
            },
        ),
        (
            TotalTimeoutExceeded("time is up"),
            {
                "message": "time is up",
                "type": "timeout_error",
                "param": None,
                "code": "total_timeout_exceeded",
            },
        ),
        (
            AllAttemptsFailed(
                [
                    FailedAttempt(candidate("openai", "a"), LATE),
                    FailedAttempt(candidate("xai", "b"), BUSY),
                ]
            ),
            {
                "message": 'every attempt failed (2): openai/a: late "and\nquoted"; xai/b: busy',
                "type": "upstream_error",
                "param": None,
                "code": "slow_down",
            },
        ),
    ],
)
def test_an_error_is_one_object_of_openais_shape_in_a_body_and_in_a_stream(
    error: OmenError, told: dict[str, Any]
) -> None:
    assert error_object(error) == {"error": told}
    (line,) = data_lines(error_event(error))
    assert json.loads(line) == {"error": told}


@pytest.mark.parametrize("texts", [[",", "x"], ["a", "", "b"], ['"', ","], ["a,", ",b", "\\"]])
def test_texts_that_came_together_are_written_as_they_are_one_by_one(texts: list[str]) -> None:
    def written(*batches: list[Event]) -> bytes:
        writer = ChunkWriter("chatcmpl-1", 1, "m", include_usage=False)
        return b"".join([writer.write(batch) for batch in ([AnswerStart("m")], *batches)])

    events: list[Event] = [TextDelta(text) for text in texts]
    assert written(events) == written(*[[event] for event in events])
