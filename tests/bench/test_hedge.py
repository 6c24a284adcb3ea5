"""The hedging benchmark: its scenes, its sums, and its verdicts; and a minute of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench._hedge.profiles import BROWN_OUT, FIRST, SECOND, SHARED_50, STEADY
from bench._hedge.report import Report, knob
from bench._hedge.rows import Row, Task, play, worst_share
from bench.hedge import tasks
from omen.replay import Outcome

ROW = Row(
    "steady", "hedge@5%", "", 100, {"p50": 1.3, "p95": 4.3, "p99": 5.8, "p99.9": 8.0},
    failed=0.0, extra=0.049, worst_extra=0.052, denied=3,
)  # fmt: skip


def outcome(at: float, *extra_at: float) -> Outcome:
    return Outcome(at, 1.0, extra_at, 0)


def test_the_worst_window_counts_an_extra_start_when_it_is_made() -> None:
    steady = [outcome(float(at), *([at + 0.5] if at % 20 == 0 else [])) for at in range(1200)]
    assert worst_share(steady) == pytest.approx(0.05, abs=0.002)
    # forty that came long before, and are all hedged at once
    late = [outcome(float(at), *([900.0] if at < 40 else [])) for at in range(1200)]
    assert worst_share(late) == pytest.approx(40 / 600, abs=0.001)
    assert worst_share([]) == 0.0


def test_the_same_seed_asks_the_same() -> None:
    short = replace(STEADY, seconds=20.0)
    assert [a.latencies for a in short.requests(1)] == [a.latencies for a in short.requests(1)]
    assert list(short.requests(1)) != list(short.requests(2))


def test_shared_fate_takes_the_second_one_along() -> None:
    stalls = [
        asked.latencies[SECOND] >= 15.0
        for asked in replace(SHARED_50, seconds=20_000.0).requests(1)
        if asked.latencies[FIRST] >= 15.0
    ]
    assert sum(stalls) / len(stalls) == pytest.approx(0.5, abs=0.05)


def test_in_a_brown_out_every_request_to_the_first_one_stalls() -> None:
    for asked in BROWN_OUT.requests(1):
        if 600.0 <= asked.at < 1200.0:
            assert asked.latencies[FIRST] >= 15.0


def test_a_missed_aim_and_a_knob_that_does_not_hold_are_complaints() -> None:
    assert Report({}, {"t": [ROW]}).complaint == ""
    slow = replace(ROW, quantiles={**ROW.quantiles, "p99": 6.5})
    assert "hedge@5% p99: 6.500" in Report({}, {"t": [slow]}).complaint
    wild = replace(ROW, worst_extra=0.056)
    assert "5.60% in ten minutes" in Report({}, {"t": [wild]}).complaint
    naive = replace(wild, estimator="winners only")
    assert Report({}, {"t": [naive]}).complaint.count("in ten minutes") == 0
    assert "hedge@5%" in Report({}, {"t": [ROW]}).to_text()


def test_the_knob_is_read_from_the_name() -> None:
    names = {"hedge@5%": 0.05, "hedge3@10%/10s": 0.1, "hedge@4s": 0.0, "race2": 0.0}
    assert {name: knob(replace(ROW, policy=name)) for name in names} == names


def test_a_few_minutes_of_it_are_as_theory_says() -> None:
    scene = replace(STEADY, seconds=300.0)
    single = play(Task(scene, "single"))
    raced = play(Task(scene, "race2"))
    hedged = play(Task(scene, "hedge@5%"))
    assert single.quantiles["p50"] == pytest.approx(1.34, rel=0.05)
    assert raced.quantiles["p50"] == pytest.approx(0.94, rel=0.05)
    assert hedged.extra < 0.055
    assert hedged.quantiles["p99"] < single.quantiles["p99"]


def test_every_table_is_played_for_the_hours_asked_for() -> None:
    planned = tasks(seed=3, hours=0.5)
    assert all(task.seed == 3 for table in planned.values() for task in table)
    assert planned["Two independent providers"][0].scene.seconds == 1800.0
