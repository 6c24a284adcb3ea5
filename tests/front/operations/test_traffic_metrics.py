"""What `/metrics` tells of requests and attempts: exact numbers, and a bounded number of series."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.events import Usage
from omen.core.frames import RateLimits
from omen.core.gaps import GAP_BOUNDS, TokenGaps
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.core.requests import RequestRecord
from omen.telemetry import Histogram, Traffic
from omen.telemetry._series import MOST_COMBINATIONS, MOST_MODELS, ModelNames
from tests.front.operations.loaded import FAST, ask, load, scrape, serving, total, value
from tests.gateway.inline_books import no_threads
from tests.world import upstream

__all__ = ["no_threads"]
pytestmark = pytest.mark.usefixtures("no_threads")
WON = {"provider": "fast", "model": "m", "door": "chat", "strategy": "single", "status": "200"}


async def test_a_request_is_measured_from_its_arrival_to_its_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FAST) as (_, app):
        for _ in range(3):
            await ask(app)
        told = await scrape(app)
    duration = "omen_request_duration_seconds"
    assert value(told, f"{duration}_count", **WON) == 3
    assert value(told, f"{duration}_sum", **WON) == pytest.approx(3 * 1.4)
    assert value(told, f"{duration}_bucket", **WON, le="1") == 0
    assert value(told, f"{duration}_bucket", **WON, le="5") == 3
    first = "omen_time_to_first_token_seconds"
    assert value(told, f"{first}_sum", **WON) == pytest.approx(3 * 0.5)
    # Useful with the fourth word, at 0.8.
    commit = "omen_time_to_commit_seconds_sum"
    assert value(told, commit, door="chat", strategy="single") == pytest.approx(3 * 0.8)
    gaps = "omen_inter_token_gap_seconds"
    assert value(told, f"{gaps}_count", **WON) == 3 * 9
    assert value(told, f"{gaps}_sum", **WON) == pytest.approx(3 * 0.9)


async def test_every_attempt_counts_by_role_and_outcome(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path) as (_, app):
        await ask(app, omen={"strategy": "race", "k": 3})
        told = await scrape(app)
    counted = {
        (labels["provider"], labels["role"], labels["outcome"]): count
        for (name, has), count in told.items()
        if name == "omen_attempts_total" and (labels := dict(has))
    }
    assert sum(counted.values()) == 3
    assert {key[::2] for key in counted} == {("fast", "won"), ("slow", "lost"), ("full", "failed")}
    assert total(told, "omen_attempt_failures_total", provider="full", reason="overloaded") == 1
    assert total(told, "omen_tokens_total", provider="fast", type="output") == 10
    cost = total(told, "omen_cost_usd_total")
    premium = total(told, "omen_race_premium_usd_total", strategy="race")
    assert 0 < premium < cost
    ours = total(told, "omen_cost_usd_total", provider="fast")
    assert premium == pytest.approx(cost - ours)


async def test_every_request_counts_by_door_and_status_also_a_refused_one(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path) as (_, app):
        await load(app)
        told = await scrape(app)
    counted = {
        (labels["door"], labels["status"]): count
        for (name, has), count in told.items()
        if name == "omen_responses_total" and (labels := dict(has))
    }
    assert counted == {
        ("chat", "200"): 3,
        ("chat", "402"): 1,
        ("chat", "404"): 1,
        ("chat", "499"): 1,
        ("chat", "503"): 1,
        ("messages", "200"): 1,
        ("unknown", "404"): 1,
    }
    nobody = {**WON, "provider": "none", "model": "none", "status": "503"}
    assert value(told, "omen_request_duration_seconds_count", **nobody) == 1


async def test_the_conventions_names_are_there_with_their_labels(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path) as (_, app):
        await ask(app, omen={"strategy": "race", "k": 3})
        told = await scrape(app)
    here = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "m"}
    name = "gen_ai_client_operation_duration_seconds_count"
    for provider, error in (("openai", ""), ("anthropic", "cancelled"), ("ollama", "overloaded")):
        labels = {**here, "gen_ai_provider_name": provider, "error_type": error}
        assert value(told, name, **labels) == 1
    tokens = {**here, "gen_ai_provider_name": "openai", "gen_ai_token_type": "output"}
    assert value(told, "gen_ai_client_token_usage_sum", **tokens) == 10
    assert value(told, "gen_ai_client_token_usage_bucket", **tokens, le="16") == 1


async def test_a_breaker_that_opens_is_told(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with serving(tmp_path) as (_, app):
        before = await scrape(app)
        for _ in range(3):
            await ask(app, omen={"providers": ["full"]})
        after = await scrape(app)
    assert value(before, "omen_breaker_state", provider="full") == 0
    assert value(after, "omen_breaker_state", provider="full") == 2
    assert value(after, "omen_breaker_state", provider="fast") == 0


async def test_the_process_is_told_of(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with serving(tmp_path, FAST) as (_, app):
        told = await scrape(app)
    for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"):
        assert value(told, f"process_{name}")


async def test_ten_thousand_names_of_models_add_no_series(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FAST, audit=False) as (_, app):
        await ask(app)
        for number in range(10_000):
            await ask(app, model=f"made-up-{number}")
        told = await scrape(app)
    assert value(told, "omen_responses_total", door="chat", status="404") == 10_000
    assert len(told) < 200
    assert not any("made-up" in str(labels) for _, labels in told)


def candidate(model: str, provider: str = "any") -> Candidate:
    return Candidate(provider, "openai_compatible", model, Endpoint("http://a"), provider)


def answered(model: str) -> tuple[RequestRecord, AttemptRecord]:
    plan = Plan("single", (candidate(model),))
    race = RaceRecord("r", plan, 0.0)
    attempt = AttemptRecord(0, candidate(model), 0.0, outcome="won", usage=Usage(5, 5))
    attempt.first_token_at = attempt.committed_at = 1.0
    attempt.gaps = TokenGaps(1.0)
    attempt.gaps.take(1.1)
    attempt.complete, attempt.ended_at = True, 2.0
    race.attempts.append(attempt)
    race.winner = attempt
    record = RequestRecord("chat", "POST", "/", 0.0, 0.0, race=race, sent_status=200, ended_at=2.0)
    record.is_complete = True
    return record, attempt


async def test_names_that_a_provider_takes_without_listing_them_are_others(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FAST, audit=False) as (world, app):
        for number in range(10_000):
            record, attempt = answered(f"made-up-{number}")
            assert record.race is not None
            world.gateway.traffic("ended", record.race, attempt)
            world.gateway.traffic.request(record)
        told = await scrape(app)
    assert total(told, "omen_attempts_total", model="other") == 10_000
    assert len(told) < 200


async def test_names_that_an_upstream_lists_are_bounded_too() -> None:
    traffic = Traffic(lambda provider, model: True)
    for number in range(10_000):
        record, attempt = answered(f"listed-{number}")
        assert record.race is not None
        traffic("ended", record.race, attempt)
        traffic.request(record)
    traffic.settle()
    assert len(traffic.attempts) == MOST_MODELS + 1
    assert len(list(traffic.durations)) == MOST_MODELS + 1
    assert sum(traffic.attempts.values()) == 10_000


def test_combinations_of_labels_are_bounded() -> None:
    histogram = Histogram((1.0,))
    for number in range(MOST_COMBINATIONS + 50):
        histogram.observe((str(number), "x"), 0.5)
    kept = {labels: buckets for labels, buckets, _ in histogram}
    assert len(kept) == MOST_COMBINATIONS + 1
    assert kept["other", "other"] == [("1", 50.0), ("+Inf", 50.0)]


def test_a_name_that_is_no_text_can_be_written() -> None:
    names = ModelNames(lambda provider, model: True)
    assert names.label("p", "half\ud83d\n" + "x" * 500).encode()
    assert len(names.label("p", "y" * 500)) == 100


async def test_what_is_left_of_a_rate_limit_is_told_for_ten_minutes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FAST) as (world, app):
        record, attempt = answered("made-up")
        attempt.rate_limits = RateLimits(remaining_requests=7)
        assert record.race is not None
        world.gateway.traffic("ended", record.race, attempt)
        labels = {"provider": "any", "model": "other", "limit": "requests"}
        name = "omen_upstream_rate_limit_remaining"
        assert value(await scrape(app), name, **labels) == 7
        await trio.sleep(601)
        assert value(await scrape(app), name, **labels) is None


async def test_a_client_that_reads_slowly_makes_no_gap(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FAST) as (world, _):
        received = await world.run(world.plan(strategy="single"), slow=3.0)
        winner = received.race.winner
    assert winner is not None
    assert winner.gaps is not None
    assert winner.gaps.total <= 0.9 + 1e-9
    assert sum(winner.gaps.counts[len(GAP_BOUNDS) - 1 :]) == 0


async def test_a_stall_is_one_long_gap(tmp_path: Path, autojump_clock: MockClock) -> None:
    steady = upstream("steady", first_token=0.5, gap=3.0, tokens=4)
    async with serving(tmp_path, steady) as (_, app):
        await ask(app)
        told = await scrape(app)
    labels = {**WON, "provider": "steady"}
    assert value(told, "omen_inter_token_gap_seconds_bucket", **labels, le="1") == 0
    assert value(told, "omen_inter_token_gap_seconds_bucket", **labels, le="5") == 3
