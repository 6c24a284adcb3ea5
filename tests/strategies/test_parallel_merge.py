"""Parallel merge: drafts side by side, and the answer made from them; exact numbers."""

from __future__ import annotations

from math import inf

import pytest
from omen_strategies.parallel_merge import parallel_merge
from trio.testing import MockClock

from omen.core.chat import TextPart
from omen.core.errors import AllAttemptsFailed, FailureKind, MaxLatencyExceeded, UpstreamFailure
from omen.core.events import AnswerEnd, ChoiceEnd, ChoiceSwitch, TextDelta, ToolCallDelta, Usage
from omen.core.plan import Merge
from tests.strategies.scenario import (
    Step,
    answers,
    ends,
    fails,
    good,
    hangs,
    run_scenario,
    says,
    sends,
)

VOTE = Merge("vote")
CHOICES = Merge("choices")


def draft(text: str, after: float) -> list[Step]:
    """Return the script of an answer that is complete after so many seconds."""
    return [answers(), says(text, after=after), ends()]


JUDGE = [answers(), says("the merged answer, of all the drafts", after=1.0), ends(after=1.0)]


class TestSynthesize:
    async def test_the_judge_gets_the_question_and_the_drafts_and_streams_the_answer(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge, {"a": draft("A says", 1.0), "b": draft("B says", 2.0), "j": JUDGE},
            judge="j",
        )  # fmt: skip
        assert happened.opened == {"a": 0.0, "b": 0.0, "j": 2.0}
        assert happened.committed == [("j", 3.0)]
        assert happened.text == "the merged answer, of all the drafts"
        assert happened.closed == {"a": 3.0, "b": 3.0, "j": 4.0}
        question, task = happened.rewritten[0].messages
        assert question.role == "user"
        assert isinstance(task.parts[0], TextPart)
        assert "A says" in task.parts[0].text
        assert "B says" in task.parts[0].text

    async def test_without_a_named_judge_the_best_candidate_judges(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("A says this", 1.0), "b": draft("B says that", 1.0)},
            scores={"a": 50.0, "b": 60.0},
        )
        assert happened.roles[-1] == ("b", "judge")

    async def test_with_a_quorum_the_rest_is_cancelled_when_the_judge_starts(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("A", 1.0), "b": draft("B", 2.0), "c": draft("C", 9.0), "j": JUDGE},
            k=3,
            judge="j",
            merge=Merge(quorum=2),
        )
        assert happened.opened["j"] == 2.0
        assert happened.closed["c"] == 2.0
        assert happened.clock == 4.0

    async def test_at_the_deadline_the_judge_starts_with_what_is_complete(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("A", 1.0), "b": draft("B", 9.0), "j": JUDGE},
            judge="j",
            max_latency=3.0,
        )
        assert happened.opened["j"] == 3.0
        assert happened.closed["b"] == 3.0
        assert happened.winner == "j"

    async def test_nothing_complete_at_the_deadline_is_an_error(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("A", 5.0), "b": draft("B", 9.0), "j": JUDGE},
            judge="j",
            max_latency=3.0,
        )
        assert isinstance(happened.error, MaxLatencyExceeded)
        assert happened.clock == 3.0
        assert happened.left_open == set()

    @pytest.mark.parametrize(
        "judge",
        [
            [fails(after=0.5)],
            [answers(), fails(after=0.5, kind=FailureKind.TIMEOUT)],
            [answers(), says("hm", after=0.4), fails(after=0.1)],
            [answers(), ends(after=0.5)],
        ],
    )
    async def test_a_dead_judge_leaves_the_longest_draft(
        self, autojump_clock: MockClock, judge: list[Step]
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("short", 1.0), "b": draft("by far the longer one", 1.0), "j": judge},
            judge="j",
        )
        assert happened.winner == "b"
        assert happened.text == "by far the longer one"
        assert happened.clock == 1.5
        assert happened.left_open == set()

    async def test_a_judge_that_dies_after_its_commit_is_the_streams_own_failure(
        self, autojump_clock: MockClock
    ) -> None:
        dying = [answers(), says("useful words of the judge, enough"), fails(after=1.0)]
        happened = await run_scenario(
            parallel_merge, {"a": draft("A", 1.0), "b": draft("B", 1.0), "j": dying}, judge="j"
        )
        assert isinstance(happened.error, UpstreamFailure)
        assert happened.text == "useful words of the judge, enough"

    async def test_a_failed_draft_lowers_k_and_is_not_replaced(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": [fails(0.5)], "b": draft("B", 1.0), "c": draft("C", 0.1), "j": JUDGE},
            judge="j",
        )
        assert happened.opened == {"a": 0.0, "b": 0.0, "j": 1.0}
        assert happened.winner == "j"

    async def test_when_all_drafts_fail_that_is_the_error(self, autojump_clock: MockClock) -> None:
        happened = await run_scenario(
            parallel_merge, {"a": [fails(0.5)], "b": [answers(), ends(1.0)], "j": JUDGE}, judge="j"
        )
        assert isinstance(happened.error, AllAttemptsFailed)
        assert len(happened.error.attempts) == 2
        assert "j" not in happened.opened

    @pytest.mark.parametrize("leaves", [0.5, 1.0, 1.5, 2.0, 2.5])
    async def test_a_client_that_leaves_at_any_stage_leaves_nothing(
        self, autojump_clock: MockClock, leaves: float
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("A", 1.0), "b": draft("B", 1.0), "j": JUDGE},
            judge="j",
            client_leaves=leaves,
        )
        assert happened.left_open == set()
        assert happened.clock == leaves


class TestVote:
    async def test_it_is_decided_before_the_slowest_has_finished(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("Paris.", 1.0), "b": draft("  paris", 2.0), "c": draft("Lyon", 60.0)},
            k=3,
            merge=VOTE,
        )
        assert happened.winner == "a"
        assert happened.text == "Paris."
        assert happened.clock == 2.0
        assert happened.closed["c"] == 2.0

    async def test_a_majority_outvotes_the_first_and_the_best(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("Lyon", 1.0), "b": draft("Paris", 2.0), "c": draft("PARIS!", 3.0)},
            k=3,
            merge=VOTE,
            scores={"a": 90.0, "c": 60.0},
        )
        assert happened.winner == "c"
        assert happened.text == "PARIS!"

    async def test_a_tie_goes_to_the_better_score(self, autojump_clock: MockClock) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("Lyon", 1.0), "b": draft("Paris", 2.0)},
            merge=VOTE,
            scores={"b": 60.0},
        )
        assert happened.winner == "b"
        assert happened.clock == 2.0

    async def test_calls_agree_whatever_the_order_of_their_keys(
        self, autojump_clock: MockClock
    ) -> None:
        def calls(name: str, arguments: str, after: float) -> list[Step]:
            return [answers(), sends(ToolCallDelta(0, "id", name, arguments), after=after), ends()]

        happened = await run_scenario(
            parallel_merge,
            {
                "a": calls("find", '{"x": 2, "y": 1}', 1.0),
                "b": calls("find", '{"x": 1, "y": 2}', 2.0),
                "c": calls("find", '{"y":2,"x":1}', 3.0),
            },
            k=3,
            merge=VOTE,
        )
        assert happened.winner == "b"

    async def test_failed_drafts_do_not_vote(self, autojump_clock: MockClock) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("Paris", 1.0), "b": [fails(2.0)], "c": [fails(3.0)]},
            k=3,
            merge=VOTE,
        )
        assert happened.winner == "a"
        assert happened.clock == 3.0  # until then another answer could have caught up

    async def test_at_the_deadline_those_that_are_complete_decide(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": draft("Paris", 1.0), "b": [answers(), hangs()], "c": [answers(), hangs()]},
            k=3,
            merge=VOTE,
            max_latency=5.0,
        )
        assert happened.winner == "a"
        assert happened.clock == 5.0

    async def test_a_draft_is_whole_with_its_end_and_not_when_its_connection_is_quiet(
        self, autojump_clock: MockClock
    ) -> None:
        """Core defect 19. Draining a complete draft's response must not use up the deadline."""
        drafts = {"a": draft("Paris", 1.0), "b": draft("paris.", 1.0)}
        for max_latency in (inf, 1.1):
            happened = await run_scenario(
                parallel_merge, drafts, merge=VOTE, drain=0.25, max_latency=max_latency
            )
            assert happened.winner == "a"
            assert happened.clock == 1.0


class TestChoices:
    async def test_the_answer_ends_with_its_last_choice_and_not_when_connections_are_quiet(
        self, autojump_clock: MockClock
    ) -> None:
        """The client must not wait while the rest of a choice's response is drained."""
        happened = await run_scenario(
            parallel_merge, {"a": good(1.0, more=0), "b": good(1.0, more=0)},
            merge=CHOICES, drain=0.25,
        )  # fmt: skip
        at, end = happened.sent[-1]
        assert isinstance(end, AnswerEnd)
        assert at == 1.1
        assert happened.clock == 1.35  # the connections can be kept

    async def test_the_answer_ends_when_the_last_one_fails_before_it_was_a_choice(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge, {"a": good(1.0, more=0), "b": [fails(5.0)]}, merge=CHOICES
        )
        assert happened.error is None
        assert [at for at, e in happened.sent if isinstance(e, AnswerEnd)] == [5.0]

    async def test_all_stream_at_once_numbered_in_the_order_in_which_they_are_useful(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge, {"a": good(2.0, more=1), "b": good(1.0, more=0)}, merge=CHOICES
        )
        assert happened.committed == [("b", 1.0), ("a", 2.0)]
        assert happened.winner == "b"
        told = [(round(at, 3), e) for at, e in happened.sent if not isinstance(e, TextDelta)]
        assert told == [
            (1.0, ChoiceSwitch(0)),
            (1.1, ChoiceSwitch(0)),
            (1.1, ChoiceEnd("stop")),
            (2.0, ChoiceSwitch(1)),
            (2.1, ChoiceSwitch(1)),
            (2.2, ChoiceSwitch(1)),
            (2.2, ChoiceEnd("stop")),
            (2.2, AnswerEnd("stop")),
        ]

    async def test_usage_is_that_of_all_of_them(self, autojump_clock: MockClock) -> None:
        def whole(prompt: int, completion: int) -> list[Step]:
            return [
                answers(),
                sends(TextDelta("x" * 20), AnswerEnd("stop", Usage(prompt, completion))),
            ]

        happened = await run_scenario(
            parallel_merge, {"a": whole(10, 3), "b": whole(11, 4)}, merge=CHOICES
        )
        assert happened.sent[-1][1] == AnswerEnd("stop", Usage(21, 7))

    async def test_one_that_fails_before_it_is_useful_was_never_there(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge, {"a": [fails(0.5)], "b": good(1.0)}, merge=CHOICES
        )
        assert happened.error is None
        assert {e.index for _, e in happened.sent if isinstance(e, ChoiceSwitch)} == {0}

    async def test_one_that_dies_later_lets_the_others_finish_and_then_is_the_error(
        self, autojump_clock: MockClock
    ) -> None:
        dying = [answers(), says("useful words, and enough of them"), fails(after=0.5)]
        happened = await run_scenario(parallel_merge, {"a": dying, "b": good(1.0)}, merge=CHOICES)
        assert isinstance(happened.error, UpstreamFailure)
        assert [e for _, e in happened.sent if isinstance(e, ChoiceEnd)] == [ChoiceEnd("stop")]
        assert not any(isinstance(e, AnswerEnd) for _, e in happened.sent)

    async def test_at_the_deadline_the_silent_are_given_up_and_the_others_go_on(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {
                "a": [hangs()],
                "b": [answers(), says("hm", after=1.0), says(" well", after=9.0), ends()],
                "c": [answers(), hangs()],
            },
            k=3,
            merge=CHOICES,
            max_latency=3.0,
        )
        assert happened.committed == [("b", 3.0)]
        assert happened.closed["a"] == happened.closed["c"] == 3.0
        assert happened.text == "hm well"

    async def test_nobody_useful_by_the_deadline_is_an_error(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge,
            {"a": [hangs()], "b": [answers(), hangs()]},
            merge=CHOICES,
            max_latency=3.0,
        )
        assert isinstance(happened.error, MaxLatencyExceeded)

    async def test_a_slow_client_slows_all_of_them_and_mixes_no_piece(
        self, autojump_clock: MockClock
    ) -> None:
        happened = await run_scenario(
            parallel_merge, {"a": good(1.0), "b": good(1.0)}, merge=CHOICES, slow_client=2.0
        )
        assert happened.error is None
        assert happened.clock == 1.0 + 2.0 * 9  # four pieces each, and the end
