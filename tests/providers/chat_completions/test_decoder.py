"""The many ways in which servers speak chat completions, and the one answer they all mean."""

from __future__ import annotations

from typing import Any

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from tests.providers.chat_completions.chunks import chunk, counts, events_of, frame
from tests.providers.fixtures import decode, new_decoder


def test_the_start_says_which_model_answers_and_what_clients_may_want_to_see() -> None:
    first = chunk({"role": "assistant"}, system_fingerprint="fp", service_tier="flex", id="x")
    expected = AnswerStart("m", {"system_fingerprint": "fp", "service_tier": "flex"})
    assert list(new_decoder("openai_compatible").feed(first)) == [expected]


def test_chunks_without_choices_or_model_start_nothing() -> None:
    decoder = new_decoder("openai_compatible")
    for odd in ({}, {"choices": None}, {"choices": [], "model": ""}, {"type": "ping"}):
        assert list(decoder.feed(frame(odd))) == []
    assert decoder.feed(chunk({"content": "Hi"})) == [AnswerStart("m"), TextDelta("Hi")]


def test_one_chunk_can_hold_everything_in_its_order() -> None:
    delta = {
        "content": "C",
        "reasoning_content": "R",
        "refusal": "F",
        "tool_calls": [{"index": 0, "id": "i", "function": {"name": "n", "arguments": "{}"}}],
    }
    assert events_of(chunk(delta, "tool_calls", usage=counts(3, 4))) == [
        ReasoningDelta("R"),
        TextDelta("C"),
        RefusalDelta("F"),
        ToolCallDelta(0, "i", "n", "{}"),
        AnswerEnd("tool_calls", Usage(3, 4)),
    ]


def test_reasoning_may_be_called_reasoning_and_is_not_given_twice() -> None:
    assert events_of(
        chunk({"reasoning": "a"}),
        chunk({"reasoning": "b", "reasoning_content": "b"}, "stop"),
    ) == [ReasoningDelta("a"), ReasoningDelta("b"), AnswerEnd("stop")]


def test_logprobs_travel_with_their_text() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -0.1}]}
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": logprobs}
    assert events_of(frame({"choices": [choice]}), chunk(finish="stop")) == [
        TextDelta("a", {"logprobs": logprobs}),
        AnswerEnd("stop"),
    ]


def test_choices_that_nobody_asked_for_are_not_mixed_in() -> None:
    other = {"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}
    unnumbered = {"delta": {"content": "mine"}, "finish_reason": "stop"}
    assert events_of(frame({"choices": [other, unnumbered]})) == [
        TextDelta("mine"),
        AnswerEnd("stop"),
    ]


class TestContent:
    """Text and reasoning, in whichever form a server writes them."""

    def test_a_list_of_parts_is_read_part_by_part(self) -> None:
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm. "}, {"n": 1}]}
        reasoning = {"type": "reasoning", "text": "So."}
        text = {"type": "text", "text": "Forty-two."}
        unknown = {"type": "reference", "reference_ids": [1]}
        assert events_of(
            chunk({"content": [thinking, reasoning]}),
            chunk({"content": [unknown, text, 7, None, "!"]}),
            chunk({"content": " Indeed."}, "stop"),
        ) == [
            ReasoningDelta("Hm. "),
            ReasoningDelta("So."),
            TextDelta("Forty-two."),
            TextDelta("!"),
            TextDelta(" Indeed."),
            AnswerEnd("stop"),
        ]

    @pytest.mark.parametrize("content", [7, True, {"text": "a"}])
    def test_content_that_is_neither_says_nothing(self, content: Any) -> None:
        assert events_of(chunk({"content": content}, "stop")) == [AnswerEnd("stop")]

    def test_what_a_client_is_shown_beside_the_text_goes_along(self) -> None:
        cited = [{"type": "url_citation", "url_citation": {"url": "https://a.test"}}]
        pictures = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
        assert events_of(
            chunk({"content": "a", "annotations": cited}),
            chunk({"images": pictures, "annotations": []}, "stop"),
        ) == [
            TextDelta("a"),
            MessageFields({"annotations": cited}),
            MessageFields({"images": pictures}),
            AnswerEnd("stop"),
        ]

    def test_details_of_reasoning_are_read_where_nothing_else_has_it(self) -> None:
        details = [
            {"type": "reasoning.text", "text": "Hm.", "index": 0},
            {"type": "reasoning.summary", "summary": " So.", "index": 0},
            {"type": "reasoning.encrypted", "data": "AAAA"},
        ]
        fields = MessageFields({"reasoning_details": details})
        assert events_of(chunk({"reasoning_details": details}, "stop"))[:2] == [
            ReasoningDelta("Hm. So."),
            fields,
        ]
        named = {"reasoning": "Hm.", "reasoning_details": details}
        assert events_of(chunk(named, "stop"))[:2] == [ReasoningDelta("Hm."), fields]

    def test_the_one_call_of_the_former_api_is_a_call(self) -> None:
        head = {"function_call": {"name": "look_up", "arguments": ""}}
        rest = {"function_call": {"arguments": '{"q":1}'}}
        _, call, end = list(
            decode(new_decoder("openai_compatible"), [chunk(head), chunk(rest, "function_call")])
        )
        assert isinstance(call, ToolCallDelta)
        assert (call.name, call.arguments) == ("look_up", '{"q":1}')
        assert end == AnswerEnd("tool_calls")


class TestAWholeCompletion:
    """A server that was asked for a stream may answer with one completion all the same."""

    def test_it_is_read_as_a_stream_of_one_chunk(self) -> None:
        message = {
            "role": "assistant",
            "content": "Yes.",
            "reasoning_content": "Hm.",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        body = {"object": "chat.completion", "model": "m", "choices": [choice]}
        assert events_of(frame({**body, "usage": counts(3, 4)})) == [
            ReasoningDelta("Hm."),
            TextDelta("Yes."),
            ToolCallDelta(0, "c", "f", "{}"),
            AnswerEnd("tool_calls", Usage(3, 4)),
        ]

    def test_one_that_has_not_ended_is_truncated(self) -> None:
        choice = {"index": 0, "message": {"content": "Ye"}, "finish_reason": None}
        with pytest.raises(UpstreamFailure) as caught:
            events_of(frame({"model": "m", "choices": [choice]}))
        assert caught.value.kind is FailureKind.TRUNCATED
