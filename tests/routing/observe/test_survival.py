"""Kaplan and Meier's estimate, by hand, by its laws, and against what naive ones get wrong."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.routing import Survival, estimate


def test_a_table_worked_by_hand() -> None:
    # Ten wait. Two end at 1; one is lost at 1; three end at 2; one is lost at 3; one ends at 4.
    survival = estimate([1, 2, 3, 4, 5], [2, 3, 0, 1, 0], [1, 0, 1, 0, 2])
    assert survival.times == [1, 2, 4]
    assert survival.shares == pytest.approx([8 / 10, 8 / 10 * 4 / 7, 8 / 10 * 4 / 7 * 2 / 3])
    assert survival.count == 10
    assert survival.quantile(0.2) == 1
    assert survival.quantile(0.5) == 2
    assert survival.quantile(0.9) == inf  # nobody has seen so many of them end
    assert survival.within(0.5) == 0.0
    assert survival.within(2.0) == pytest.approx(1 - 8 / 10 * 4 / 7)


def test_of_nothing_nothing_is_known() -> None:
    survival = estimate([], [], [])
    assert survival.count == 0
    assert survival.quantile(0.5) == inf
    assert survival.within(1e9) == 0.0


COUNTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)


@given(COUNTS)
def test_it_never_rises_and_never_leaves_zero_to_one(counts: list[tuple[int, int]]) -> None:
    observed, censored = zip(*counts, strict=True)
    survival = estimate(range(1, len(counts) + 1), observed, censored)
    assert all(0.0 <= share <= 1.0 for share in survival.shares)
    assert list(survival.shares) == sorted(survival.shares, reverse=True)


@given(COUNTS)
def test_without_censored_ones_it_is_the_plain_share(counts: list[tuple[int, int]]) -> None:
    observed = [ended for ended, _ in counts]
    survival = estimate(range(len(counts)), observed, [0] * len(counts))
    for time, share in zip(survival.times, survival.shares, strict=True):
        left = sum(observed[int(time) + 1 :])
        assert share == pytest.approx(left / sum(observed))


def test_it_finds_the_tail_that_others_lose_when_the_slow_are_cut_off() -> None:
    """True 95th percentile: 3.0 (exponential, mean 1). All are cut off at a random age."""
    random = Random(1)
    samples = []
    for _ in range(20_000):
        takes, cut = random.expovariate(1.0), random.expovariate(0.5)
        samples.append((min(takes, cut), takes <= cut))
    times = sorted({time for time, _ in samples})
    index = {time: place for place, time in enumerate(times)}
    observed, censored = [0] * len(times), [0] * len(times)
    for time, seen in samples:
        (observed if seen else censored)[index[time]] += 1
    assert estimate(times, observed, censored).quantile(0.95) == pytest.approx(3.0, rel=0.05)
    winners = sorted(time for time, seen in samples if seen)
    ages = sorted(time for time, _ in samples)
    assert winners[int(0.95 * len(winners))] < 2.2
    assert ages[int(0.95 * len(ages))] < 2.2


@pytest.mark.parametrize(("share", "left"), [(0.95, 0.05), (0.9, 0.1), (0.99, 0.01)])
def test_a_quantile_at_an_exact_step_is_that_step(share: float, left: float) -> None:
    """1 - 0.9 is less than 0.1, and 1 - 0.95 is more than 0.05."""
    assert Survival([1.0, 2.0], [left, 0.0], 100).quantile(share) == 1.0
