"""The usage that chat-completions servers report, in all their forms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from omen.core.events import (
    AnswerEnd,
    Usage,
)
from tests.providers.chat_completions.chunks import DONE, chunk, counts, events_of, frame


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

    @pytest.mark.parametrize("later", [None, {}, [], {"prompt_tokens": 3}, "none"], ids=str)
    def test_what_cannot_be_read_never_counts_more_than_a_report(self, later: object) -> None:
        first = chunk(finish="stop", usage=counts(3, 4))
        assert events_of(first, frame({"usage": later}), DONE) == [AnswerEnd("stop", Usage(3, 4))]

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
