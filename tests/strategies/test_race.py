"""Race: which attempt wins, when, and how the others end; virtual time, exact numbers."""

from __future__ import annotations

import pytest
import trio
from omen_strategies.race import race
from trio.testing import MockClock

from omen.core.errors import AllAttemptsFailed, FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, AnswerStart, TextDelta
from tests.strategies.scenario import (
    USEFUL,
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
    assert error.status == 429  # a rate limit is more informative than a broken upstream
    assert isinstance(error.__cause__, ExceptionGroup)
    assert len(error.__cause__.exceptions) == 3
    assert happened.clock == 0.5


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


async def test_an_entrant_that_is_not_let_in_is_replaced_and_not_failed_over(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        race, {"a": good(2.0), "full": good(0.1), "c": good(1.0)}, full_until={"full": 9.0}
    )
    assert sorted(happened.roles) == [("a", "primary"), ("c", "entrant"), ("full", "entrant")]
    assert happened.opened == {"a": 0.0, "c": 0.0}
    assert happened.winner == "c"


async def test_without_budget_a_race_that_omen_chose_runs_as_single_and_fails_over(
    autojump_clock: MockClock,
) -> None:
    """A candidate that was denied as an extra start stays available for a failover."""
    happened = await run_scenario(
        race,
        {"a": [fails(after=1.0)], "b": good(0.5), "c": good(0.5)},
        k=3,
        extra_starts=[],
        expected=True,
    )
    assert sorted(happened.denied) == [("b", 0.0), ("c", 0.0)]
    assert happened.opened == {"a": 0.0, "b": 1.0}
    assert happened.roles[-1] == ("b", "failover")
    assert happened.winner == "b"


async def test_when_everybody_is_full_the_error_says_so(autojump_clock: MockClock) -> None:
    everybody = dict.fromkeys("abc", 9.0)
    happened = await run_scenario(race, dict.fromkeys("abc", good(0.1)), full_until=everybody)
    assert isinstance(happened.error, AllAttemptsFailed)
    assert happened.error.status == 503
    assert happened.opened == {}
    assert happened.clock == 0.0
