"""An answer that the plan's checks reject wins against nobody, and is better than no answer."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import trio
from omen_strategies.race import race
from omen_strategies.single import single
from omen_strategies.speculate_k import speculate_k
from trio.testing import MockClock

from omen.core.errors import AllAttemptsFailed, FailureKind
from omen.core.events import TextDelta
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
)

STRATEGIES = pytest.mark.parametrize(
    "strategy", [single, race, speculate_k], ids=lambda s: s.__name__
)
REFUSES = "I'm sorry, but I can't help with that."
GATE = ["no_refusal"]


def refuses(first_token: float, *, text: str = REFUSES) -> list[Any]:
    return [answers(), says(text, after=first_token), says(" Really.", after=0.1), ends(after=0.1)]


async def test_the_fastest_does_not_win_with_a_bad_answer(autojump_clock: MockClock) -> None:
    happened = await run_scenario(race, {"bad": refuses(1), "good": good(5)}, gate=GATE)
    assert happened.winner == "good"
    assert happened.committed == [("good", 5.0)]
    assert happened.text == USEFUL + " and 0 and 1"
    assert happened.closed["bad"] == 5.0
    assert happened.failed["bad"] is FailureKind.REJECTED


async def test_without_a_gate_it_does(autojump_clock: MockClock) -> None:
    happened = await run_scenario(race, {"bad": refuses(1), "good": good(5)})
    assert happened.committed == [("bad", 1.0)]


@STRATEGIES
async def test_the_next_candidate_is_asked_at_once(
    autojump_clock: MockClock, strategy: Any
) -> None:
    scripts = {"bad": refuses(1), "good": good(2)}
    happened = await run_scenario(strategy, scripts, k=1, gate=GATE)
    assert happened.opened == {"bad": 0.0, "good": 1.0}
    assert happened.roles == [("bad", "primary"), ("good", "failover")]
    assert happened.committed == [("good", 3.0)]
    assert happened.left_open == set()


@STRATEGIES
async def test_an_answer_that_is_the_only_one_is_delivered_whole(
    autojump_clock: MockClock, strategy: Any
) -> None:
    happened = await run_scenario(strategy, {"bad": refuses(1)}, gate=GATE)
    assert happened.committed == [("bad", 1.0)]
    assert happened.text == REFUSES + " Really."
    assert happened.error is None
    assert happened.failed == {}


@STRATEGIES
@pytest.mark.parametrize("kind", [FailureKind.SERVER_ERROR, FailureKind.INVALID_REQUEST])
async def test_so_is_one_after_which_everybody_failed(
    autojump_clock: MockClock, strategy: Any, kind: FailureKind
) -> None:
    scripts = {"bad": refuses(1), "dead": [fails(after=3, kind=kind)]}
    happened = await run_scenario(strategy, scripts, gate=GATE)
    assert happened.winner == "bad"
    assert happened.text == REFUSES + " Really."
    assert happened.left_open == set()


async def test_of_several_the_first_is_delivered_and_the_others_have_failed(
    autojump_clock: MockClock,
) -> None:
    scripts = {"first": refuses(1), "second": refuses(2), "third": refuses(3)}
    happened = await run_scenario(race, scripts, k=3, gate=GATE)
    assert happened.committed == [("first", 3.0)]
    assert happened.text == REFUSES + " Really."
    assert set(happened.failed) == {"second", "third"}
    assert happened.left_open == set()


async def test_one_that_says_something_goes_before_one_that_says_nothing(
    autojump_clock: MockClock,
) -> None:
    empty = [answers(), ends(after=1, reason="length")]
    happened = await run_scenario(race, {"empty": empty, "bad": refuses(2)}, gate=GATE)
    assert happened.committed == [("bad", 2.0)]


async def test_at_the_deadline_it_is_the_best_there_is(autojump_clock: MockClock) -> None:
    scripts = {"bad": refuses(1), "silent": [answers(), hangs()]}
    happened = await run_scenario(race, scripts, gate=GATE, max_latency=4)
    assert happened.committed == [("bad", 4.0)]
    assert happened.text == REFUSES + " Really."


async def test_at_the_deadline_an_answer_that_is_still_held_goes_before_it(
    autojump_clock: MockClock,
) -> None:
    held = [answers(), says("I'm sorry, but I", after=2), says(" must be brief.", after=9), ends()]
    happened = await run_scenario(
        race, {"bad": refuses(1), "held": held}, gate=GATE, max_latency=4, min_useful_tokens=1
    )
    assert happened.committed == [("held", 4.0)]
    assert happened.text == "I'm sorry, but I must be brief."


async def test_an_answer_that_begins_like_a_bad_one_is_held_until_it_is_none(
    autojump_clock: MockClock,
) -> None:
    held = [answers(), says("I'm sorry, but I", after=1), says(" must be brief.", after=1), ends()]
    happened = await run_scenario(
        race, {"held": held, "good": good(5)}, gate=GATE, min_useful_tokens=1
    )
    assert happened.committed == [("held", 2.0)]
    assert happened.text == "I'm sorry, but I must be brief."


async def test_one_that_ends_while_it_is_held_is_judged_as_it_is(
    autojump_clock: MockClock,
) -> None:
    held = [answers(), says("I'm sorry, but I", after=1), ends(after=1)]
    happened = await run_scenario(
        race, {"held": held, "good": good(5)}, gate=GATE, min_useful_tokens=1
    )
    assert happened.committed == [("held", 2.0)]


async def test_nobody_takes_its_place_if_rejections_are_no_reason_to_move_on(
    autojump_clock: MockClock,
) -> None:
    scripts = {"bad": refuses(1), "good": good(2)}
    happened = await run_scenario(single, scripts, gate=GATE, failover_on=())
    assert happened.committed == [("bad", 1.0)]
    assert happened.opened == {"bad": 0.0}


async def test_a_winner_that_comes_in_the_same_tick_leaves_it_a_failure(
    autojump_clock: MockClock,
) -> None:
    now = trio.Event()
    scripts = {
        name: [answers(), Step(0.0, [TextDelta(text)], now), ends()]
        for name, text in (("bad", REFUSES), ("good", USEFUL))
    }
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            await trio.sleep(1)
            now.set()

        happened = await run_scenario(race, scripts, gate=GATE)
    assert happened.committed == [("good", 1.0)]
    assert happened.failed["bad"] is FailureKind.REJECTED
    assert happened.left_open == set()


async def test_a_client_that_leaves_while_one_is_kept_leaves_nothing_open(
    autojump_clock: MockClock,
) -> None:
    scripts = {"bad": refuses(1), "silent": [answers(), hangs()]}
    happened = await run_scenario(race, scripts, gate=GATE, client_leaves=3)
    assert happened.committed == []
    assert happened.left_open == set()
    assert happened.closed == {"bad": 3.0, "silent": 3.0}


async def test_it_is_in_no_cycle(autojump_clock: MockClock) -> None:
    gc.collect()
    gc.disable()
    try:
        await run_scenario(race, {"bad": refuses(1), "good": good(5)}, gate=GATE)
        left = [one for one in gc.get_objects() if type(one).__name__ == "Entrant"]
    finally:
        gc.enable()
    assert left == []


async def test_a_race_without_any_answer_still_names_every_reason(
    autojump_clock: MockClock,
) -> None:
    scripts = {"a": [fails(after=1)], "b": [fails(after=2)]}
    happened = await run_scenario(race, scripts, gate=GATE)
    assert isinstance(happened.error, AllAttemptsFailed)
