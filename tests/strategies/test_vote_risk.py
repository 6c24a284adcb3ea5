"""A vote with a risk: small waves of drafts, and an end as soon as an upset is unlikely enough."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from itertools import product
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omen_strategies import _ballot as ballot
from omen_strategies.parallel_merge import parallel_merge
from trio.testing import MockClock

from omen.core.plan import Merge, Vote
from tests.strategies.scenario import (
    Happened,
    Step,
    answers,
    ends,
    fails,
    hangs,
    run_scenario,
    says,
)

NAMES = "abcdefghijk"


def draft(text: str, after: float) -> list[Step]:
    return [answers(), says(text, after=after), ends()]


async def vote(
    *scripts: list[Step], risk: float | None = 0.05, deadline: float = inf, leaves: float = inf
) -> tuple[Happened, Vote]:
    record = Vote()
    happened = await run_scenario(
        parallel_merge,
        dict(zip(NAMES, scripts, strict=False)),
        k=len(scripts),
        merge=Merge("vote", risk=risk, vote=record),
        max_latency=deadline,
        client_leaves=leaves,
    )
    assert happened.left_open == set()
    return happened, record


class TestWaves:
    async def test_two_of_five_that_agree_are_enough_and_the_others_never_start(
        self, autojump_clock: MockClock
    ) -> None:
        happened, record = await vote(*[draft("Paris", 1.0 + n) for n in range(5)])
        assert (happened.text, happened.clock) == ("Paris", 2.0)
        assert set(happened.opened) == {"a", "b"}
        assert record == Vote(2, (2,), pytest.approx(0.05), "risk")

    async def test_a_draft_that_disagrees_starts_others_at_once(
        self, autojump_clock: MockClock
    ) -> None:
        scripts = [draft("Paris", 1.0), draft("Lyon", 1.5), *[draft("Paris", 1.0)] * 3]
        happened, record = await vote(*scripts)
        # After one against one the vote needs two more for the leader, of the three that are left.
        assert happened.opened == {"a": 0.0, "b": 0.0, "c": 1.5, "d": 1.5}
        assert (happened.text, happened.clock) == ("Paris", 2.5)
        assert (record.drafts, record.votes, record.end) == (4, (3, 1), "decided")

    async def test_a_draft_that_fails_has_no_vote_and_lowers_what_is_needed(
        self, autojump_clock: MockClock
    ) -> None:
        scripts = [draft("Paris", 1.0), [fails(0.5)], *[draft("Paris", 1.0)] * 2]
        happened, record = await vote(*scripts, risk=0.1)
        assert happened.opened == {"a": 0.0, "b": 0.0, "c": 0.5}
        assert (record.drafts, record.votes, record.end) == (3, (2,), "decided")
        assert happened.clock == 1.5

    async def test_without_a_risk_all_drafts_start_at_once(self, autojump_clock: MockClock) -> None:
        happened, record = await vote(*[draft("Paris", 1.0 + n) for n in range(5)], risk=None)
        assert set(happened.opened.values()) == {0.0}
        assert (happened.clock, record.drafts, record.end) == (3.0, 5, "decided")

    async def test_every_draft_is_started_before_nobody_answers(
        self, autojump_clock: MockClock
    ) -> None:
        happened, record = await vote(*[[fails(1.0)] for _ in range(4)])
        assert happened.error is not None
        assert len(happened.opened) == 4
        assert (record.votes, record.end) == ((), "exhausted")


class TestDeadline:
    async def test_the_rest_starts_together_when_another_wave_would_come_too_late(
        self, autojump_clock: MockClock
    ) -> None:
        slow = [draft("Paris", 2.0), [answers(), hangs()]]
        happened, _ = await vote(*slow, *[draft("Paris", 2.0)] * 3, deadline=5.0)
        # The slowest draft took 2 s, so those that start later than 3 s after the start are late.
        assert happened.opened == {"a": 0.0, "b": 0.0, "c": 3.0, "d": 3.0, "e": 3.0}
        assert (happened.text, happened.clock) == ("Paris", 5.0)

    async def test_before_a_draft_is_complete_it_waits_for_half_of_the_time(
        self, autojump_clock: MockClock
    ) -> None:
        hanging = [[answers(), hangs()]] * 2
        happened, record = await vote(*hanging, *[draft("Paris", 2.0)] * 3, deadline=6.0)
        assert happened.opened == {"a": 0.0, "b": 0.0, "c": 3.0, "d": 3.0, "e": 3.0}
        assert (happened.text, happened.clock, record.end) == ("Paris", 5.0, "decided")

    async def test_at_the_deadline_those_that_are_complete_decide(
        self, autojump_clock: MockClock
    ) -> None:
        scripts = [draft("Paris", 1.0), *[[answers(), hangs()]] * 4]
        happened, record = await vote(*scripts, deadline=5.0)
        assert (happened.text, happened.clock, record.end) == ("Paris", 5.0, "deadline")
        assert record.upset is not None
        assert record.upset > 0.05

    @pytest.mark.parametrize("leaves", [0.0, 0.5, 1.0, 1.5, 2.0, 2.4])
    async def test_a_client_that_leaves_at_any_stage_leaves_nothing(
        self, leaves: float, autojump_clock: MockClock
    ) -> None:
        scripts = [draft("Paris", 1.0), draft("Lyon", 1.5), *[draft("Paris", 1.0)] * 3]
        happened, _ = await vote(*scripts, leaves=leaves)
        assert happened.clock == leaves


class TestUpset:
    @given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 5))
    def test_it_is_the_share_of_all_ways_to_go_on_weighed_by_what_is_known(
        self, votes: list[int], to_come: int
    ) -> None:
        """Counted in whole numbers: draft by draft, each agrees as often as those before it did."""
        votes.sort(reverse=True)
        second = votes[1] if len(votes) > 1 else 0
        lost = Fraction(0)
        for way in product((True, False), repeat=to_come):
            share, agree, others = Fraction(1), 1 + votes[0], 1 + sum(votes[1:])
            for agrees in way:
                share *= Fraction(agree if agrees else others, agree + others)
                agree, others = agree + agrees, others + (not agrees)
            if votes[0] + sum(way) <= second + to_come - sum(way):
                lost += share
        expected = 0.0 if ballot.is_won(votes, to_come) else float(lost)
        assert ballot.upset(votes, to_come) == pytest.approx(expected)

    def test_without_a_vote_nothing_is_sure(self) -> None:
        assert ballot.upset((), 3) == 1.0

    @given(st.lists(st.integers(1, 5), max_size=4), st.integers(1, 8), st.floats(0.001, 0.5))
    def test_fewer_than_needed_cannot_decide(
        self, votes: list[int], to_come: int, risk: float
    ) -> None:
        votes.sort(reverse=True)
        count = ballot.needed(votes, to_come, risk)
        assert 0 <= count <= to_come
        leading, *others = votes or [0]
        for fewer in range(count):
            if leading + fewer:
                assert ballot.upset((leading + fewer, *others), to_come - fewer) > risk

    @given(st.integers(0, 10**6), st.sampled_from([0.01, 0.05, 0.2]))
    def test_what_is_decided_without_a_risk_stays_decided_with_one(
        self, seed: int, risk: float
    ) -> None:
        drawn = random.Random(seed)
        cast = Counter(drawn.randrange(3) for _ in range(drawn.randrange(1, 9)))
        votes = tuple(sorted(cast.values(), reverse=True))
        to_come = drawn.randrange(6)
        if ballot.is_won(votes, to_come):
            assert ballot.needed(votes, to_come, risk) == 0
