"""First tokens: what counts as a sample, and how long it is remembered."""

from __future__ import annotations

from math import inf

import pytest
import trio
from trio.testing import MockClock

from omen.candidates import Candidate, Endpoint
from omen.errors import FailureKind, UpstreamFailure
from omen.plan import AttemptRecord, CutReason, Plan, RaceRecord
from omen.routing import FirstTokens
from omen.routing._window import SLICES, Window

A = Candidate("a", "openai", "m", Endpoint("http://a"), "a")


def attempt(
    *,
    took: float,
    committed: bool = False,
    cut: CutReason | None = None,
    failure: FailureKind | None = None,
    role: str = "primary",
) -> AttemptRecord:
    record = AttemptRecord(0, A, 0.0, role)  # type: ignore[arg-type]
    record.ended_at = took
    record.cut = cut
    record.committed_at = took if committed else None
    record.failure = UpstreamFailure(failure, "no") if failure else None
    return record


def told(moment: str, record: AttemptRecord, deadline: float = inf) -> tuple[int, float]:
    """Tell it a moment; give how many samples it took, and the share that came in a minute."""
    first_tokens = FirstTokens()
    race = RaceRecord("r", Plan("race", (A,), commit_deadline=deadline), 0.0)
    first_tokens(moment, race, record)  # type: ignore[arg-type]
    survival = first_tokens.survival(A)
    return survival.count, survival.within(60.0)


async def test_a_commit_is_seen_as_soon_as_it_happens(autojump_clock: MockClock) -> None:
    assert told("committed", attempt(took=2.0, committed=True)) == (1, 1.0)
    assert told("ended", attempt(took=9.0, committed=True)) == (0, 0.0)  # not once more


@pytest.mark.parametrize("cut", ["lost", "client_left", "max_latency", "total_timeout"])
async def test_one_that_was_cut_off_is_only_known_to_be_longer(
    autojump_clock: MockClock, cut: CutReason
) -> None:
    assert told("ended", attempt(took=2.0, cut=cut)) == (1, 0.0)


async def test_a_commit_forced_by_the_deadline_is_only_known_to_be_longer(
    autojump_clock: MockClock,
) -> None:
    assert told("committed", attempt(took=2.0, committed=True), deadline=2.0) == (1, 0.0)


async def test_running_out_of_patience_is_slow_and_other_failures_say_nothing(
    autojump_clock: MockClock,
) -> None:
    assert told("ended", attempt(took=60.0, failure=FailureKind.TIMEOUT)) == (1, 0.0)
    assert told("ended", attempt(took=0.1, failure=FailureKind.RATE_LIMIT)) == (0, 0.0)


async def test_a_judge_answers_another_question(autojump_clock: MockClock) -> None:
    assert told("committed", attempt(took=2.0, committed=True, role="judge")) == (0, 0.0)


def filled(count: int, seconds: float, begin: float = 0.0, every: float = 1.0) -> Window:
    window = Window()
    for number in range(count):
        window.record(seconds, observed=True, now=begin + number * every)
    return window


def test_times_are_right_to_a_hundredth() -> None:
    for seconds in (0.0015, 0.7, 12.0, 500.0):
        assert filled(10, seconds).survival(10.0).quantile(0.5) == pytest.approx(seconds, rel=0.01)


def test_out_of_range_is_brought_into_range() -> None:
    window = Window()
    window.record(-1.0, observed=True, now=0.0)
    window.record(1e9, observed=False, now=0.0)
    assert window.survival(0.0).count == 2


def test_a_busy_model_is_judged_by_its_last_minutes() -> None:
    window = Window()
    for tenth in range(10 * 600):
        window.record(1.0 if tenth < 3000 else 4.0, observed=True, now=tenth / 10)
    assert window.survival(600.0).quantile(0.01) == pytest.approx(4.0, rel=0.01)


def test_a_quiet_one_by_its_last_hour_and_not_by_yesterday() -> None:
    window = filled(60, 1.0, every=60.0)
    assert window.survival(3600.0).count > 50
    window.record(2.0, observed=True, now=100_000.0)
    assert window.survival(100_000.0).count == 1
    assert len(window._slices) <= SLICES


def test_an_estimate_is_given_again_for_a_second() -> None:
    window = filled(1, 1.0)
    before = window.survival(10.0)
    window.record(5.0, observed=True, now=10.5)
    assert window.survival(10.9) is before
    assert window.survival(11.0).count == 2


async def test_of_one_never_seen_there_are_no_samples(autojump_clock: MockClock) -> None:
    await trio.lowlevel.checkpoint()
    assert FirstTokens().survival(A).count == 0
