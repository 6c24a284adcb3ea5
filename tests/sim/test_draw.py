"""Fates: decided beforehand, by seed, provider and question only."""

from __future__ import annotations

import math
from statistics import correlation, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.sim import (
    Between,
    Draw,
    Fixed,
    LogNormal,
    Profile,
    Silence,
    StallTail,
    Status,
    draw,
)

HOSTED = LogNormal(1.34, 0.67)
KEYS = [f"question {number}" for number in range(4000)]


def fates(profile: Profile, provider: str = "a", seed: int = 1) -> list[Draw]:
    return [draw(profile, seed=seed, provider=provider, key=key) for key in KEYS]


@given(st.integers(), st.text(), st.text())
def test_the_same_seed_provider_and_question_always_meet_the_same_fate(
    seed: int, provider: str, key: str
) -> None:
    profile = Profile(first_token=HOSTED, tokens=Between(1, 20), correlation=0.5)
    once = draw(profile, seed=seed, provider=provider, key=key)
    assert draw(profile, seed=seed, provider=provider, key=key) == once


@pytest.mark.parametrize(("seed", "provider", "key"), [(2, "a", "q"), (1, "b", "q"), (1, "a", "r")])
def test_seed_provider_and_question_each_make_a_difference(
    seed: int, provider: str, key: str
) -> None:
    profile = Profile(first_token=HOSTED, tokens=1)
    known = draw(profile, seed=1, provider="a", key="q").first_token
    assert draw(profile, seed=seed, provider=provider, key=key).first_token != known


def test_a_question_may_hold_anything_json_can_even_half_a_surrogate_pair() -> None:
    assert draw(Profile(), seed=1, provider="a", key="\ud800").tokens == 60


def test_half_of_all_first_tokens_come_before_the_median() -> None:
    drawn = [fate.first_token for fate in fates(Profile(first_token=HOSTED, tokens=1))]
    assert median(drawn) == pytest.approx(1.34, rel=0.04)
    logs = [math.log(value / 1.34) for value in drawn]
    assert math.sqrt(sum(value**2 for value in logs) / len(logs)) == pytest.approx(0.67, rel=0.05)


def test_a_stall_tail_stalls_as_often_and_as_long_as_it_says() -> None:
    tail = StallTail(HOSTED, probability=0.1, offset=100, mean=50, cap=300)
    stalls = [
        f.first_token for f in fates(Profile(first_token=tail, tokens=1)) if f.first_token >= 100
    ]
    assert len(stalls) == pytest.approx(400, rel=0.15)
    assert median(stalls) == pytest.approx(100 + 50 * math.log(2), rel=0.05)
    assert max(stalls) == 300


@given(st.floats(0, 1, exclude_max=True))
def test_no_luck_however_bad_exceeds_the_cap(u: float) -> None:
    tail = StallTail(HOSTED, probability=0.5, offset=15, mean=175, cap=819)
    assert 0 < tail.sample(u) <= 819


@given(st.floats(0, 1, exclude_max=True))
def test_a_length_lies_between_its_ends(u: float) -> None:
    assert 3 <= Between(3, 9).sample(u) <= 9


def test_every_length_between_the_ends_occurs() -> None:
    assert {fate.tokens for fate in fates(Profile(tokens=Between(3, 9)))} == set(range(3, 10))


def test_at_correlation_1_equal_profiles_share_their_whole_fate() -> None:
    profile = Profile(
        first_token=HOSTED,
        gap=LogNormal(0.02, 0.5),
        tokens=Between(1, 20),
        correlation=1,
        faults=(Silence(0.5),),
    )
    assert fates(profile, "a") == fates(profile, "b")


def test_at_correlation_1_different_profiles_are_slow_on_the_same_questions() -> None:
    quick = fates(Profile(first_token=LogNormal(0.1, 0.2), tokens=1, correlation=1), "a")
    slow = fates(Profile(first_token=LogNormal(2.0, 0.9), tokens=1, correlation=1), "b")
    assert sorted(range(4000), key=lambda i: quick[i].first_token) == sorted(
        range(4000), key=lambda i: slow[i].first_token
    )


@pytest.mark.parametrize("knob", [0.0, 0.3, 0.7])
def test_the_knob_is_the_correlation_of_the_luck(knob: float) -> None:
    profile = Profile(first_token=HOSTED, tokens=1, correlation=knob)
    a = [math.log(fate.first_token) for fate in fates(profile, "a")]
    b = [math.log(fate.first_token) for fate in fates(profile, "b")]
    assert correlation(a, b) == pytest.approx(knob, abs=0.05)


def test_faults_are_met_as_often_as_their_probabilities_say_and_one_at_a_time() -> None:
    profile = Profile(
        tokens=1, faults=(Status(0.1, status=429), Status(0.2, status=500), Silence(0.3))
    )
    met = [fate.fault for fate in fates(profile)]
    shares = [met.count(fault) / len(met) for fault in (*profile.faults, None)]
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.03)


def test_a_fault_of_probability_1_is_always_met() -> None:
    assert all(fate.fault == Silence(1) for fate in fates(Profile(tokens=1, faults=(Silence(1),))))


def test_a_fate_says_when_each_token_is_due() -> None:
    fate = Draw(first_token=1.0, gaps=(0.5, 0.25))
    assert fate.tokens == 3
    assert [fate.time_of(token) for token in range(3)] == [1.0, 1.5, 1.75]
    assert [fate.wait_before(token) for token in range(5)] == [1.0, 0.5, 0.25, 0.0, 0.0]


def test_thoughts_go_at_the_pace_of_the_answer_over_and_over() -> None:
    fate = Draw(first_token=1.0, gaps=(0.5, 0.25))
    assert [fate.wait_after_thought(thought) for thought in range(5)] == [0.5, 0.25, 0.5, 0.25, 0.5]
    assert Draw(first_token=1.0, gaps=()).wait_after_thought(3) == 0.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fixed(-1),
        lambda: Fixed(math.nan),
        lambda: LogNormal(0, 1),
        lambda: StallTail(HOSTED, 1.5, 1, 1, 1),
        lambda: Between(0, 3),
        lambda: Between(4, 3),
        lambda: Profile(tokens=0),
        lambda: Profile(correlation=1.1),
        lambda: Profile(faults=(Silence(0.6), Status(0.6))),
        lambda: Silence(-0.1),
        lambda: Status(0.1, status=200),
    ],
)
def test_impossible_numbers_are_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="found"):
        make()
