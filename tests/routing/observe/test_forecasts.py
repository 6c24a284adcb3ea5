"""Forecasts: the time to the first token by the size of a prompt and what its cache holds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import trio
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.events import Usage
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.routing import FirstTokens, HedgeDelay
from omen.routing.observe import first_tokens as first_tokens_module
from omen.routing.observe.forecasts import LARGEST, MAX_CELLS, SMALLEST, mixed, size_of
from omen.routing.observe.histograms import Histograms, bucket_of, read_histograms

A = Candidate("a", "openai", "m", Endpoint("http://a"), "a")
SHORT, LONG = replace(A, prompt_tokens=300), replace(A, prompt_tokens=30_000)
RACE = RaceRecord("r", Plan("race", (A,)), 0.0)


def learn(
    first_tokens: FirstTokens,
    candidate: Candidate,
    seconds: float,
    *,
    times: int = 1,
    cached: int | None = None,
    cut: bool = False,
) -> None:
    for _ in range(times):
        record = AttemptRecord(0, candidate, 0.0, ended_at=seconds)
        record.committed_at = None if cut else seconds
        if cached is not None:
            record.usage = Usage(100, 10, prompt_details={"cached_tokens": cached})
        if not cut:
            first_tokens("committed", RACE, record)
        first_tokens("ended", RACE, record)


def p95(first_tokens: FirstTokens, candidate: Candidate) -> float:
    return first_tokens.survival(candidate).quantile(0.95)


async def test_a_short_prompt_is_not_judged_by_long_ones(autojump_clock: MockClock) -> None:
    first_tokens = FirstTokens()
    learn(first_tokens, SHORT, 0.2, times=400)
    learn(first_tokens, LONG, 1.2, times=100)
    delay = HedgeDelay(first_tokens, 0.05, warmup=9.0)
    assert delay(A) == pytest.approx(1.2, rel=0.01)  # of a prompt that nobody has measured
    assert delay(SHORT) == pytest.approx(0.2, rel=0.01)
    assert delay(LONG) == pytest.approx(1.2, rel=0.01)


async def test_a_size_that_was_never_seen_is_judged_as_its_model_is(
    autojump_clock: MockClock,
) -> None:
    first_tokens = FirstTokens()
    learn(first_tokens, SHORT, 0.2, times=30)
    long, model = first_tokens.survival(LONG), first_tokens.survival(A)
    assert (long.count, long.quantile(0.95)) == (model.count, model.quantile(0.95))
    assert FirstTokens().survival(LONG).count == 0


async def test_a_few_samples_of_a_size_do_not_outweigh_those_of_its_model(
    autojump_clock: MockClock,
) -> None:
    """Two quick ones of 200 are no proof that long prompts are quick; a hundred are."""
    first_tokens = FirstTokens()
    learn(first_tokens, SHORT, 2.0, times=200)
    learn(first_tokens, LONG, 0.1, times=2)
    assert p95(first_tokens, LONG) == pytest.approx(2.0, rel=0.01)
    await trio.sleep(20)
    learn(first_tokens, LONG, 0.1, times=1000)
    assert p95(first_tokens, LONG) == pytest.approx(0.1, rel=0.01)


async def test_what_is_known_of_the_prompt_cache_beforehand_tells_cells_apart(
    autojump_clock: MockClock,
) -> None:
    warm, cold = replace(LONG, warm=True), replace(LONG, cold=True)
    first_tokens = FirstTokens()
    for candidate, seconds in ((warm, 0.2), (cold, 1.2), (LONG, 0.7)):
        learn(first_tokens, candidate, seconds, times=300)
    for candidate, seconds in ((warm, 0.2), (cold, 1.2), (LONG, 0.7)):
        survival = first_tokens.survival(candidate)
        assert survival.quantile(0.5) == pytest.approx(seconds, rel=0.01)


async def test_a_warm_candidate_is_expected_to_do_as_reported_hits_of_its_size_did(
    autojump_clock: MockClock,
) -> None:
    first_tokens = FirstTokens()
    learn(first_tokens, SHORT, 0.1, times=500, cached=90)
    for seconds, cached in ((0.3, 29_000), (1.2, 0)):
        learn(first_tokens, LONG, seconds, times=500, cached=cached)
    assert p95(first_tokens, replace(LONG, warm=True)) == pytest.approx(0.3, rel=0.01)
    assert p95(first_tokens, replace(LONG, cold=True)) == pytest.approx(1.2, rel=0.01)


async def test_a_cell_has_its_own_cancelled_attempts(autojump_clock: MockClock) -> None:
    """Without them a tenth of stalls would be invisible, because a hedge overtakes each of them."""
    first_tokens = FirstTokens()
    learn(first_tokens, SHORT, 0.2, times=900)
    learn(first_tokens, SHORT, 0.5, times=100, cut=True)
    assert first_tokens.survival(SHORT).within(0.3) == pytest.approx(0.9, abs=0.01)


async def test_a_forecast_is_looked_up_and_made_anew_when_it_is_stale(
    autojump_clock: MockClock,
) -> None:
    first_tokens = FirstTokens()
    learn(first_tokens, SHORT, 0.2, times=50)
    before = first_tokens.survival(SHORT)
    learn(first_tokens, SHORT, 5.0, times=200)
    assert first_tokens.survival(SHORT) is before
    await trio.sleep(1.0)
    assert p95(first_tokens, SHORT) == pytest.approx(5.0, rel=0.01)


async def test_the_cells_are_bounded_and_take_no_models_place(autojump_clock: MockClock) -> None:
    first_tokens = FirstTokens()
    learn(first_tokens, replace(A, model="quiet"), 1.0)
    for number in range(MAX_CELLS):
        for size in (300, 30_000):
            candidate = replace(A, model=f"m{number % 300}", prompt_tokens=size + number)
            learn(first_tokens, candidate, 1.0)
            first_tokens.survival(candidate)
    assert len(first_tokens._forecasts.cells) <= MAX_CELLS
    assert len(first_tokens._forecasts._made) <= MAX_CELLS
    assert first_tokens.survival(replace(A, model="quiet")).count == 1


async def test_cells_of_replicas_add_up_without_loss(autojump_clock: MockClock) -> None:
    alone, replicas = FirstTokens(), [FirstTokens() for _ in range(3)]
    for number in range(300):
        candidate = replace(A, prompt_tokens=100 * 2 ** (number % 5), warm=number % 2 == 0)
        for one in (alone, replicas[number % 3]):
            learn(one, candidate, 0.05 * 1.02**number, cut=number % 11 == 0)
    exports = [json.loads(json.dumps(await one.export())) for one in replicas]
    replicas[0].set_remote(exports[1:])
    for size in range(5):
        for warm in (True, False):
            candidate = replace(A, prompt_tokens=100 * 2**size, warm=warm)
            merged, wanted = replicas[0].survival(candidate), alone.survival(candidate)
            assert merged.count == wanted.count
            assert merged.times == wanted.times
            assert merged.shares == pytest.approx(wanted.shares)


async def test_rows_of_a_version_without_cells_are_read_and_it_can_read_ours(
    autojump_clock: MockClock,
) -> None:
    """It unpacks every row alike, and never asks for the name of a cell."""
    histogram = HdrHistogram(1, 3_600_000_000, 2)
    for _ in range(30):
        histogram.record_value(2_000_000)
    empty = HdrHistogram(1, 3_600_000_000, 2)
    texts = [part.encode().decode("ascii") for part in (histogram, empty)]
    first_tokens = FirstTokens()
    first_tokens.set_remote([[["a", "m", "any", *texts]]])
    assert p95(first_tokens, LONG) == pytest.approx(2.0, rel=0.01)
    learn(first_tokens, SHORT, 1.0)
    rows: list[list[Any]] = await first_tokens.export()
    assert {(len(row), row[2]) for row in rows} == {(5, "any"), (5, "unknown/9")}
    assert HdrHistogram.decode(rows[1][3]).get_total_count() == 1


async def test_what_has_not_changed_is_neither_written_nor_read_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes half a millisecond, and replicas exchange hundreds every two seconds."""
    here, there = FirstTokens(), FirstTokens()
    for size in (300, 30_000):
        learn(there, replace(A, prompt_tokens=size), 1.0, times=30)
    await here.read_ahead([await there.export()])
    learn(there, LONG, 2.0)
    calls: list[str] = []
    write, read = Histograms.write, first_tokens_module.read_histograms
    monkeypatch.setattr(Histograms, "write", lambda self: calls.append("write") or write(self))
    monkeypatch.setattr(
        first_tokens_module, "read_histograms", lambda texts: calls.append("read") or read(texts)
    )
    rows = await there.export()
    assert calls == ["write"] * 2  # of the model and of one of its two sizes
    await here.read_ahead([rows])
    here.set_remote([rows])
    assert calls == ["write"] * 2 + ["read"] * 2
    assert here.survival(SHORT).count == 61


async def test_an_export_that_cannot_be_read_leaves_nothing_of_an_earlier_one(
    autojump_clock: MockClock,
) -> None:
    here, there = FirstTokens(), FirstTokens()
    learn(there, SHORT, 1.0, times=30)
    here.set_remote([await there.export()])
    broken = [[["a", "m", "any", "not", "base64"]]]
    await here.read_ahead(broken)
    with pytest.raises(ValueError, match="Incorrect padding"):
        here.set_remote(broken)
    assert here.survival(SHORT).count == 0


@pytest.mark.parametrize(
    ("tokens", "size"),
    [(0, SMALLEST), (127, 7), (128, 8), (16_383, 14), (16_384, 15), (32_767, 15), (10**9, LARGEST)],
)
def test_sizes_are_powers_of_two_and_bounded(tokens: int, size: int) -> None:
    assert size_of(tokens) == size


@given(st.integers(1, 3_600_000_000))
def test_a_time_is_counted_where_an_hdr_histogram_counts_it(microseconds: int) -> None:
    histogram = HdrHistogram(1, 3_600_000_000, 2)
    histogram.record_value(microseconds)
    (index,) = [index for index, count in enumerate(histogram.counts) if count]
    assert bucket_of(microseconds / 1e6) == index


@given(st.lists(st.tuples(st.floats(0.0, 5000.0), st.booleans()), max_size=40))
def test_what_is_written_is_read_and_what_is_added_can_be_taken_back(
    samples: list[tuple[float, bool]],
) -> None:
    one = Histograms()
    for seconds, observed in samples:
        one.record(seconds, observed=observed)
    assert read_histograms(one.write()) == one
    two = Histograms()
    two.record(1.0, observed=True)
    two.add(one)
    two.remove(one)
    assert two == Histograms({bucket_of(1.0): 1}, {})


def test_mixed_samples_weigh_as_much_as_they_should() -> None:
    child, parent = Histograms(), Histograms()
    for _ in range(20):
        child.record(1.0, observed=True)
    for number in range(1000):
        parent.record(9.0, observed=number % 2 == 0)
    total = mixed(child, parent, 20.0)
    assert total.total == pytest.approx(40.0)
    assert total.survival().within(2.0) == pytest.approx(0.5)
    assert child.total == 20
