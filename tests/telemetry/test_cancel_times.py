"""How long cancelling took, by reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.candidates import Candidate, Endpoint
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, CutReason, RaceRecord
from omen.telemetry import CancelTimes

CANDIDATE = Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p")
RACE = RaceRecord("r", Plan("s", (CANDIDATE,)), 0.0)


def cut(reason: CutReason, took: float) -> AttemptRecord:
    return AttemptRecord(0, CANDIDATE, 0.0, cut=reason, cut_at=100.0, ended_at=100.0 + took)


def observe(times: CancelTimes, reason: CutReason, *took: float) -> None:
    for seconds in took:
        times("ended", RACE, cut(reason, seconds))


def test_each_reason_has_a_distribution_of_its_own() -> None:
    times = CancelTimes()
    observe(times, "lost", 0.001, 0.002, 0.003)
    observe(times, "client_left", 0.5)
    told = times.by_reason([50.0, 100.0], [0.002, 0.1, 1.0])
    lost = told["lost"]
    assert (lost.count, lost.total) == (3, pytest.approx(0.006))
    assert lost.percentiles == pytest.approx({50.0: 0.002, 100.0: 0.003}, rel=1e-2)
    assert lost.within == {0.002: 2, 0.1: 3, 1.0: 3}
    assert lost.longest == pytest.approx(0.003, rel=1e-2)
    assert told["client_left"].within == {0.002: 0, 0.1: 0, 1.0: 1}


def test_a_reason_that_never_came_up_is_there_with_nothing() -> None:
    told = CancelTimes().by_reason([50.0], [1.0])
    assert set(told) == {"lost", "client_left", "max_latency", "total_timeout", "shutdown"}
    for times in told.values():
        assert (times.count, times.total, times.longest) == (0, 0.0, 0.0)
        assert times.percentiles == {}
        assert times.within == {1.0: 0}


def test_only_what_was_cut_off_and_has_ended_counts() -> None:
    times = CancelTimes()
    for moment in ("started", "progressed", "committed"):
        times(moment, RACE, cut("lost", 1.0))  # type: ignore[arg-type]
    times("ended", RACE, AttemptRecord(0, CANDIDATE, 0.0, ended_at=1.0, outcome="won"))
    assert all(told.count == 0 for told in times.by_reason().values())


@pytest.mark.parametrize(
    ("took", "kept"), [(0.0, 0.000001), (1e-9, 0.000001), (-1.0, 0.000001), (3600.0, 60.0)]
)
def test_what_is_out_of_range_is_brought_into_it_and_not_lost(took: float, kept: float) -> None:
    times = CancelTimes()
    observe(times, "lost", took)
    told = times.by_reason()["lost"]
    assert told.count == 1
    assert told.longest == pytest.approx(kept, rel=1e-2)


@given(st.lists(st.floats(0.000001, 59.0), max_size=50))
def test_counts_up_to_bounds_grow_and_end_at_all_of_them(took: list[float]) -> None:
    times = CancelTimes()
    observe(times, "lost", *took)
    bounds = (0.001, 0.01, 0.1, 1.0, 60.0)
    within = list(times.by_reason(bounds=bounds)["lost"].within.values())
    assert within == sorted(within)
    assert within[-1] == len(took)
    for bound, count in zip(bounds, within, strict=True):
        at_most = sum(seconds <= bound for seconds in took)
        nearly = sum(seconds <= bound * 1.01 for seconds in took)
        assert at_most <= count <= nearly
