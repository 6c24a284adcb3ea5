"""The knob: a delay that lets so many through, and a bucket that lets no more."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.plan import Expectation, Plan, Role
from omen.core.records import AttemptRecord, RaceRecord
from omen.routing import FirstTokens, HedgeBudget, HedgeDelay
from omen.routing.decide.hedging import BUCKET_REQUESTS, ENOUGH_SAMPLES, FLOOR, hedge_delays

A, B = (Candidate(name, "openai", "m", Endpoint("http://up"), name) for name in "ab")
RACE = RaceRecord("r", Plan("speculate_k", (A, B)), 0.0)


def taught(times: list[float]) -> FirstTokens:
    first_tokens = FirstTokens()
    for seconds in times:
        record = AttemptRecord(0, A, 0.0, committed_at=seconds, ended_at=seconds)
        first_tokens("committed", RACE, record)
    return first_tokens


async def test_the_delay_is_what_all_but_the_allowed_share_take(autojump_clock: MockClock) -> None:
    delay = HedgeDelay(taught([n / 100 for n in range(1, 101)]), 0.10, warmup=9.0)
    assert delay(A) == pytest.approx(0.90, rel=0.01)


async def test_until_there_are_twenty_samples_it_is_the_warm_up(autojump_clock: MockClock) -> None:
    few, enough = [0.5] * (ENOUGH_SAMPLES - 1), [0.5] * ENOUGH_SAMPLES
    assert HedgeDelay(taught(few), 0.05, warmup=9.0)(A) == 9.0
    assert HedgeDelay(taught(enough), 0.05, warmup=9.0)(A) == pytest.approx(0.5, rel=0.01)


async def test_no_delay_is_shorter_than_the_floor(autojump_clock: MockClock) -> None:
    assert HedgeDelay(taught([0.000_01] * 50), 0.05, warmup=1.0)(A) == FLOOR


async def test_where_nobody_has_seen_the_end_it_waits_as_long_as_any_took(
    autojump_clock: MockClock,
) -> None:
    first_tokens = taught([1.0] * 5 + [3.0] * 5)
    for _ in range(90):
        record = AttemptRecord(0, A, 0.0, ended_at=4.0, cut="lost")
        first_tokens("ended", RACE, record)
    assert HedgeDelay(first_tokens, 0.05, warmup=9.0)(A) == pytest.approx(3.0, rel=0.01)


async def test_a_hedge_is_not_waited_for_longer_than_the_first_one(
    autojump_clock: MockClock,
) -> None:
    await trio.lowlevel.checkpoint()
    assert hedge_delays((A, B), {A: 2.0, B: 60.0}.__getitem__) == {A: 2.0, B: 2.0}
    assert hedge_delays((A, B), {A: 9.0, B: 2.0}.__getitem__) == {A: 9.0, B: 2.0}


def emptied(share: float) -> HedgeBudget:
    budget = HedgeBudget(share)
    while budget(RACE, B, "hedge") is None:
        pass
    return budget


def test_at_the_start_the_bucket_is_full_and_it_holds_what_300_requests_put_in() -> None:
    budget = HedgeBudget(0.05)
    budget.requests += 1
    assert [budget(RACE, B, "hedge") is None for _ in range(16)] == [True] * 15 + [False]
    assert HedgeBudget(0.001)(RACE, B, "hedge") is None  # one at least


def test_each_request_puts_in_the_share_and_each_extra_start_takes_one() -> None:
    budget = emptied(0.25)
    for _ in range(3):
        budget.requests += 1
    assert budget(RACE, B, "hedge") is not None
    budget.requests += 1
    assert budget(RACE, B, "hedge") is None
    assert budget(RACE, B, "retry") is not None


@pytest.mark.parametrize("role", ["primary", "entrant", "failover", "draft", "judge"])
def test_what_is_no_extra_load_needs_no_token(role: Role) -> None:
    assert emptied(0.05)(RACE, A, role) is None


STRETCHES = st.lists(st.tuples(st.integers(1, 900), st.integers(0, 3)), min_size=1, max_size=12)
"""Stretches of so many requests, each of which wants so many extra starts: quiet ones, in which the
bucket fills, and greedy ones."""


@given(share=st.floats(0.0, 0.5), stretches=STRETCHES)
def test_over_any_stretch_extra_starts_stay_within_the_share_and_one_bucket(
    share: float, stretches: list[tuple[int, int]]
) -> None:
    budget = HedgeBudget(share)
    granted: list[int] = []
    for requests, wanted in stretches:
        for _ in range(requests):
            budget.requests += 1
            granted.append(sum(budget(RACE, B, "hedge") is None for _ in range(wanted)))
    bucket = max(1.0, share * BUCKET_REQUESTS) if share else 0.0
    assert excess(granted, share) <= bucket + 1e-6


def excess(granted: list[int], share: float) -> float:
    """The most by which any stretch of requests is beyond its share (Kadane's scan)."""
    most = here = 0.0
    for count in granted:
        here = max(here + count - share, 0.0)
        most = max(most, here)
    return most


def test_a_quiet_hour_does_not_save_up_for_a_bad_minute() -> None:
    """Without the bucket's bound 10,000 quiet requests would save 500 extra starts."""
    budget = HedgeBudget(0.05)
    for _ in range(10_000):
        budget.requests += 1
    assert sum(budget(RACE, B, "hedge") is None for _ in range(1000)) == 15


def test_no_extra_load_means_none_from_the_start_and_after_a_change() -> None:
    budget = HedgeBudget(0.0)
    assert budget(RACE, B, "hedge") is not None
    budget.set_share(0.5)
    budget.requests += 1
    budget.requests += 1
    assert budget(RACE, B, "hedge") is None
    budget.set_share(0.0)
    budget.requests += 1
    assert budget(RACE, B, "hedge") is not None


def test_a_smaller_share_leaves_no_more_than_its_own_bucket_holds() -> None:
    budget = HedgeBudget(0.5)
    budget.set_share(0.01)
    assert sum(budget(RACE, B, "hedge") is None for _ in range(10)) == 3


CONTRACT = RaceRecord("r", Plan("race", (A, B), expected=Expectation(0.9, 0.99, 1.0)), 0.0)


def test_entrants_of_a_race_that_omen_chose_are_extra_load() -> None:
    """Core defect 10."""
    budget = emptied(0.05)
    assert budget(CONTRACT, A, "primary") is None
    denial = budget(CONTRACT, B, "entrant")
    assert denial is not None
    assert not denial.failover  # no other candidate may start instead
    assert budget(RACE, B, "entrant") is None  # the caller's own wish
