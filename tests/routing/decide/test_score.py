"""Scores: the formula, and the live data that it is fed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import trio
from trio.testing import MockClock

from omen.config import Price as ConfiguredPrice
from omen.core.cards import Price, Rates
from omen.routing import FirstTokens, Health, Outcomes, Scores
from omen.routing.decide.score import make_score
from omen.sim.faults import Status
from tests.docs.pages import someone
from tests.world import open_world, upstream


def price(input_: str, output: str) -> Price:
    return Price(rates=Rates(input=Decimal(input_), output=Decimal(output)))


@pytest.mark.parametrize(
    ("state", "p90", "usd", "reliability", "overall"),
    [
        ("unknown", None, None, 50.0, 50.0),
        ("healthy", 0.0, price("0", "0"), 100.0, 100.0),
        ("healthy", 5.0, price("20", "20"), 0.0, 40.0),
        ("down", 60.0, price("100", "100"), 0.0, 0.0),
        ("recovering", 2.5, price("10", "10"), 50.0, 50.0),
        ("healthy", 1.0, price("2.5", "10"), 90.0, 40 + 24 + 0.2 * 78.125 + 9),
    ],
)  # fmt: skip
def test_the_formula(
    state: str, p90: float | None, usd: Price | None, reliability: float, overall: float
) -> None:
    score = make_score(state, p90, usd, reliability)  # type: ignore[arg-type]
    assert score.overall == pytest.approx(overall)


def test_only_who_is_healthy_is_recommended() -> None:
    good = make_score("healthy", 0.5, None, 100.0)
    assert good.recommended
    assert not replace(good, state="recovering").recommended
    assert not make_score("healthy", 5.0, price("20", "20"), 100.0).recommended


async def test_a_provider_is_scored_by_what_was_seen_of_it(autojump_clock: MockClock) -> None:
    cheap = ConfiguredPrice(input=Decimal(2), output=Decimal(2))
    async with open_world(upstream("one", first_token=1.0), upstream("two"), price=cheap) as world:
        for _ in range(18):
            await world.ask(strategy="single", model="one/m")
        one, two = world.gateway.scores["one"], world.gateway.scores["two"]
        assert (one.state, one.health, one.cost) == ("healthy", 100.0, pytest.approx(90.0))
        # 1 s to the first token, 0.3 s more to a useful one, in a histogram of two digits
        assert one.latency_p90 == pytest.approx(1.3, rel=0.01)
        assert one.reliability == pytest.approx(95.0)
        assert (two.state, two.latency_p90, two.latency, two.reliability) == (
            "unknown",
            None,
            50.0,
            50.0,
        )


async def test_lost_races_and_clients_that_left_are_neither_good_nor_bad(
    autojump_clock: MockClock,
) -> None:
    failing = upstream("failing", fault=Status(1.0, status=401))
    async with open_world(upstream("fast", first_token=0.1), upstream("slow"), failing) as world:
        for _ in range(4):
            await world.ask(model="fast/m,slow/m", k=2)
        with trio.move_on_after(0.3):
            await world.ask(strategy="single", model="slow/m")
        for _ in range(2):
            await world.ask(strategy="single", model="failing/m")
        scores = world.gateway.scores
        assert scores["fast"].reliability == pytest.approx(100 * 5 / 6)
        assert scores["slow"].reliability == 50.0
        assert scores["failing"].reliability == pytest.approx(100 / 4)


async def test_one_lost_race_does_not_make_a_newcomer_slow(autojump_clock: MockClock) -> None:
    async with open_world(upstream("fast", first_token=0.1), upstream("slow")) as world:
        await world.ask(model="fast/m,slow/m", k=2)
        slow = world.gateway.scores["slow"]
        assert (slow.latency_p90, slow.latency) == (None, 50.0)
        # Useful once, and cut off ever since: as slow as it was seen to be.
        await world.ask(strategy="single", model="slow/m")
        for _ in range(9):
            with trio.move_on_after(1.0):
                await world.ask(strategy="single", model="slow/m", min_useful_tokens=500)
        assert world.gateway.scores["slow"].latency_p90 == pytest.approx(0.8, rel=0.02)


async def test_what_is_older_than_the_window_is_forgotten(autojump_clock: MockClock) -> None:
    async with open_world(upstream("one", first_token=4.0)) as world:
        for _ in range(5):
            await world.ask(strategy="single")
        assert world.gateway.scores["one"].latency < 20
        await trio.sleep(901)
        forgotten = world.gateway.scores["one"]
        assert (forgotten.latency_p90, forgotten.latency) == (None, 50.0)
        assert forgotten.reliability == 50.0


async def test_of_one_that_mostly_loses_the_slowest_first_token_stands_in_for_its_p90(
    autojump_clock: MockClock,
) -> None:
    """Its few wins are its fast answers; nobody has seen the end of the others."""
    candidate = someone()
    first_tokens = FirstTokens()
    for seconds in (0.1, 4.0):
        first_tokens._record(candidate, "any", seconds, observed=True)
    for _ in range(50):
        first_tokens._record(candidate, "any", 4.5, observed=False)
    scores = Scores(Health([]), first_tokens, Outcomes())
    assert scores.of(candidate).latency_p90 == pytest.approx(4.0, rel=0.01)
