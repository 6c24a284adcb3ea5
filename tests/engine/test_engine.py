"""The engine: strategies by entry point, and the total deadline over them."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from omen.candidates import Candidate, Endpoint
from omen.engine import load_strategies, run_race
from omen.errors import TotalTimeoutExceeded
from omen.plan import AttemptRecord, OpenAttempt, Output, Plan, RaceRecord

CANDIDATE = Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p")


class Nowhere:
    async def send(self, events: object) -> None:
        raise AssertionError("nothing should be sent")


def no_attempt(candidate: Candidate) -> object:
    raise AssertionError("nothing should be opened")


def race_until(deadline: float) -> RaceRecord:
    plan = Plan("s", (CANDIDATE,), total_deadline=deadline)
    return RaceRecord("id", plan, trio.current_time())


def test_the_strategies_of_this_package_are_found_by_name() -> None:
    strategies = load_strategies()
    assert {"single", "race"} <= set(strategies)
    assert all(callable(strategy) for strategy in strategies.values())


async def test_the_total_deadline_cuts_a_strategy_and_names_every_attempt(
    autojump_clock: MockClock,
) -> None:
    race = race_until(2.0)
    race.attempts.append(AttemptRecord(0, CANDIDATE, 0.0, outcome="timed_out"))

    async def endless(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.raises(TotalTimeoutExceeded, match=r"p/m: timed_out") as caught:
        await run_race(race, endless, no_attempt, Nowhere())  # type: ignore[arg-type]
    assert caught.value.status == 504
    assert trio.current_time() == 2.0
    assert race.ended_at == 2.0


async def test_a_race_that_ends_in_time_says_when(autojump_clock: MockClock) -> None:
    race = race_until(2.0)

    async def quick(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
        await trio.sleep(1.5)
        return CANDIDATE

    await run_race(race, quick, no_attempt, Nowhere())  # type: ignore[arg-type]
    assert race.ended_at == 1.5
