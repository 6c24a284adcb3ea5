"""How an answer of chat completions ends, and errors in the middle of it."""

from __future__ import annotations

from typing import Any

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.core.frames import Frame
from omen.providers.chat_completions.decoder import ChatDecoder
from omen.providers.chat_completions.errors import OPENAI_ERRORS
from tests.providers.chat_completions.chunks import DONE, chunk, counts, events_of, frame
from tests.providers.fixtures import new_decoder


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
