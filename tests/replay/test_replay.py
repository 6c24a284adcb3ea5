"""Replay: recorded attempts played again by other policies, with exact numbers."""

from __future__ import annotations

from decimal import Decimal
from math import inf

import pytest

from omen.core.candidates import Candidate, Endpoint
from omen.core.events import Usage
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.ledger.entries import Entry, entry_of, read_entry
from omen.replay import Comparison, Play, Policy, RecordedRequest, Recording, compare, replay
from omen.replay._recorded import draw, sample_of
from omen.routing import Survival

A, B = (Candidate(name, "openai", "m", Endpoint("http://up"), name) for name in "ab")


def entry(race: int, name: str, **changed: object) -> Entry:
    known: dict[str, object] = {
        "race_id": f"r{race}",
        "request_id": "",
        "accepted_unix": 1000.0 + race,
        "strategy": "race",
        "index": "ab".index(name),
        "role": "primary" if name == "a" else "entrant",
        "provider": name,
        "kind": "openai",
        "model": "m",
        "domain": name,
        "outcome": "won",
        "reason": None,
        "started": 0.0,
        "first_token": 1.0,
        "committed": 1.0,
        "useful": True,
        "ended": 2.0,
        "tokens": 9,
        "prompt_tokens": 5,
        "cost_usd": "0.01",
        "provenance": "exact",
    }
    return read_entry({**known, **changed, "of_a_later_version": 1})


def lost(race: int, name: str, age: float) -> Entry:
    return entry(race, name, outcome="lost", committed=None, useful=False, ended=age, cost_usd=None)


class TestPolicies:
    @pytest.mark.parametrize(
        ("text", "policy"),
        [
            ("single", ("single", 1, None, None)),
            ("race", ("race", 2, None, None)),
            ("race3", ("race", 3, None, None)),
            ("hedge@250ms", ("speculate_k", 2, 0.25, None)),
            ("hedge3@4s/10s", ("speculate_k", 3, 4.0, 10.0)),
        ],
    )
    def test_a_name_says_it_all(self, text: str, policy: tuple[object, ...]) -> None:
        read = Policy.parse(text)
        assert (read.strategy, read.k, read.hedge_delay, read.max_latency) == policy
        assert not read.learns

    def test_a_share_is_a_learnt_delay(self) -> None:
        policy = Policy.parse("hedge@2.5%")
        assert policy.learns
        assert policy.max_extra_load == 0.025

    @pytest.mark.parametrize("text", [
            "hedge", "single@3s", "race0", "hedge@5", "", "hedge@0%",
            "auto", "auto@5%", "auto/10s", "auto@2s/10s",
        ],
    )  # fmt: skip
    def test_what_is_no_policy_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"valid forms|extra load"):
            Policy.parse(text)


class TestPlay:
    def test_the_deadline_chooses_and_its_extra_starts_are_within_the_knob(self) -> None:
        """A brown-out: everything is late, so racing all would be the most probable plan."""
        asked = [RecordedRequest(float(at), {A: 9.0, B: 9.0}) for at in range(1000)]
        policy = Policy.parse("auto@5%/1s")
        assert policy.chooses
        outcomes = replay(Play(policy), asked).outcomes
        assert 0 < sum(len(o.extra_at) for o in outcomes) <= 0.05 * 1000 + 15

    def test_requests_come_at_their_times_and_are_answered_by_the_rules(self) -> None:
        asked = [RecordedRequest(0.0, {A: 5.0, B: 1.0}), RecordedRequest(10.0, {A: 0.5, B: 9.0})]
        outcomes = replay(Play(Policy.parse("hedge@2s")), asked).outcomes
        by_time = {one.at: one for one in outcomes}
        assert by_time[0.0].seconds == pytest.approx(3.0)
        assert by_time[0.0].extra_at == (2.0,)
        assert by_time[0.0].candidates == (A, B)
        assert by_time[10.0].seconds == pytest.approx(0.5)
        assert by_time[10.0].extra_at == ()

    def test_a_race_counts_its_further_entrants_and_a_deadline_comes_to_nothing(self) -> None:
        asked = [RecordedRequest(0.0, {A: 5.0, B: inf})]
        (raced,) = replay(Play(Policy.parse("race2")), asked).outcomes
        assert (raced.seconds, raced.extra_at) == (pytest.approx(5.0), (0.0,))
        (late,) = replay(Play(Policy.parse("single/2s")), asked).outcomes
        assert late.seconds is None

    def test_a_learnt_delay_draws_from_the_budget(self) -> None:
        asked = [RecordedRequest(float(n) * 100, {A: 50.0, B: 1.0}) for n in range(40)]
        outcomes = replay(Play(Policy.parse("hedge@1%")), asked).outcomes
        assert 0 < sum(len(one.extra_at) for one in outcomes) <= 3
        assert sum(one.denied for one in outcomes) > 0


class TestRecorded:
    def test_what_is_known_is_played_and_only_the_rest_is_drawn(self) -> None:
        rows = [entry(1, "a", committed=3.0), lost(1, "b", 3.0), entry(2, "b", committed=1.0)]
        requests = list(Recording.of(rows).requests())
        assert [one.at for one in requests] == [0.0, 1.0]
        first = {c.provider: seconds for c, seconds in requests[0].latencies.items()}
        assert first["a"] == 3.0
        assert first["b"] == 3.0  # longer than its age; nobody has seen how much longer
        second = {c.provider: seconds for c, seconds in requests[1].latencies.items()}
        assert second == {"b": 1.0, "a": 3.0}

    def test_the_order_is_that_of_the_race(self) -> None:
        (asked,) = Recording.of([entry(1, "b", index=1), entry(1, "a", index=2)]).requests()
        assert [c.provider for c in asked.latencies] == ["a", "b"]  # a was the primary

    def test_the_same_luck_for_every_policy(self) -> None:
        rows = [entry(n, "a", committed=n / 10) for n in range(1, 30)] + [lost(40, "a", 0.5)]
        recording = Recording.of(rows)
        assert [a.latencies for a in recording.requests()] == [
            a.latencies for a in recording.requests()
        ]

    @pytest.mark.parametrize(
        ("changes", "sample"),
        [
            ({"committed": 3.0, "started": 1.0}, (2.0, True)),
            ({"committed": 3.0, "useful": False}, (3.0, False)),
            ({"outcome": "lost", "committed": None, "ended": 4.0}, (4.0, False)),
            ({"outcome": "timed_out", "committed": None, "ended": 4.0}, (4.0, False)),
            ({"outcome": "failed", "committed": None}, (2.0, False)),
            ({"useful_at": 2.5, "committed": 9.0, "measured": True}, (2.5, True)),
            ({"useful_at": 2.5, "committed": None, "outcome": "lost"}, (2.5, True)),
            ({"committed": 3.0, "measured": True}, (3.0, False)),
        ],
    )
    def test_what_a_row_has_told(
        self, changes: dict[str, object], sample: tuple[float, bool] | None
    ) -> None:
        assert sample_of(entry(1, "a", **changes)) == sample

    @pytest.mark.parametrize(
        "changes",
        [
            {"role": "cache", "from_cache": True, "committed": 0.0, "first_token": None},
            {"from_cache": True},
            {"role": "embed"},
            {"role": "count"},
            {"role": "judge"},
            {"committed": 0.01, "first_token": None, "tokens": 0},
            {"outcome": "denied", "committed": None},
        ],
    )
    def test_what_was_no_chat_or_asked_nobody_is_not_replayed(
        self, changes: dict[str, object]
    ) -> None:
        """An answer from the cache took no time at all, and an embedding little."""
        rows = [entry(1, "a", committed=2.0), entry(2, "a", **changes)]
        recording = Recording.of(rows)
        assert len(recording.races) == 1
        assert compare(recording, Policy.parse("single")).times == [2.0]

    def test_a_chat_that_failed_or_lost_without_a_token_is(self) -> None:
        failed = {"outcome": "failed", "committed": None, "first_token": None, "tokens": 0}
        rows = [entry(1, "a", **failed), lost(2, "b", 3.0), entry(3, "a", tokens=0)]
        assert len(Recording.of(rows).races) == 3

    def test_a_draw_is_from_what_is_left(self) -> None:
        survival = Survival([1.0, 2.0, 4.0], [0.5, 0.25, 0.0], 4)
        assert [draw(survival, luck, 0.0) for luck in (0.9, 0.5, 0.3, 0.1)] == [1.0, 1.0, 2.0, 4.0]
        assert [draw(survival, luck, 1.5) for luck in (0.9, 0.5, 0.3)] == [2.0, 2.0, 4.0]
        assert draw(survival, 0.5, 9.0) == 9.0
        assert draw(Survival((), (), 0), 0.5, 0.0) == inf

    def test_who_only_ever_failed_fails_again_and_the_next_one_is_asked(self) -> None:
        rows = [
            entry(1, "a", outcome="failed", committed=None, reason="server_error", cost_usd=None),
            entry(1, "b", index=1, committed=1.5),
        ]
        compared = compare(Recording.of(rows), Policy.parse("single"))
        assert compared.times == [1.5]
        assert compared.extra == 0.0

    def test_the_comparison_adds_it_up(self) -> None:
        rows = [
            row
            for n in range(10)
            for row in (entry(n, "a", committed=2.0), entry(n, "b", index=1, committed=1.0))
        ]
        single = compare(Recording.of(rows), Policy.parse("single"))
        assert (single.quantile(0.5), single.extra, single.extra_usd) == (2.0, 0.0, Decimal(0))
        raced = compare(Recording.of(rows), Policy.parse("race2"))
        assert (raced.quantile(0.999), raced.extra) == (pytest.approx(1.0), 1.0)
        assert raced.extra_usd == Decimal("0.10")

    def test_what_starts_together_costs_the_same_in_every_run(self) -> None:
        """Whoever's task runs first, what a race adds is the cost of those beside its first one."""
        rows = [
            row
            for n in range(20)
            for row in (
                entry(n, "a", cost_usd="0.01"),
                entry(n, "b", index=1, outcome="lost", committed=None, cost_usd="0.50"),
            )
        ]
        for _ in range(5):
            raced = compare(Recording.of(rows), Policy.parse("race2"))
            assert raced.extra_usd == Decimal("10.00")

    @pytest.mark.parametrize(
        ("count", "share", "rank"),
        [
            (100, 0.5, 50),
            (100, 0.95, 95),
            (100, 0.99, 99),
            (100, 0.999, 100),
            (1000, 0.999, 999),
            (100, 0.07, 7),
            (99, 0.5, 50),
            (2, 0.5, 1),
            (1, 0.5, 1),
            (1, 0.999, 1),
            (3, 1.0, 3),
            (3, 0.0, 1),
        ],
    )
    def test_a_percentile_is_the_time_of_the_nearest_rank(
        self, count: int, share: float, rank: int
    ) -> None:
        times = [float(n) for n in range(1, count + 1)]
        compared = Comparison(Policy.parse("single"), times, 0.0, Decimal(0), 0)
        assert compared.quantile(share) == rank


class TestEntries:
    def test_a_row_says_when_what_and_how_well_it_is_known_and_comes_back_as_it_was(self) -> None:
        race = RaceRecord("r", Plan("race", (A,)), accepted_at=100.0, accepted_unix=1e9)
        record = AttemptRecord(0, A, 100.5, usage=Usage(7, 3))
        record.committed_at, record.ended_at, record.outcome = 101.0, 102.25, "won"
        row = entry_of(race, record)
        assert (row.started, row.committed, row.ended) == (0.5, 1.0, 2.25)
        assert (row.outcome, row.useful, row.prompt_tokens) == ("won", True, 7)
        assert (row.cost_usd, row.provenance) == (None, "exact")
        assert read_entry(row.to_json()) == row
