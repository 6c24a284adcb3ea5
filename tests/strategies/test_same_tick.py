"""Two events in one tick of the scheduler still happen one after the other."""

from __future__ import annotations

import trio
from omen_strategies.race import race
from trio.testing import MockClock

from omen.core.errors import FailureKind, MaxLatencyExceeded, UpstreamFailure
from omen.core.events import AnswerEnd, TextDelta
from tests.strategies.scenario import (
    USEFUL,
    Step,
    answers,
    ends,
    hangs,
    run_scenario,
)


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
        # If the failure came first, the spare started and was cancelled; else it never started.
        assert happened.closed.get("spare", 1.0) == 1.0


async def test_one_that_becomes_useful_in_the_tick_of_the_deadline_is_whole_or_late(
    autojump_clock: MockClock,
) -> None:
    """The deadline has cancelled all: a commit after it would be an answer without an end."""
    for _ in range(40):
        now = trio.Event()
        useful = Step(0.0, [TextDelta(USEFUL)], at=now)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(set_after, 1.0, now)
            happened = await run_scenario(
                race,
                {"a": [answers(), useful, ends(after=1.0)], "b": [answers(), hangs()]},
                max_latency=1.0,
            )
        if happened.committed:
            assert isinstance(happened.sent[-1][1], AnswerEnd)
            assert (happened.text, happened.error) == (USEFUL, None)
        else:
            assert isinstance(happened.error, MaxLatencyExceeded)
        assert happened.left_open == set()


async def test_an_answer_that_is_whole_in_the_tick_of_the_deadline_ends_the_race(
    autojump_clock: MockClock,
) -> None:
    """It gives its end without waiting, so a loop that reads on would stop the whole gateway."""
    for _ in range(40):
        now = trio.Event()
        whole = Step(0.0, [TextDelta(USEFUL), AnswerEnd("stop", None)], at=now)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(set_after, 1.0, now)
            happened = await run_scenario(
                race,
                {"a": [answers(), whole], "b": [answers(), hangs()]},
                max_latency=1.0,
            )
        if happened.committed:
            assert isinstance(happened.sent[-1][1], AnswerEnd)
        else:
            assert isinstance(happened.error, MaxLatencyExceeded)
        assert happened.left_open == set()


async def set_after(seconds: float, event: trio.Event) -> None:
    await trio.sleep(seconds)
    event.set()
