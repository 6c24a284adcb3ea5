"""Two events in one tick of the scheduler still happen one after the other."""

from __future__ import annotations

import trio
from omen_strategies.race import race
from trio.testing import MockClock

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import TextDelta
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


async def set_after(seconds: float, event: trio.Event) -> None:
    await trio.sleep(seconds)
    event.set()
