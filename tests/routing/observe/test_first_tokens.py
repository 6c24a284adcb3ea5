"""First tokens: what counts as a sample, and how long it is remembered."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
import trio
from hdrh.histogram import HdrHistogram
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, CutReason, RaceRecord
from omen.routing import FirstTokens
from omen.routing.observe.first_tokens import MAX_WINDOWS
from omen.routing.observe.histograms import EDGES, read_histograms
from omen.routing.observe.window import SLICES, Window

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


@pytest.mark.parametrize("kind", FailureKind)
async def test_a_failed_attempt_would_have_taken_longer_than_its_age(
    autojump_clock: MockClock, kind: FailureKind
) -> None:
    """Core defect 8: a proxy's 504 after 30 s makes the tail longer than an answer's time out."""
    assert told("ended", attempt(took=30.0, failure=kind)) == (1, 0.0)


async def test_quick_failures_change_nothing_of_what_is_known(autojump_clock: MockClock) -> None:
    first_tokens = FirstTokens()
    race = RaceRecord("r", Plan("race", (A,)), 0.0)
    for _ in range(30):
        first_tokens("committed", race, attempt(took=2.0, committed=True))
        first_tokens("ended", race, attempt(took=0.1, failure=FailureKind.RATE_LIMIT))
    survival = first_tokens.survival(A)
    assert survival.count == 30  # enough of these alone make no candidate known
    assert survival.quantile(0.99) == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize(
    ("failure", "believed"),
    [(FailureKind.TIMEOUT, 0.8), (FailureKind.SERVER_ERROR, 0.8), (FailureKind.CONNECTION, 0.8)],
)
async def test_the_share_that_comes_in_time_counts_slow_failures(
    autojump_clock: MockClock, failure: FailureKind, believed: float
) -> None:
    first_tokens = FirstTokens()
    race = RaceRecord("r", Plan("race", (A,)), 0.0)
    for number in range(100):
        if number % 5 == 0:
            first_tokens("ended", race, attempt(took=30.0, failure=failure))
        else:
            first_tokens("committed", race, attempt(took=0.3, committed=True))
    assert first_tokens.survival(A).within(1.0) == pytest.approx(believed)


def measured(
    *, useful: float | None, committed: float | None, ended: float, role: str = "primary"
) -> AttemptRecord:
    record = attempt(took=ended, role=role)
    record.measured, record.useful_at, record.committed_at = True, useful, committed
    return record


def life(record: AttemptRecord, deadline: float = inf) -> tuple[int, float]:
    """Tell the whole life of an attempt; give the samples, and the share within its useful time."""
    first_tokens = FirstTokens()
    race = RaceRecord("r", Plan("race", (A,), commit_deadline=deadline), 0.0)
    moments = [(record.useful_at, "useful"), (record.committed_at, "committed")]
    for at, moment in moments:
        if at is not None:
            first_tokens(moment, race, record)  # type: ignore[arg-type]
    first_tokens("ended", race, record)
    survival = first_tokens.survival(A)
    return survival.count, survival.within(2.01)


LIVES = {
    "it commits when it is useful": (measured(useful=2, committed=2, ended=9), 1.0),
    "a draft, chosen when it is whole": (
        measured(useful=2, committed=9, ended=9, role="draft"),
        1.0,
    ),
    "a draft that is not chosen": (measured(useful=2, committed=None, ended=9, role="draft"), 1.0),
    "a caller wants more than the threshold": (measured(useful=2, committed=8, ended=9), 1.0),
    "a caller wants less": (measured(useful=2, committed=1, ended=9), 1.0),
    "it loses behind its first words": (measured(useful=2, committed=None, ended=3), 1.0),
    "it loses before": (measured(useful=None, committed=None, ended=1.5), 0.0),
    "the deadline chooses it, and it ends": (measured(useful=None, committed=1, ended=600), 0.0),
}


@pytest.mark.parametrize(("record", "share"), LIVES.values(), ids=LIVES.keys())
async def test_an_attempt_that_is_measured_gives_one_sample_of_when_it_was_useful(
    autojump_clock: MockClock, record: AttemptRecord, share: float
) -> None:
    """Core defects 6 and 7: not of when it was chosen, nor of what one caller wants."""
    assert life(record) == (1, share)


async def test_a_client_that_reads_slowly_behind_a_commit_makes_no_provider_slow(
    autojump_clock: MockClock,
) -> None:
    record = measured(useful=None, committed=1.0, ended=600.0)
    first_tokens = FirstTokens()
    race = RaceRecord("r", Plan("race", (A,)), 0.0)
    first_tokens("ended", race, record)
    (window,) = first_tokens._windows.values()
    (index,) = window.sums(0.0).censored
    assert EDGES[index] == pytest.approx(1.0, rel=0.01)


async def test_a_spare_is_only_known_to_take_longer_than_until_it_was_paused(
    autojump_clock: MockClock,
) -> None:
    record = measured(useful=None, committed=None, ended=30.0)
    record.paused_at = 1.0
    first_tokens = FirstTokens()
    first_tokens("ended", RaceRecord("r", Plan("race", (A,)), 0.0), record)
    (window,) = first_tokens._windows.values()
    (index,) = window.sums(0.0).censored
    assert EDGES[index] == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("role", ["embed", "count", "cache"])
async def test_what_is_no_chat_says_nothing_of_how_long_one_takes(
    autojump_clock: MockClock, role: str
) -> None:
    """Core defect 3."""
    assert told("committed", attempt(took=0.05, committed=True, role=role)) == (0, 0.0)
    assert told("ended", attempt(took=0.05, cut="client_left", role=role)) == (0, 0.0)


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


async def test_of_all_the_models_that_callers_name_the_latest_are_remembered(
    autojump_clock: MockClock,
) -> None:
    first_tokens = FirstTokens()
    race = RaceRecord("r", Plan("race", (A,)), 0.0)
    models = [replace(A, model=f"m{number}") for number in range(MAX_WINDOWS + 5)]
    for one in models:
        record = AttemptRecord(0, one, 0.0, committed_at=1.0)
        first_tokens("committed", race, record)
    assert len(first_tokens._windows) == MAX_WINDOWS
    assert first_tokens.survival(models[0]).count == 0
    assert first_tokens.survival(models[-1]).count == 1


def test_histograms_of_another_shape_are_not_taken_for_ours() -> None:
    """A replica of another version may count in other steps."""
    other = HdrHistogram(1, 60_000_000, 1)
    other.record_value(1000)
    with pytest.raises(ValueError, match="another shape"):
        read_histograms([other.encode().decode("ascii")] * 2)
