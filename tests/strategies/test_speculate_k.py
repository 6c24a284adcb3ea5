"""Speculate k: when and where hedges start, and the effect of an empty budget; exact numbers."""

from __future__ import annotations

import random

import pytest
from omen_strategies.speculate_k import speculate_k
from trio.testing import MockClock

from omen.core.errors import AllAttemptsFailed, FailureKind, UpstreamFailure
from tests.strategies.scenario import Step, answers, fails, good, hangs, run_scenario


async def test_a_hedge_starts_when_the_delay_is_over_and_the_first_useful_one_wins(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k, {"a": [answers(), hangs()], "b": good(0.5), "c": good(0.1)}, hedge_delay=2.0
    )
    assert happened.opened == {"a": 0.0, "b": 2.0}  # c was never started: k is 2
    assert happened.roles == [("a", "primary"), ("b", "hedge")]
    assert happened.committed == [("b", 2.5)]
    assert happened.closed["a"] == 2.5


async def test_nobody_is_hedged_who_commits_in_time(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        speculate_k, {"a": good(1.9, more=9, gap=1.0), "b": good(0.1)}, hedge_delay=2.0
    )
    assert happened.opened == {"a": 0.0}
    assert happened.winner == "a"


async def test_the_slow_one_may_still_win(autojump_clock: MockClock) -> None:
    happened = await run_scenario(speculate_k, {"a": good(2.5), "b": good(2.0)}, hedge_delay=2.0)
    assert happened.committed == [("a", 2.5)]
    assert happened.closed["b"] == 2.5


async def test_each_further_hedge_waits_for_the_one_before_it_up_to_k(
    autojump_clock: MockClock,
) -> None:
    slow = [answers(), hangs()]
    happened = await run_scenario(
        speculate_k, {"a": slow, "b": slow, "c": good(9.0), "d": good(0.1)}, k=3, hedge_delay=2.0
    )
    assert happened.opened == {"a": 0.0, "b": 2.0, "c": 4.0}
    assert happened.winner == "c"


async def test_a_curable_failure_starts_the_next_one_at_once_and_its_delay_counts_from_there(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [fails(after=1.5)], "b": [answers(), hangs()], "c": good(0.1)},
        hedge_delay=2.0,
    )
    assert happened.opened == {"a": 0.0, "b": 1.5, "c": 3.5}
    assert happened.roles == [("a", "primary"), ("b", "failover"), ("c", "hedge")]


async def test_a_fatal_failure_starts_nobody(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [fails(after=0.5, kind=FailureKind.INVALID_REQUEST)], "b": good(0.1)},
        hedge_delay=2.0,
    )
    assert happened.opened == {"a": 0.0}
    assert isinstance(happened.error, AllAttemptsFailed)
    assert happened.clock == 0.5


async def test_a_fatal_failure_of_one_ends_the_hedging_and_not_the_others(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k,
        {
            "a": [fails(after=1.5, kind=FailureKind.INVALID_REQUEST)],
            "b": good(5.0),
            "c": good(0.1),
        },
        k=3,
        hedge_delay=1.0,
    )
    assert happened.opened == {"a": 0.0, "b": 1.0}
    assert happened.winner == "b"


async def test_failures_go_through_everybody_as_with_single(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [fails(1.0)], "b": [fails(1.0)], "c": good(0.5)},
        hedge_delay=9.0,
    )
    assert happened.opened == {"a": 0.0, "b": 1.0, "c": 2.0}
    assert happened.winner == "c"


async def test_a_hedge_goes_to_another_failure_domain_first(autojump_clock: MockClock) -> None:
    slow = [answers(), hangs()]
    happened = await run_scenario(
        speculate_k,
        {"a": slow, "a2": good(0.5), "b": slow},
        k=3,
        hedge_delay=1.0,
        domains={"a": "one", "a2": "one", "b": "two"},
    )
    assert happened.opened == {"a": 0.0, "b": 1.0, "a2": 2.0}


async def test_without_budget_nothing_is_started_and_it_is_asked_again_later_and_later(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [answers(), hangs()], "b": good(0.5)},
        hedge_delay=1.0,
        extra_starts=[False, False, True],
    )
    assert happened.denied == [("b", 1.0), ("b", 1.125)]
    assert happened.opened == {"a": 0.0, "b": 1.375}
    assert happened.winner == "b"


async def test_one_that_was_denied_keeps_its_place_in_the_order(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [answers(), fails(after=1.5)], "a2": good(0.5), "b": good(0.5)},
        hedge_delay=1.0,
        extra_starts=[],
        domains={"a": "one", "a2": "one", "b": "two"},
    )
    assert happened.denied[0] == ("b", 1.0)  # in another domain
    assert happened.opened == {"a": 0.0, "a2": 1.5}  # and yet a failure goes on in the plan's order


async def test_with_a_delay_of_nothing_and_no_budget_it_still_waits_between_two_questions(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": good(1.0), "b": good(0.5)},
        hedge_delay=0.0,
        extra_starts=[],
    )
    assert [round(at, 3) for _, at in happened.denied] == [0.0, 0.1, 0.3, 0.7]
    assert happened.winner == "a"


async def test_a_successor_is_hedged_after_its_own_delay(autojump_clock: MockClock) -> None:
    """Core defect 11. The hedger must not go on with the delay of the candidate that failed."""
    happened = await run_scenario(
        speculate_k,
        {"slowish": [fails(1.0)], "fast": [answers(), hangs()], "third": good(0.2)},
        hedge_delay={"slowish": 10.0, "fast": 0.5, "third": 0.5},
    )
    assert happened.opened == {"slowish": 0.0, "fast": 1.0, "third": 1.5}
    assert happened.roles[1:] == [("fast", "failover"), ("third", "hedge")]


async def test_a_hedge_is_not_waited_for_longer_than_the_first_candidate(
    autojump_clock: MockClock,
) -> None:
    slow = [answers(), hangs()]
    happened = await run_scenario(
        speculate_k,
        {"a": slow, "b": slow, "c": good(0.5)},
        k=3,
        hedge_delay={"a": 2.0, "b": 60.0, "c": 60.0},
    )
    assert happened.opened == {"a": 0.0, "b": 2.0, "c": 4.0}


async def test_a_hedge_that_a_full_candidate_refuses_goes_to_the_next_one_at_once(
    autojump_clock: MockClock,
) -> None:
    """Core defect 12. A full candidate is asked once for each hedge, not again and again."""
    happened = await run_scenario(
        speculate_k,
        {"a": good(8.0), "full": good(0.1), "full too": good(0.1), "c": good(0.3)},
        hedge_delay=0.5,
        full_until=dict.fromkeys(("full", "full too"), 100.0),
    )
    assert happened.denied == [("full", 0.5), ("full too", 0.5)]
    assert happened.opened == {"a": 0.0, "c": 0.5}
    assert happened.committed == [("c", 0.8)]


async def test_when_all_are_full_the_hedge_is_tried_again_later(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": good(8.0), "b": good(0.5)},
        hedge_delay=1.0,
        full_until={"b": 1.3},
    )
    assert happened.denied == [("b", 1.0), ("b", 1.125)]
    assert happened.opened == {"a": 0.0, "b": 1.375}
    assert happened.winner == "b"


async def test_a_candidate_that_refused_a_hedge_may_take_the_place_of_a_failed_one(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [answers(), fails(after=1.5)], "b": good(0.5)},
        hedge_delay=1.0,
        full_until={"b": 1.45},
    )
    assert happened.opened == {"a": 0.0, "b": 1.5}
    assert happened.roles[-1] == ("b", "failover")
    assert happened.winner == "b"


async def test_the_back_off_of_an_empty_budget_ends_with_the_attempt_it_was_for(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [answers(), fails(after=5.0)], "b": [answers(), hangs()], "c": good(0.5)},
        hedge_delay=1.0,
        extra_starts=[False] * 6 + [True],
    )
    assert [at for _, at in happened.denied] == [1.0, 1.125, 1.375, 1.875, 2.875, 4.875]
    # The next retry would have been at 8.875; the successor of `a` has a delay of its own.
    assert happened.opened == {"a": 0.0, "b": 5.0, "c": 6.0}


async def test_behind_a_commit_no_hedge_is_asked_for(autojump_clock: MockClock) -> None:
    """A long answer lasts far beyond the delay; the budget is for requests that still wait."""
    happened = await run_scenario(
        speculate_k,
        {"a": good(1.0, more=99, gap=1.0), "b": good(0.1)},
        hedge_delay=2.0,
        extra_starts=[],
    )
    assert happened.winner == "a"
    assert happened.roles == [("a", "primary")]
    assert happened.denied == []


async def test_nobody_is_tried_again_while_another_one_still_runs(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k, {"a": [answers(), fails(after=2.0)], "b": good(5.0)}, hedge_delay=1.0
    )
    assert happened.roles == [("a", "primary"), ("b", "hedge")]
    assert happened.winner == "b"


async def test_when_the_last_candidate_is_full_the_failed_one_is_tried_again(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [fails(after=0.5)], "full": good(0.1)},
        hedge_delay=9.0,
        full_until={"full": 100.0},
    )
    assert happened.roles == [("a", "primary"), ("full", "failover"), ("a", "retry")]


async def test_who_has_nobody_left_is_tried_once_more_when_it_asked_to_be(
    autojump_clock: MockClock,
) -> None:
    busy = UpstreamFailure(FailureKind.RATE_LIMIT, "busy", retry_after=1.5)
    happened = await run_scenario(speculate_k, {"a": [Step(0.5, busy)]}, hedge_delay=1.0)
    assert happened.roles == [("a", "primary"), ("a", "retry")]
    assert happened.opened == {"a": 2.0}
    assert isinstance(happened.error, AllAttemptsFailed)
    assert len(happened.error.attempts) == 2
    assert happened.error.status == 429


@pytest.mark.parametrize(
    ("kind", "retry_after", "permits"),
    [
        (FailureKind.QUOTA, None, [True]),  # it will not pass by itself
        (FailureKind.RATE_LIMIT, 60.0, [True]),  # too long for us to wait for the caller
        (FailureKind.RATE_LIMIT, 1.0, [False]),  # no budget
    ],
)
async def test_a_retry_that_must_not_be_is_not_made(
    autojump_clock: MockClock, kind: FailureKind, retry_after: float | None, permits: list[bool]
) -> None:
    failure = UpstreamFailure(kind, "no", retry_after=retry_after)
    happened = await run_scenario(
        speculate_k, {"a": [Step(0.5, failure)]}, hedge_delay=1.0, extra_starts=permits
    )
    assert happened.opened == {"a": 0.0}
    assert isinstance(happened.error, AllAttemptsFailed)
    assert happened.error.status == 429


async def test_at_the_deadline_whoever_has_said_most_commits(autojump_clock: MockClock) -> None:
    happened = await run_scenario(
        speculate_k,
        {"a": [answers(), hangs()], "b": good(5.0)},
        hedge_delay=1.0,
        max_latency=3.0,
    )
    assert happened.error is not None
    assert happened.error.code == "max_latency_exceeded"
    assert happened.clock == 3.0
    assert happened.left_open == set()


async def test_a_hedge_that_falls_due_in_the_tick_of_the_commit_holds_nothing_up(
    autojump_clock: MockClock, scheduler: random.Random
) -> None:
    for seed in range(40):
        scheduler.seed(seed)
        happened = await run_scenario(
            speculate_k, {"a": good(2.0, more=3), "b": [hangs()]}, hedge_delay=2.0
        )
        assert happened.winner == "a"
        assert happened.closed.get("b", 2.0) == 2.0
        assert happened.clock == pytest.approx(2.4)


async def test_a_hedge_that_falls_due_in_the_tick_of_a_fatal_failure_is_not_started(
    autojump_clock: MockClock, scheduler: random.Random
) -> None:
    fatal = [fails(after=2.0, kind=FailureKind.INVALID_REQUEST)]
    for seed in range(40):
        scheduler.seed(seed)
        happened = await run_scenario(speculate_k, {"a": fatal, "b": good(1.0)}, hedge_delay=2.0)
        # either it was started first, and answers; or it was not
        assert (happened.error is None) == ("b" in happened.opened)


async def test_a_client_that_leaves_while_a_hedge_is_due_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    for leaves in (0.5, 1.0, 1.5):
        happened = await run_scenario(
            speculate_k,
            {"a": [answers(), hangs()], "b": [answers(), hangs()]},
            hedge_delay=1.0,
            client_leaves=leaves,
        )
        assert happened.left_open == set()
        assert happened.clock == leaves
