"""`max_latency_ms`: which attempt commits when it passes, and the error if none can."""

from __future__ import annotations

import pytest
from omen_strategies.race import race
from trio.testing import MockClock

from omen.core.errors import MaxLatencyExceeded
from omen.core.events import Event, RefusalDelta, TextDelta, ToolCallDelta
from tests.strategies.scenario import (
    answers,
    ends,
    fails,
    good,
    hangs,
    run_scenario,
    says,
    sends,
)


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


async def test_a_deadline_that_passed_before_the_start_is_a_504_like_any_other(
    autojump_clock: MockClock,
) -> None:
    for _ in range(20):  # whichever the scheduler runs first: the lanes or the deadline
        happened = await run_scenario(race, {"a": good(1), "b": good(2)}, max_latency=-1.0)
        assert isinstance(happened.error, MaxLatencyExceeded)
        assert happened.committed == []
        assert happened.left_open == set()


async def test_a_deadline_that_does_not_fire_holds_no_answer_up(autojump_clock: MockClock) -> None:
    happened = await run_scenario(race, {"a": good(0.5), "b": good(2.0)}, max_latency=60.0)
    assert happened.winner == "a"
    assert happened.clock == pytest.approx(0.8)


VISIBLE = {
    "text": TextDelta("I ca"),
    "a refusal": RefusalDelta("I cannot help with that"),
    "a named call": ToolCallDelta(0, id="c", name="look"),
}


@pytest.mark.parametrize("first", VISIBLE.values(), ids=VISIBLE.keys())
async def test_whatever_a_client_could_be_shown_commits_at_the_deadline(
    autojump_clock: MockClock, first: Event
) -> None:
    """A refusal that is streaming and a tool call without arguments are visible output."""
    happened = await run_scenario(
        race,
        {"a": [answers(), sends(first, after=0.5), ends(after=1.0)], "b": [answers(), hangs()]},
        max_latency=1.0,
    )
    assert happened.committed == [("a", 1.0)]
    assert happened.error is None
    assert happened.clock == 1.5


async def test_a_call_that_has_no_name_yet_is_nothing_to_show(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        race,
        {"a": [answers(), sends(ToolCallDelta(0, id="c", arguments="{"), after=0.5), hangs()]},
        max_latency=1.0,
    )
    assert isinstance(happened.error, MaxLatencyExceeded)
