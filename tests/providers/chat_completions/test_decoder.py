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
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.core.frames import Frame
from omen.providers.chat_completions.decoder import ChatDecoder
from omen.providers.chat_completions.errors import OPENAI_ERRORS
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


class TestTheEnd:
    """Only `[DONE]` or the end of the bytes ends an answer; then it says how."""

    def test_what_follows_a_finish_and_its_usage_belongs_to_the_answer(self) -> None:
        """Some servers write both into every chunk."""
        decoder = new_decoder("openai_compatible")
        first = chunk({"content": "Half of it"}, "stop", usage=counts(3, 1))
        second = chunk({"content": " and the rest."}, "stop", usage=counts(3, 4))
        assert list(decoder.feed(first))[1:] == [TextDelta("Half of it")]
        assert list(decoder.feed(second)) == [TextDelta(" and the rest.")]
        assert list(decoder.feed(DONE)) == [AnswerEnd("stop", Usage(3, 4))]
        assert list(decoder.feed(second)) == list(decoder.end()) == []

    def test_arguments_that_follow_a_finish_are_those_of_their_call(self) -> None:
        call = {"index": 0, "id": "c", "function": {"name": "look_up", "arguments": ""}}
        rest = {"index": 0, "function": {"arguments": '{"q":1}'}}
        assert events_of(
            chunk({"tool_calls": [call]}, "stop"), chunk({"tool_calls": [rest]}, "stop"), DONE
        ) == [ToolCallDelta(0, "c", "look_up", '{"q":1}'), AnswerEnd("tool_calls")]

    @pytest.mark.parametrize(
        ("chunks", "is_near"),
        [
            ([chunk({"content": "a"}, usage=counts(3, 1))], False),
            ([chunk(finish="stop")], False),
            ([chunk(finish="stop", usage=counts(0, 0))], False),
            ([chunk(finish="stop"), frame({"choices": [], "usage": counts(3, 4)})], True),
        ],
        ids=["no finish", "no usage", "a placeholder of usage", "both"],
    )
    def test_it_is_near_when_finish_and_usage_have_come(
        self, chunks: list[Frame], is_near: bool
    ) -> None:
        decoder = ChatDecoder(OPENAI_ERRORS)
        for one in chunks:
            decoder.feed(one)
        assert decoder.owes_only_its_end is is_near

    @pytest.mark.parametrize("said", ["stop", "end_turn", "STOP", "tool_calls"])
    @pytest.mark.parametrize("has_call", [True, False])
    def test_a_call_makes_it_one_that_calls_tools_and_nothing_else_does(
        self, said: str, has_call: bool
    ) -> None:
        calls = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]
        delta = {"tool_calls": calls} if has_call else {"content": "a"}
        end = events_of(chunk(delta, said))[-1]
        assert end == AnswerEnd("tool_calls" if has_call else "stop")

    @pytest.mark.parametrize("said", ["length", "content_filter"])
    def test_a_call_that_was_cut_off_was_cut_off(self, said: str) -> None:
        calls = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a'}}]
        assert events_of(chunk({"tool_calls": calls}, said))[-1].reason == said  # type: ignore[union-attr]

    def test_a_word_that_ends_nothing_is_none(self) -> None:
        assert events_of(
            chunk({"content": "a"}, "null"), chunk({"content": "b"}, ""), chunk(finish="length")
        ) == [TextDelta("a"), TextDelta("b"), AnswerEnd("length")]

    @pytest.mark.parametrize("said", ["insufficient_system_resource", "abort", "no such word"])
    def test_a_word_that_breaks_it_off_is_a_failure(self, said: str) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            events_of(chunk({"content": "Half an ans"}), chunk(finish=said))
        assert caught.value.kind is FailureKind.TRUNCATED
        assert caught.value.failover

    @pytest.mark.parametrize(
        ("field", "value", "sequence"),
        [
            ("stop_reason", "END", "END"),
            ("matched_stop", "\n", "\n"),
            ("stop_reason", 151645, None),
            ("stop_reason", None, None),
        ],
    )
    def test_the_stop_sequence_that_matched_is_named(
        self, field: str, value: Any, sequence: str | None
    ) -> None:
        choice = {"index": 0, "delta": {}, "finish_reason": "stop", field: value}
        assert events_of(chunk({"content": "a"}), frame({"choices": [choice]})) == [
            TextDelta("a"),
            AnswerEnd("stop", meant=sequence is not None, stop_sequence=sequence),
        ]

    def test_what_stands_beside_the_choices_goes_along_with_the_end(self) -> None:
        first = chunk({"content": "a"}, citations=["https://a.test"])
        last = chunk(finish="stop", citations=["https://a.test", "https://b.test"], other=1)
        (end,) = events_of(first, last)[1:]
        assert end == AnswerEnd("stop", extras={"citations": ["https://a.test", "https://b.test"]})

    def test_it_comes_at_done_when_there_is_no_usage(self) -> None:
        decoder = new_decoder("openai_compatible")
        decoder.feed(chunk(finish="stop"))
        assert list(decoder.feed(DONE)) == [AnswerEnd("stop")]

    def test_it_comes_at_the_end_of_the_bytes_when_there_is_no_done(self) -> None:
        decoder = new_decoder("openai_compatible")
        decoder.feed(chunk(finish="stop"))
        assert list(decoder.end()) == [AnswerEnd("stop")]

    @pytest.mark.parametrize("kind", ["openai", "azure", "xai"])
    def test_done_without_a_finish_is_a_truncated_answer(self, kind: str) -> None:
        decoder = new_decoder(kind, "gpt-4o")
        decoder.feed(chunk({"content": "Half an ans"}))
        with pytest.raises(UpstreamFailure) as caught:
            decoder.feed(DONE)
        assert caught.value.kind is FailureKind.TRUNCATED

    def test_done_is_enough_for_servers_that_never_send_a_finish(self) -> None:
        assert events_of(chunk({"content": "All of it."}), DONE) == [
            TextDelta("All of it."),
            AnswerEnd("stop"),
        ]

    @pytest.mark.parametrize("frames", [(chunk({"content": "Half"}),), (chunk(), DONE)])
    def test_neither_is_the_end_of_the_bytes_nor_done_behind_nothing(
        self, frames: tuple[Frame, ...]
    ) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            events_of(*frames)
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

    @pytest.mark.parametrize(
        ("reported", "prompt_details", "prompt"),
        [
            (
                {"prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4},
                {"cached_tokens": 6},
                10,
            ),
            ({"cached_tokens": 6}, {"cached_tokens": 6}, 10),
            (
                {"cache_read_input_tokens": 6, "cache_creation_input_tokens": 2},
                {"cached_tokens": 6, "cache_write_tokens": 2},
                10,
            ),
            (
                {"prompt_tokens_details": {"cached_tokens": 5}, "prompt_cache_hit_tokens": 6},
                {"cached_tokens": 5},
                10,
            ),
            ({"prompt_cache_hit_tokens": 0}, {}, 10),
            # The total shows that what the cache gave is not in the prompt.
            ({"cached_tokens": 6, "total_tokens": 20}, {"cached_tokens": 6}, 16),
        ],
    )
    def test_what_a_cache_gave_has_many_names(
        self, reported: dict[str, Any], prompt_details: dict[str, int], prompt: int
    ) -> None:
        usage = self.end(counts(10, 4) | reported)
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, 4)
        assert usage.prompt_details == prompt_details

    def test_thoughts_that_only_the_total_counts_were_generated(self) -> None:
        usage = {"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 500}
        assert self.end(usage) == Usage(5, 495, completion_details={"reasoning_tokens": 485})

    def test_a_total_that_is_too_small_says_nothing(self) -> None:
        assert self.end({"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 9}) == Usage(
            5, 10
        )

    def test_usage_may_stand_in_the_choice(self) -> None:
        choice = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": counts(19, 21)}
        assert events_of(frame({"choices": [choice]}), DONE) == [AnswerEnd("stop", Usage(19, 21))]

    def test_the_chunks_own_usage_counts_more_than_its_choices(self) -> None:
        choice = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": counts(1, 1)}
        whole = frame({"choices": [choice], "usage": counts(19, 21)})
        assert events_of(whole) == [AnswerEnd("stop", Usage(19, 21))]

    @pytest.mark.parametrize("places", [(0, 1), (1, 0)])
    def test_a_placeholder_of_zeros_never_counts_more_than_a_report(
        self, places: tuple[int, int]
    ) -> None:
        reports = [counts(0, 0), counts(3, 4)]
        first, second = (reports[place] for place in places)
        assert events_of(chunk(finish="stop", usage=first), frame({"usage": second}), DONE) == [
            AnswerEnd("stop", Usage(3, 4))
        ]

    def test_a_report_of_zeros_is_one_where_there_is_no_other(self) -> None:
        assert self.end(counts(0, 0)) == Usage(0, 0)

    def test_whole_numbers_may_be_written_with_a_point(self) -> None:
        usage = {"prompt_tokens": 9.0, "completion_tokens": 4.0, "total_tokens": 13.0}
        assert self.end(usage) == Usage(9, 4)

    @pytest.mark.parametrize(
        "usage",
        [
            None,
            {},
            [],
            {"prompt_tokens": 3},
            {"prompt_tokens": "3", "completion_tokens": 4},
            {"prompt_tokens": True, "completion_tokens": 4},
            {"prompt_tokens": 3.5, "completion_tokens": 4},
            {"prompt_tokens": [3], "completion_tokens": 4},
        ],
    )
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
