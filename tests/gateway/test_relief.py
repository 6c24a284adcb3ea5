"""Under pressure a plan gets smaller, before anybody is refused; see `omen.gateway._relief`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trio.testing import MockClock

from omen.admission import Pressure
from omen.core.candidates import Candidate, Endpoint
from omen.core.plan import Expectation, Merge, Plan
from omen.front.http.race_report import explain
from omen.gateway._relief import Relief
from tests.world import open_world, upstream

CANDIDATES = tuple(
    Candidate(name, "openai", "m", Endpoint(f"http://{name}.test"), name) for name in "abcd"
)
RACE = Plan("race", CANDIDATES, k=4)
HEDGED = Plan("speculate_k", CANDIDATES, k=2, hedge_delays=dict.fromkeys(CANDIDATES, 0.5))
SINGLE = Plan("single", CANDIDATES)
MERGE = Plan("parallel_merge", CANDIDATES, k=4, merge=Merge("vote", quorum=3))


def relieve(plan: Plan, pressure: Pressure) -> Plan:
    return Relief(lambda: pressure).relieve(plan)[0]


@pytest.mark.parametrize("plan", [RACE, HEDGED, SINGLE, MERGE])
def test_without_pressure_a_plan_stays_as_it_is(plan: Plan) -> None:
    relief = Relief(lambda: Pressure.NORMAL)
    assert relief.relieve(plan) == (plan, Pressure.NORMAL)


def test_first_hedges_stop_and_races_shrink() -> None:
    level = Pressure.NO_HEDGES
    assert relieve(RACE, level) == replace(RACE, k=2)
    assert relieve(HEDGED, level) == replace(HEDGED, hedge_delays={})
    assert relieve(MERGE, level) == replace(MERGE, k=2, merge=Merge("vote", quorum=2))
    assert relieve(SINGLE, level) is SINGLE


@pytest.mark.parametrize("level", [Pressure.SINGLE, Pressure.REFUSING])
@pytest.mark.parametrize("plan", [RACE, HEDGED, SINGLE, MERGE])
def test_then_everything_runs_alone(plan: Plan, level: Pressure) -> None:
    alone = relieve(plan, level)
    assert (alone.strategy, alone.starts, alone.hedge_delays) == ("single", 1, {})
    assert alone.candidates == plan.candidates


def test_a_forecast_is_not_kept_for_another_plan() -> None:
    plan = replace(RACE, expected=Expectation(0.99, 0.99, 1.0))
    assert relieve(plan, Pressure.NO_HEDGES).expected == Expectation(None, 0.99, 1.0)


def test_without_the_strategy_single_a_plan_keeps_its_own() -> None:
    relief = Relief(lambda: Pressure.SINGLE, single=False)
    plan, _ = relief.relieve(replace(RACE, strategy="theirs"))
    assert (plan.strategy, plan.k) == ("theirs", 1)


def test_what_was_made_smaller_is_counted() -> None:
    relief = Relief(lambda: Pressure.SINGLE)
    assert relief.relieve(RACE)[1] is Pressure.SINGLE
    assert relief.relieve(SINGLE)[1] is Pressure.NORMAL
    assert relief.relieved == {Pressure.SINGLE: 1}


async def test_a_race_under_pressure_starts_one_attempt_and_says_why(
    autojump_clock: MockClock,
) -> None:
    ups = [upstream("a", first_token=1.0), upstream("b", "anthropic", first_token=0.5)]
    async with open_world(*ups) as world:
        world.gateway._pipeline.relief.pressure = lambda: Pressure.SINGLE
        received = await world.ask(strategy="race", k=2)
        assert received.outcomes == {"a": "won"}
        report = explain(received.race)
        assert (report["strategy"], report["pressure"]) == ("single", 2)
        world.gateway._pipeline.relief.pressure = lambda: Pressure.NORMAL
        received = await world.ask(strategy="race", k=2)
        assert received.outcomes == {"a": "lost", "b": "won"}
        assert "pressure" not in explain(received.race)
        assert world.gateway.relieved == {Pressure.SINGLE: 1}
