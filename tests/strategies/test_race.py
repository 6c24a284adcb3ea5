"""Race: who wins, when, and what is left of the others; in virtual time, with exact numbers."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from omen.errors import AllAttemptsFailed, FailureKind, MaxLatencyExceeded, UpstreamFailure
from omen.events import AnswerEnd, AnswerStart, ReasoningDelta, TextDelta, ToolCallDelta
from strategies.race import race
from tests.strategies.scenario import (
    USEFUL,
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


async def test_the_first_useful_stream_wins_and_the_loser_is_closed_at_the_commit(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(race, {"a": good(0.5), "b": good(0.3, more=5, gap=1.0)})
    assert happened.winner == "b"
    assert happened.opened == {"a": 0.0, "b": 0.0}
    assert happened.committed == [("b", 0.3)]
    assert happened.closed == {"a": 0.3, "b": pytest.approx(6.3)}  # not when the winner ended
    assert happened.clock == pytest.approx(6.3)


async def test_the_client_gets_the_winners_prelude_whole_and_in_order_and_nobody_elses(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race,
        {
            "a": [answers(), says("Aaaa ", after=0.1), hangs()],
            "b": [
                sends(AnswerStart("m")),
                sends(AnswerStart("m")),
                says("one ", after=0.2),
                says("two three four five six", after=0.2),
                says(" seven", after=0.2),
                ends(after=0.2),
            ],
        },
    )
    assert happened.text == "one two three four five six seven"
    assert [(round(t, 3), type(e)) for t, e in happened.sent] == [
        (0.4, AnswerStart),
        (0.4, TextDelta),
        (0.4, TextDelta),
        (0.6, TextDelta),
        (0.8, AnswerEnd),
    ]


async def test_only_k_candidates_start(autojump_clock: MockClock) -> None:
    happened = await run_scenario(race, {"a": good(2), "b": good(1), "c": good(0.1)}, k=2)
    assert happened.winner == "b"
    assert happened.opened == {"a": 0.0, "b": 0.0}  # c was never started


async def test_k_larger_than_the_field_starts_everybody(autojump_clock: MockClock) -> None:
    happened = await run_scenario(race, {"a": good(2), "b": good(1)}, k=8)
    assert happened.opened == {"a": 0.0, "b": 0.0}


async def test_a_failed_entrant_is_replaced_by_the_next_unused_candidate_at_once(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race,
        {"a": [fails(after=0.2)], "b": good(9), "c": [answers(), fails(after=0.3)], "d": good(1)},
        k=2,
    )
    assert happened.winner == "d"
    assert happened.opened == {"a": 0.0, "b": 0.0, "c": 0.2, "d": 0.5}
    assert happened.closed["b"] == 1.5
    assert happened.left_open == set()


async def test_a_fatal_failure_is_not_replaced_but_does_not_end_the_others(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race,
        {"a": [fails(after=0.2, kind=FailureKind.INVALID_REQUEST)], "b": good(1), "c": good(0.1)},
        k=2,
    )
    assert happened.winner == "b"
    assert happened.opened == {"a": 0.0, "b": 0.0}  # c could only have failed the same way


async def test_when_everybody_failed_the_error_names_every_attempt(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race,
        {
            "a": [fails(after=0.2, kind=FailureKind.RATE_LIMIT)],
            "b": [answers(), fails(after=0.5, kind=FailureKind.TRUNCATED)],
            "c": [answers(), ends(after=0.1)],
        },
        k=2,
    )
    error = happened.error
    assert isinstance(error, AllAttemptsFailed)
    assert error.message == (
        "every attempt failed (3): a/m: rate_limit as scripted; "
        "c/m: an empty answer (finished with stop); b/m: truncated as scripted"
    )
    assert error.status == 429  # what the caller must wait for tells more than what broke
    assert isinstance(error.__cause__, ExceptionGroup)
    assert len(error.__cause__.exceptions) == 3
    assert happened.clock == 0.5


NOT_USEFUL = {
    "headers only": [answers(), hangs()],
    "role only": [answers(), sends(AnswerStart("m"), after=0.01), hangs()],
    "whitespace": [answers(), *(says(" \n\t", after=0.01) for _ in range(100)), hangs()],
    "empty deltas": [answers(), *(says("", after=0.01) for _ in range(100)), hangs()],
    "an empty answer": [answers(), sends(AnswerStart("m"), AnswerEnd("stop"), after=0.01)],
    "filtered with nothing visible": [answers(), ends(after=0.01, reason="content_filter")],
    "an error inside the 200": [answers(), fails(after=0.01, kind=FailureKind.OVERLOADED)],
    "reasoning": [answers(), sends(ReasoningDelta("hm " * 99), after=0.01), hangs()],
    "too little text": [answers(), says("sixteen chars ok", after=0.01), hangs()],
    "a tool's name": [answers(), sends(ToolCallDelta(0, "c", "f"), after=0.01), hangs()],
    "useful, then dead in one breath": [answers(), says("short", after=0.01), fails()],
}


@pytest.mark.parametrize("fast", NOT_USEFUL.values(), ids=NOT_USEFUL.keys())
async def test_a_fast_upstream_that_says_nothing_useful_never_wins(
    autojump_clock: MockClock, fast: list
) -> None:
    happened = await run_scenario(race, {"fast": fast, "good": good(5)})
    assert happened.winner == "good"
    assert happened.committed == [("good", 5.0)]
    assert happened.text == USEFUL + " and 0 and 1"
    assert happened.left_open == set()


USEFUL_IN_ITSELF = {
    "a short answer that ended": [answers(), sends(TextDelta("Yes"), AnswerEnd("stop"), after=1)],
    "a tool call with arguments": [
        answers(),
        sends(ToolCallDelta(0, "c", "f"), ToolCallDelta(0, arguments="{"), after=1),
        ends(after=1, reason="tool_calls"),
    ],
    "a tool call that has ended": [
        answers(),
        sends(ToolCallDelta(0, "c", "f"), AnswerEnd("tool_calls"), after=1),
    ],
    "a second tool call, which ends the first": [
        answers(),
        sends(ToolCallDelta(0, "c", "f"), ToolCallDelta(1, "d", "g"), after=1),
        ends(after=1, reason="tool_calls"),
    ],
}


@pytest.mark.parametrize("steps", USEFUL_IN_ITSELF.values(), ids=USEFUL_IN_ITSELF.keys())
async def test_short_answers_and_tool_calls_commit(autojump_clock: MockClock, steps: list) -> None:
    happened = await run_scenario(race, {"slow": good(5), "fast": steps})
    assert happened.committed == [("fast", 1.0)]


async def test_reasoning_commits_only_where_the_configuration_counts_it(
    autojump_clock: MockClock,
) -> None:
    scripts = {"thinks": [answers(), sends(ReasoningDelta("hm " * 99), after=1), hangs()]}
    happened = await run_scenario(race, scripts, reasoning_counts=True, client_leaves=2)
    assert happened.committed == [("thinks", 1.0)]


async def test_the_deadline_commits_whoever_has_said_most(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        race,
        {
            "little": [answers(), says("one", after=0.1), ends(after=5)],
            "more": [answers(), says("one two", after=0.9), says(" three", after=1), ends()],
            "none": good(5),
        },
        k=3,
        max_latency=1.0,
    )
    assert happened.winner == "more"
    assert happened.committed == [("more", 1.0)]
    assert [round(t, 3) for t, _ in happened.sent] == [1.0, 1.9, 1.9]
    assert happened.text == "one two three"  # nothing of the interrupted wait was lost
    assert happened.closed == {"little": 1.0, "none": 1.0, "more": 1.9}


async def test_at_the_deadline_the_better_score_breaks_a_tie(autojump_clock: MockClock) -> None:
    steps = [answers(), says("same", after=0.5), ends(after=5)]
    happened = await run_scenario(
        race, {"a": steps, "b": steps}, max_latency=1.0, scores={"a": 40.0, "b": 60.0}
    )
    assert happened.committed == [("b", 1.0)]


async def test_a_deadline_with_nothing_visible_cancels_all_and_names_every_attempt(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race, {"a": [fails(after=0.5)], "b": [hangs()], "c": [answers(), hangs()]}, max_latency=2.0
    )
    assert isinstance(happened.error, MaxLatencyExceeded)
    assert happened.error.status == 504
    assert happened.error.message == (
        "no useful token by max_latency_ms: a/m: server_error as scripted; "
        "b/m: nothing visible yet; c/m: nothing visible yet"
    )
    assert happened.clock == 2.0
    assert happened.closed == {"a": 0.5, "b": 2.0, "c": 2.0}


async def test_one_that_has_failed_is_not_chosen_at_the_deadline_while_it_closes(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race,
        {
            "a": [answers(), says("Well", after=0.5), fails(after=0.25)],
            "b": [hangs()],
            "c": good(0),
        },
        max_latency=1.0,
        slow_close=0.5,
    )
    assert isinstance(happened.error, MaxLatencyExceeded)
    assert happened.error.message == (
        "no useful token by max_latency_ms: a/m: server_error as scripted; b/m: nothing visible yet"
    )
    assert happened.sent == []
    assert happened.clock == 1.5
    assert "c" not in happened.opened  # the time for replacements is over


async def test_nothing_after_the_commit_is_cut_by_the_deadline(autojump_clock: MockClock) -> None:
    happened = await run_scenario(race, {"a": good(0.5, more=10, gap=1.0)}, max_latency=1.0)
    assert happened.winner == "a"
    assert happened.clock == pytest.approx(11.5)


async def test_a_winner_that_dies_before_its_commit_is_no_winner(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        race, {"dies": [answers(), says("almost", after=0.1), fails(after=0.1)], "b": good(3)}
    )
    assert happened.winner == "b"
    assert "almost" not in happened.text


async def test_a_winner_that_dies_after_its_commit_is_the_streams_own_failure(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race, {"dies": [answers(), says(USEFUL, after=0.1), fails(after=0.4)], "b": good(3)}, k=2
    )
    assert isinstance(happened.error, UpstreamFailure)
    assert happened.text == USEFUL
    assert happened.closed == {"dies": 0.5, "b": 0.1}
    assert happened.clock == 0.5  # b was not asked again: there is no silent switch


async def test_two_that_become_useful_in_the_same_tick_do_not_both_commit(
    autojump_clock: MockClock,
) -> None:
    for _ in range(20):  # the scheduler's order is random: try them all
        now = trio.Event()
        useful = Step(0.0, [TextDelta(USEFUL)], at=now)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(set_after, 1.0, now)
            happened = await run_scenario(
                race, {name: [answers(), useful, ends(after=1.0)] for name in "abc"}, k=3
            )
        assert happened.committed == [(happened.winner, 1.0)]
        assert happened.text == USEFUL
        assert happened.left_open == set()


async def test_one_that_fails_in_the_tick_of_the_commit_is_not_replaced(
    autojump_clock: MockClock,
) -> None:
    for _ in range(20):
        now = trio.Event()
        useful = Step(0.0, [TextDelta(USEFUL)], at=now)
        failure = Step(0.0, UpstreamFailure(FailureKind.OVERLOADED, "as scripted"), at=now)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(set_after, 1.0, now)
            happened = await run_scenario(
                race,
                {
                    "wins": [answers(), useful, ends(after=1.0)],
                    "fails": [answers(), failure],
                    "spare": [answers(after=5.0), hangs()],
                },
            )
        assert happened.committed == [("wins", 1.0)]
        assert happened.left_open == set()
        # When the failure came first, the spare had begun and was cut; otherwise it never did.
        assert happened.closed.get("spare", 1.0) == 1.0


async def set_after(seconds: float, event: trio.Event) -> None:
    await trio.sleep(seconds)
    event.set()


async def test_a_slow_client_slows_the_winner_and_nothing_is_lost(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(race, {"a": good(1, more=3, gap=0.0)}, slow_client=2.0)
    assert happened.text == USEFUL + " and 0 and 1 and 2"
    assert happened.clock == 11.0  # five sends of two seconds each


SCRIPTS = {
    "fails": [answers(after=0.125), fails(after=0.25)],
    "slow": good(2.0),
    "wins": good(1.0, more=3, gap=0.25),
    "spare": [answers(after=0.125), hangs()],
}


@pytest.mark.parametrize("eighth", range(17))
async def test_a_client_that_leaves_at_any_moment_leaves_nothing_behind(
    autojump_clock: MockClock, eighth: int
) -> None:
    leaves = eighth / 8 + 1 / 16
    before = trio.lowlevel.current_statistics().tasks_living
    happened = await run_scenario(race, SCRIPTS, k=3, client_leaves=leaves)
    assert happened.left_open == set()
    assert happened.clock == min(leaves, 2.0)  # at once: no cleanup waits
    assert all(t <= leaves for t in happened.closed.values())
    assert trio.lowlevel.current_statistics().tasks_living == before
