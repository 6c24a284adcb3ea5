"""The engine: strategies by entry point, and the total deadline over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.errors import AllAttemptsFailed, FailureKind, TotalTimeoutExceeded, UpstreamFailure
from omen.core.events import Event, TextDelta
from omen.core.plan import OpenAttempt, Output, Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.race.engine import run_race
from omen.race.in_turn import ask_in_turn
from omen.race.installed import load_strategies

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
        race.winner = AttemptRecord(0, CANDIDATE, 0.0)
        return CANDIDATE

    await run_race(race, quick, no_attempt, Nowhere())  # type: ignore[arg-type]
    assert race.ended_at == 1.5


async def test_the_servers_timeout_bounds_the_beginning_of_an_answer_not_the_answer(
    autojump_clock: MockClock,
) -> None:
    """A stream that flows for hours is not cut out of habit."""
    race = race_until(inf)
    race.plan = replace(race.plan, begin_deadline=2.0)

    async def flowing(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
        race.winner = AttemptRecord(0, CANDIDATE, 0.0)
        for _ in range(4):
            await trio.sleep(1.5)
            await output.send([TextDelta("more ")])
        return CANDIDATE

    sent = Sent()
    await run_race(race, flowing, no_attempt, sent)  # type: ignore[arg-type]
    assert (len(sent.events), race.ended_at) == (4, 6.0)


async def test_an_answer_that_does_not_begin_in_the_servers_time_is_a_504(
    autojump_clock: MockClock,
) -> None:
    race = race_until(inf)
    race.plan = replace(race.plan, begin_deadline=2.0)

    async def silent(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
        await trio.sleep(2.5)
        await output.send([TextDelta("late")])
        return CANDIDATE

    with pytest.raises(TotalTimeoutExceeded):
        await run_race(race, silent, no_attempt, Nowhere())  # type: ignore[arg-type]
    assert race.ended_at == 2.0


async def test_a_callers_own_timeout_cuts_an_answer_that_has_begun(
    autojump_clock: MockClock,
) -> None:
    race = race_until(4.0)
    race.plan = replace(race.plan, begin_deadline=2.0)

    async def flowing(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
        while True:
            await trio.sleep(1.5)
            await output.send([TextDelta("more ")])

    sent = Sent()
    with pytest.raises(TotalTimeoutExceeded):
        await run_race(race, flowing, no_attempt, sent)  # type: ignore[arg-type]
    assert (len(sent.events), race.ended_at) == (2, 4.0)


class Sent:
    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send(self, events: Sequence[Event]) -> None:
        self.events += events


OTHER = replace(CANDIDATE, provider="q")
DEATH = UpstreamFailure(FailureKind.TRUNCATED, "broke off")


async def restarted(death: UpstreamFailure, **plan: object) -> tuple[RaceRecord, list[Plan]]:
    """Run a race whose first winner fails at the third second; return the plans that were run."""
    race = race_until(100.0)
    race.plan = replace(race.plan, candidates=(CANDIDATE, OTHER), **plan)  # type: ignore[arg-type]
    plans: list[Plan] = []

    async def dies_once(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
        plans.append(plan)
        record = AttemptRecord(len(plans) - 1, plan.candidates[0], trio.current_time())
        race.attempts.append(record)
        race.winner = record
        await output.send([TextDelta(plan.candidates[0].provider)])
        if len(plans) == 1:
            await trio.sleep(3.0)
            record.failure = death
            raise death
        return plan.candidates[0]

    await run_race(race, dies_once, no_attempt, Sent())  # type: ignore[arg-type]
    return race, plans


async def test_a_restart_is_among_those_that_have_not_failed_and_has_no_commit_deadline(
    autojump_clock: MockClock,
) -> None:
    """The commit deadline is for the first useful token, which was sent before the restart."""
    race, plans = await restarted(DEATH, restart=True, commit_deadline=2.0)
    assert [plan.candidates for plan in plans] == [(CANDIDATE, OTHER), (OTHER,)]
    assert [plan.commit_deadline for plan in plans] == [2.0, inf]
    assert race.restarts == 1


@pytest.mark.parametrize("kind", [FailureKind.CONTENT_FILTER, FailureKind.INVALID_REQUEST])
async def test_there_is_no_restart_after_a_failure_that_nobody_can_cure(
    autojump_clock: MockClock, kind: FailureKind
) -> None:
    with pytest.raises(UpstreamFailure):
        await restarted(UpstreamFailure(kind, "no"), restart=True)


async def test_nor_where_it_was_not_asked_for(autojump_clock: MockClock) -> None:
    with pytest.raises(UpstreamFailure):
        await restarted(DEATH)


@pytest.mark.parametrize(
    ("kind", "asked"), [(FailureKind.OVERLOADED, ["p", "q"]), (FailureKind.INVALID_REQUEST, ["p"])]
)
async def test_answers_of_one_body_are_asked_for_in_turn_until_nobody_can_cure_it(
    autojump_clock: MockClock, kind: FailureKind, asked: list[str]
) -> None:
    race = race_until(100.0)
    race.plan = replace(race.plan, candidates=(CANDIDATE, OTHER))
    seen: list[str] = []

    async def ask(candidate: Candidate, *, repeats: bool) -> str:
        seen.append(candidate.provider)
        raise UpstreamFailure(kind, "no")

    with pytest.raises(AllAttemptsFailed):
        await ask_in_turn(race, ask)
    assert seen == asked
