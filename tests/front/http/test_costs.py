"""What a caller is told of costs: numbers where they are known, null where they are not."""

from __future__ import annotations

from decimal import Decimal

import trio

from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import ModelCard, Price, Rates
from omen.core.events import Usage
from omen.core.plan import Plan
from omen.core.prompt_size import PromptSize
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.race_report import cost_headers, explain, routing_metadata

PRICED = ModelCard(price=Price(rates=Rates(input=Decimal("0.15"), output=Decimal("0.6"))))


def candidate(name: str, card: ModelCard = PRICED) -> Candidate:
    return Candidate(name, "openai", "m", Endpoint("http://p.invalid"), name, card=card)


def race(*attempts: AttemptRecord, winner: int | None = 0) -> RaceRecord:
    won = None if winner is None else attempts[winner]
    plan = Plan("race", tuple(attempt.candidate for attempt in attempts))
    return RaceRecord("r", plan, 0.0, attempts=list(attempts), winner=won)


async def test_each_attempt_with_usage_and_a_price_has_its_cost() -> None:
    await trio.lowlevel.checkpoint()  # what is told is read off trio's clock
    first = AttemptRecord(0, candidate("a"), 0.0, usage=Usage(1000, 200))
    second = AttemptRecord(1, candidate("b"), 0.0, usage=Usage(1000, 100))
    lost = AttemptRecord(2, candidate("c"), 0.0, tokens=5, outcome="lost")
    told = explain(race(first, second, lost))
    assert [attempt["cost_usd"] for attempt in told["attempts"]] == [0.00027, 0.00021, None]
    assert told["cost_usd"] == 0.00048
    assert told["race_premium_usd"] == 0.00021
    assert cost_headers(race(first, second)) == [(b"x-omen-cost-usd", b"0.0004800000")]
    assert routing_metadata(race(first))["cost_usd"] == 0.00027


async def test_while_a_loser_is_running_the_cost_is_not_known() -> None:
    await trio.lowlevel.checkpoint()
    won = AttemptRecord(0, candidate("a"), 0.0, usage=Usage(1000, 200), complete=True)
    running = race(won, AttemptRecord(1, candidate("b"), 0.0, tokens=5))
    told = explain(running)
    assert (told["cost_usd"], told["race_premium_usd"]) == (None, None)
    assert [attempt["cost_usd"] for attempt in told["attempts"]] == [0.00027, None]
    assert cost_headers(running) == []
    assert routing_metadata(running)["cost_usd"] is None


async def test_each_attempt_shows_the_prompt_tokens_that_are_in_its_cost() -> None:
    await trio.lowlevel.checkpoint()
    lost = AttemptRecord(1, candidate("b"), 0.0, responded_at=0.1, tokens=5, pieces=5)
    lost.outcome, lost.prompt = "lost", PromptSize(50, 100, 400)
    won = AttemptRecord(0, candidate("a"), 0.0, usage=Usage(90, 20), complete=True)
    denied = AttemptRecord(2, candidate("c"), 0.0, outcome="denied")
    told = explain(race(won, lost, denied))
    assert [attempt["prompt_tokens"] for attempt in told["attempts"]] == [90, 50, None]


async def test_a_bill_needs_no_price() -> None:
    await trio.lowlevel.checkpoint()
    usage = Usage(1000, 200, billed_usd=Decimal("0.0042"))
    billed = AttemptRecord(0, candidate("a", ModelCard()), 0.0, usage=usage)
    assert explain(race(billed))["cost_usd"] == 0.0042


async def test_an_unknown_price_is_null_and_not_nothing() -> None:
    await trio.lowlevel.checkpoint()
    unknown = AttemptRecord(0, candidate("a", ModelCard()), 0.0, usage=Usage(1000, 200))
    told = explain(race(unknown))
    assert told["cost_usd"] is None
    assert told["race_premium_usd"] is None
    assert cost_headers(race(unknown)) == []
