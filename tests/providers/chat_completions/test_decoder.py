"""The many ways in which servers speak chat completions, and the one answer they all mean."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.core.frames import Frame
from tests.providers.fixtures import decode, new_decoder

DONE = Frame(b"[DONE]")


def frame(chunk: dict[str, Any], event: str = "") -> Frame:
    return Frame(json.dumps(chunk).encode(), event)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **rest: Any) -> Frame:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return frame({"model": "m", "choices": [choice], **rest})


def events_of(*frames: Frame) -> list[Event]:
    """Give the events of a whole answer, the start left out."""
    events = list(decode(new_decoder("openai_compatible"), frames))
    return [event for event in events if not isinstance(event, AnswerStart)]


def counts(prompt: int, completion: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


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


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("eos_token", "stop"),
    ],
)
def test_finish_reasons(said: str, meant: str) -> None:
    (end,) = events_of(chunk(finish=said))
    assert isinstance(end, AnswerEnd)
    assert end.reason == meant


class TestTheEnd:
    """The answer ends as soon as it is known how, with the usage where there is one."""

    def test_it_does_not_wait_for_done_when_usage_follows_the_finish(self) -> None:
        decoder = new_decoder("openai_compatible")
        assert not any(isinstance(e, AnswerEnd) for e in decoder.feed(chunk(finish="stop")))
        usage = frame({"choices": [], "usage": counts(3, 4)})
        assert decoder.feed(usage) == [AnswerEnd("stop", Usage(3, 4))]

    def test_it_comes_at_done_when_there_is_no_usage(self) -> None:
        decoder = new_decoder("openai_compatible")
        decoder.feed(chunk(finish="stop"))
        assert list(decoder.feed(DONE)) == [AnswerEnd("stop")]

    def test_it_comes_at_the_end_of_the_bytes_when_there_is_no_done(self) -> None:
        decoder = new_decoder("openai_compatible")
        decoder.feed(chunk(finish="stop"))
        assert list(decoder.end()) == [AnswerEnd("stop")]

    def test_done_without_a_finish_is_a_truncated_answer(self) -> None:
        decoder = new_decoder("openai_compatible")
        decoder.feed(chunk({"content": "Half an ans"}))
        with pytest.raises(UpstreamFailure) as caught:
            decoder.feed(DONE)
        assert caught.value.kind is FailureKind.TRUNCATED

    def test_usage_on_every_chunk_counts_as_of_the_last(self) -> None:
        assert events_of(
            chunk({"content": "a"}, usage=counts(3, 1)),
            chunk({"content": "b"}, usage=counts(3, 2)),
            chunk(finish="stop", usage=counts(3, 2)),
        ) == [TextDelta("a"), TextDelta("b"), AnswerEnd("stop", Usage(3, 2))]

    def test_usage_older_than_the_finish_waits_for_a_newer_one(self) -> None:
        assert events_of(
            chunk({"content": "a"}, usage=counts(3, 1)),
            chunk(finish="stop"),
            frame({"choices": [], "usage": counts(3, 9)}),
        ) == [TextDelta("a"), AnswerEnd("stop", Usage(3, 9))]

    def test_usage_older_than_the_finish_is_better_than_none(self) -> None:
        assert events_of(
            chunk({"content": "a"}, usage=counts(3, 1)), chunk(finish="stop"), DONE
        ) == [TextDelta("a"), AnswerEnd("stop", Usage(3, 1))]

    def test_azures_filter_may_give_the_only_finish_reason_in_an_annotation(self) -> None:
        annotation = {
            "id": "",
            "model": "",
            "choices": [
                {"index": 0, "finish_reason": "content_filter", "content_filter_offsets": {}}
            ],
        }
        assert events_of(chunk({"content": "a"}), frame(annotation), DONE) == [
            TextDelta("a"),
            AnswerEnd("content_filter"),
        ]


class TestUsage:
    """Prompt includes cache, completion includes reasoning, whoever reports it."""

    def end(self, usage: object) -> Usage | None:
        (end,) = events_of(chunk(finish="stop"), frame({"choices": [], "usage": usage}), DONE)
        assert isinstance(end, AnswerEnd)
        return end.usage

    def test_xais_own_bill_is_read_and_what_has_no_name_goes_along(self) -> None:
        usage = counts(3, 4) | {"cost_in_usd_ticks": 47, "num_sources_used": 0, "nothing": None}
        assert self.end(usage) == Usage(
            3, 4, extras={"num_sources_used": 0}, billed_usd=Decimal("0.0000000047")
        )

    def test_details_are_only_those_that_were_reported(self) -> None:
        usage = counts(3, 4) | {
            "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": None},
            "completion_tokens_details": None,
        }
        assert self.end(usage) == Usage(3, 4, {"cached_tokens": 2})

    def test_reasoning_is_added_only_when_the_total_shows_that_it_was_left_out(self) -> None:
        details = {"completion_tokens_details": {"reasoning_tokens": 5}}
        without = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 12}
        included = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
        expected = Usage(3, 9, completion_details={"reasoning_tokens": 5})
        assert self.end(without | details) == self.end(included | details) == expected

    def test_reasoning_may_stand_beside_the_counts(self) -> None:
        assert self.end(counts(3, 4) | {"reasoning_tokens": 2}) == Usage(
            3, 4, completion_details={"reasoning_tokens": 2}
        )

    @pytest.mark.parametrize("usage", [None, {}, [], {"prompt_tokens": 3}, {"prompt_tokens": "3"}])
    def test_no_usage_is_not_zero_usage(self, usage: object) -> None:
        assert self.end(usage) is None


class TestErrorsInsideAStream:
    """An error object ends the attempt, whatever shape it has and whatever came before."""

    @pytest.mark.parametrize(
        ("value", "event", "kind", "code"),
        [
            (
                {"error": {"message": "m", "type": "server_error"}},
                "",
                "SERVER_ERROR",
                "server_error",
            ),
            ({"error": "text"}, "", "SERVER_ERROR", "server_error"),
            ({"error": {"message": "Overloaded"}}, "error", "OVERLOADED", "overloaded"),
            ({"code": "unavailable", "error": "m"}, "", "OVERLOADED", "unavailable"),
            ({"error": {"code": 429, "message": "m"}}, "", "RATE_LIMIT", "rate_limit"),
            ({"error": {"code": "503"}, "choices": []}, "", "OVERLOADED", "overloaded"),
            ({"object": "error", "message": "m", "code": 400}, "", "INVALID_REQUEST", None),
            ({"message": "no error key"}, "error", "SERVER_ERROR", None),
            ({}, "error", "SERVER_ERROR", None),
            ({"choices": [{"finish_reason": "error"}]}, "", "SERVER_ERROR", None),
        ],
    )
    def test_it_is_raised_with_its_kind(
        self, value: dict[str, Any], event: str, kind: str, code: str | None
    ) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            events_of(chunk({"content": "a"}), frame(value, event))
        failure = caught.value
        assert failure.kind is FailureKind[kind]
        assert failure.code == (code or failure.kind.value)
        assert failure.upstream_status is None

    def test_a_rate_limit_in_a_stream_still_says_when_to_come_back(self) -> None:
        value = {"error": {"type": "tokens", "message": "Limit. Please try again in 210ms."}}
        with pytest.raises(UpstreamFailure) as caught:
            events_of(frame(value))
        assert caught.value.retry_after == pytest.approx(0.21)

    def test_an_error_that_is_null_is_none(self) -> None:
        assert events_of(chunk({"content": "a"}, "stop", error=None)) == [
            TextDelta("a"),
            AnswerEnd("stop"),
        ]


def test_content_that_is_no_text_is_not_the_wire_format() -> None:
    with pytest.raises(UpstreamFailure) as caught:
        events_of(chunk({"content": [{"type": "text", "text": "a"}]}))
    assert caught.value.kind is FailureKind.PROTOCOL
