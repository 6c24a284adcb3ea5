"""An answer that ended with nothing visible wins against nobody, and is better than no answer."""

from __future__ import annotations

from typing import Any

import pytest
from omen_strategies.kit.gate import Gate
from omen_strategies.parallel_merge import parallel_merge
from omen_strategies.race import race
from omen_strategies.single import single
from omen_strategies.speculate_k import speculate_k
from trio.testing import MockClock

from omen.core.chat import ReasoningBlock
from omen.core.errors import AllAttemptsFailed, FailureKind, MaxLatencyExceeded, UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    ReasoningEnd,
    TextDelta,
    Usage,
)
from omen.core.plan import Merge
from tests.strategies.scenario import USEFUL, answers, ends, fails, good, hangs, run_scenario, sends

THOUGHT = ReasoningDelta("so")
BLOCK = ReasoningEnd(ReasoningBlock("anthropic", "m", {"type": "redacted_thinking"}))
LAST_RESORTS: dict[str, list[Event]] = {
    "the limit, before anything was said": [AnswerEnd("length")],
    "the limit, in the middle of a thought": [THOUGHT, AnswerEnd("length", Usage(9, 50))],
    "a filter": [AnswerEnd("content_filter")],
    "nothing to add, which was meant": [AnswerEnd("stop", meant=True)],
    "tokens that nobody was shown": [AnswerEnd("stop", Usage(9, 3))],
    "a thought and nothing else": [THOUGHT, AnswerEnd("stop")],
    "a thought that cannot be shown": [BLOCK, AnswerEnd("stop")],
}
NO_ANSWERS: dict[str, list[Event]] = {
    "an empty stop": [AnswerEnd("stop")],
    "an empty stop without a token": [AnswerEnd("stop", Usage(36_000, 0))],
    "calls that never came": [AnswerEnd("tool_calls")],
}


def spent(after: float, *events: Event) -> list[Any]:
    return [answers(), sends(AnswerStart("m"), *(events or (AnswerEnd("length"),)), after=after)]


@pytest.mark.parametrize("strategy", [single, race, speculate_k], ids=lambda s: s.__name__)
@pytest.mark.parametrize("events", LAST_RESORTS.values(), ids=LAST_RESORTS.keys())
async def test_it_is_delivered_whole_when_there_is_nobody_else(
    autojump_clock: MockClock, strategy: Any, events: list[Event]
) -> None:
    happened = await run_scenario(strategy, {"a": spent(1, *events)})
    assert happened.error is None
    assert happened.committed == [("a", 1.0)]
    assert [event for _, event in happened.sent] == [AnswerStart("m"), *events]
    assert happened.left_open == set()


@pytest.mark.parametrize("events", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
async def test_what_was_neither_generated_nor_meant_is_no_answer(
    autojump_clock: MockClock, events: list[Event]
) -> None:
    happened = await run_scenario(single, {"a": spent(1, *events)})
    assert isinstance(happened.error, AllAttemptsFailed)
    assert happened.error.attempts[0].failure.kind is FailureKind.EMPTY


async def test_the_next_candidate_is_asked_at_once_and_wins(autojump_clock: MockClock) -> None:
    happened = await run_scenario(single, {"a": spent(1), "b": good(2)})
    assert happened.opened == {"a": 0.0, "b": 1.0}
    assert happened.committed == [("b", 3.0)]
    assert happened.text == USEFUL + " and 0 and 1"
    assert happened.closed["a"] == 3.0  # kept until there was better


async def test_it_is_delivered_when_everybody_after_it_has_failed(
    autojump_clock: MockClock,
) -> None:
    scripts = {"a": spent(1), "b": [answers(), fails(after=1)], "c": [fails(after=1)]}
    happened = await run_scenario(single, scripts)
    assert (happened.winner, happened.committed) == ("a", [("a", 3.0)])
    assert happened.roles == [("a", "primary"), ("b", "failover"), ("c", "failover")]


async def test_the_first_of_several_is_delivered(autojump_clock: MockClock) -> None:
    late = spent(2, THOUGHT, AnswerEnd("content_filter"))
    happened = await run_scenario(race, {"late": late, "early": spent(1)})
    assert happened.committed == [("early", 2.0)]
    assert happened.sent[-1][1] == AnswerEnd("length")
    assert happened.left_open == set()


async def test_in_a_race_its_place_goes_to_the_next_candidate(autojump_clock: MockClock) -> None:
    scripts = {"a": spent(1), "b": [answers(), hangs()], "c": good(1)}
    happened = await run_scenario(race, scripts)
    assert happened.opened == {"a": 0.0, "b": 0.0, "c": 1.0}
    assert happened.committed == [("c", 2.0)]


async def test_a_fatal_failure_behind_it_does_not_take_it_away(autojump_clock: MockClock) -> None:
    scripts = {"a": spent(1), "b": [fails(after=1, kind=FailureKind.INVALID_REQUEST)]}
    happened = await run_scenario(single, scripts)
    assert (happened.winner, happened.error) == ("a", None)


async def test_a_hedge_goes_beside_the_one_that_still_runs(autojump_clock: MockClock) -> None:
    scripts = {"a": spent(1), "b": [answers(), hangs()], "c": good(0.5)}
    happened = await run_scenario(speculate_k, scripts, hedge_delay=2, k=2)
    assert happened.opened == {"a": 0.0, "b": 1.0, "c": 3.0}
    assert happened.winner == "c"


async def test_nobody_is_tried_again_while_there_is_one(autojump_clock: MockClock) -> None:
    scripts = {"a": spent(1), "b": [fails(after=1)]}
    happened = await run_scenario(speculate_k, scripts)
    assert happened.roles == [("a", "primary"), ("b", "failover")]
    assert happened.committed == [("a", 2.0)]


class TestAtTheDeadline:
    async def test_it_is_delivered_if_nobody_has_said_anything(
        self, autojump_clock: MockClock
    ) -> None:
        scripts = {"a": spent(1), "b": [answers(), hangs()]}
        happened = await run_scenario(single, scripts, max_latency=3)
        assert (happened.error, happened.committed) == (None, [("a", 3.0)])
        assert happened.left_open == set()

    async def test_whoever_has_said_anything_goes_before_it(
        self, autojump_clock: MockClock
    ) -> None:
        talks = [answers(), sends(TextDelta("Yes"), after=1), ends(after=9)]
        happened = await run_scenario(race, {"a": spent(1), "b": talks}, max_latency=3)
        assert happened.committed == [("b", 3.0)]

    async def test_without_one_it_is_too_late(self, autojump_clock: MockClock) -> None:
        happened = await run_scenario(race, {"a": [answers(), hangs()]}, max_latency=3)
        assert isinstance(happened.error, MaxLatencyExceeded)


async def test_a_client_that_leaves_finds_none_left_open(autojump_clock: MockClock) -> None:
    scripts = {"a": spent(1), "b": [answers(), hangs()]}
    happened = await run_scenario(single, scripts, client_leaves=5)
    assert happened.committed == []
    assert happened.left_open == set()


@pytest.mark.parametrize("method", ["vote", "synthesize"])
async def test_a_merge_of_nothing_visible_delivers_the_first(
    autojump_clock: MockClock, method: Any
) -> None:
    scripts = {"a": spent(2), "b": spent(1, THOUGHT, AnswerEnd("stop")), "c": [fails()]}
    happened = await run_scenario(parallel_merge, scripts, k=3, merge=Merge(method))
    assert happened.committed == [("b", 2.0)]
    assert [event for _, event in happened.sent][-1] == AnswerEnd("stop")


@pytest.mark.parametrize("method", ["vote", "synthesize"])
async def test_a_merge_leaves_it_out_where_there_is_a_draft(
    autojump_clock: MockClock, method: Any
) -> None:
    scripts = {"a": spent(1), "b": good(1)}
    happened = await run_scenario(parallel_merge, scripts, k=2, merge=Merge(method))
    assert happened.text == USEFUL + " and 0 and 1"
    assert "a" not in {name for name, _ in happened.committed}


async def test_as_one_of_several_choices_it_is_a_choice(autojump_clock: MockClock) -> None:
    scripts = {"a": spent(1), "b": good(2)}
    happened = await run_scenario(parallel_merge, scripts, k=2, merge=Merge("choices"))
    assert happened.error is None
    assert {name for name, _ in happened.committed} == {"a", "b"}


class TestReasoningThatCountsWhenAlone:
    """`reasoning_counts = "auto"`."""

    thinks = (answers(), sends(ReasoningDelta("hm " * 99), after=1), hangs())

    async def test_it_commits_at_once_when_nobody_else_runs(
        self, autojump_clock: MockClock
    ) -> None:
        scripts = {"a": list(self.thinks), "b": good(1)}
        happened = await run_scenario(single, scripts, reasoning_counts="auto", client_leaves=2)
        assert happened.committed == [("a", 1.0)]

    async def test_beside_another_one_it_does_not(self, autojump_clock: MockClock) -> None:
        scripts = {"a": list(self.thinks), "b": good(3)}
        happened = await run_scenario(race, scripts, reasoning_counts="auto")
        assert happened.committed == [("b", 3.0)]

    async def test_it_counts_from_when_the_other_one_has_failed(
        self, autojump_clock: MockClock
    ) -> None:
        more = sends(ReasoningDelta("and so on"), after=2)
        scripts = {"a": [*self.thinks[:2], more, hangs()], "b": [fails(after=2)]}
        happened = await run_scenario(race, scripts, reasoning_counts="auto", client_leaves=9)
        assert happened.committed == [("a", 3.0)]

    async def test_an_answer_that_is_only_kept_is_nobody_else(
        self, autojump_clock: MockClock
    ) -> None:
        scripts = {"a": spent(1), "b": list(self.thinks)}
        happened = await run_scenario(single, scripts, reasoning_counts="auto", client_leaves=9)
        assert happened.committed == [("b", 2.0)]

    async def test_a_short_thought_alone_is_an_answer_when_it_ends(
        self, autojump_clock: MockClock
    ) -> None:
        scripts = {"a": spent(1, THOUGHT, AnswerEnd("stop")), "b": good(1)}
        happened = await run_scenario(single, scripts, reasoning_counts="auto")
        assert happened.committed == [("a", 1.0)]


def test_a_gate_for_strategies_that_keep_nothing_refuses_it_as_before() -> None:
    gate = Gate(5, reasoning_counts=False)
    with pytest.raises(UpstreamFailure) as caught:
        gate.add([AnswerEnd("length")])
    assert caught.value.kind is FailureKind.EMPTY
