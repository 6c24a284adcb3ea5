"""A client that leaves while the model thinks unseen: the thought is in the books all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from math import inf

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Quirks
from omen.core.cards import ModelCard, Price, Rates
from omen.core.costs import LONGEST_THOUGHT
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.race_report import explain
from omen.ledger.entries import entry_of
from omen.providers import KINDS
from omen.race.attempts import Attempts
from omen.routing.observe.paces import UNKNOWN_PACE, Paces
from omen.sim.faults import Silence
from tests.race.attempts.scripted import CANDIDATE, DONE, FINISH, REQUEST, ROLE, Scripted, text
from tests.world import open_world, upstream

RATES = Rates(input=Decimal(2), output=Decimal(10))
CARD = ModelCard(
    price=Price(rates=RATES), max_output=5_000, abilities=frozenset({"reasoning", "tools"})
)


def thinker(*, stops_billing: bool = True) -> Candidate:
    quirks = Quirks(cancel_stops_billing=stops_billing)
    patient = replace(CANDIDATE, timeout=inf, first_token_timeout=600.0, stall_timeout=600.0)
    return replace(patient, card=CARD, quirks=quirks, working_timeout=600.0)


class World:
    """Attempts whose observer learns paces."""

    def __init__(self, candidate: Candidate) -> None:
        self.paces, self.candidate = Paces(), candidate

    async def ask(self, transport: httpx.AsyncBaseTransport, leave_after: float) -> AttemptRecord:
        """Read an answer until the client leaves, and return the record of the attempt."""
        race = RaceRecord("r", Plan("s", (self.candidate,)), trio.current_time())
        attempts = Attempts(transport, KINDS, [self.paces], pace_of=self.paces.of)
        with trio.move_on_after(leave_after):
            async with attempts.opener(race, REQUEST)(self.candidate) as attempt:
                while await attempt.receive():
                    pass
        (record,) = race.attempts
        self.race = race
        self.report = explain(race)["attempts"][0]
        return record

    async def learn(self, reasoning: int, seconds: float) -> None:
        usage = {
            "prompt_tokens": 3,
            "completion_tokens": reasoning + 7,
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
        report = f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode()
        body = text("It rains.") + FINISH + report + DONE
        record = await self.ask(Scripted((0.0, ROLE), (seconds, body)), 1000.0)
        assert record.complete
        assert record.thinking_seconds == seconds


SILENT = ((0.0, ROLE), (500.0, text("too late")))


@pytest.mark.parametrize("stops_billing", [True, False])
async def test_it_is_booked_by_its_time_and_the_models_known_pace(
    autojump_clock: MockClock, stops_billing: bool
) -> None:
    world = World(thinker(stops_billing=stops_billing))
    await world.learn(reasoning=800, seconds=10.0)
    record = await world.ask(Scripted(*SILENT), leave_after=20.0)
    cost, prompt = record.cost, record.prompt
    assert record.hidden_tokens == 1600
    assert entry_of(world.race, record).completion_tokens == 1600
    assert prompt is not None
    assert record.outcome == "client_cancelled"
    assert cost.provenance == "estimated"
    assert cost.usd == (prompt.likely * 2 + 1600 * 10) / Decimal(1_000_000)
    assert cost.at_least_usd == prompt.at_least * 2 / Decimal(1_000_000)
    assert cost.at_most_usd == (prompt.at_most * 2 + 5000 * 10) / Decimal(1_000_000)
    assert world.report["cost_at_least_usd"] < world.report["cost_usd"]
    assert world.report["cost_usd"] < world.report["cost_at_most_usd"]


async def test_a_model_that_was_never_heard_to_its_end_has_the_usual_pace(
    autojump_clock: MockClock,
) -> None:
    world = World(thinker())
    record = await world.ask(Scripted(*SILENT), leave_after=20.0)
    assert record.prompt is not None
    expected = record.prompt.likely * 2 + 20 * round(UNKNOWN_PACE) * 10
    assert record.cost.usd == expected / Decimal(1_000_000)


@pytest.mark.parametrize(("longest", "booked"), [(5000, 5000), (None, LONGEST_THOUGHT)])
async def test_no_more_is_booked_than_a_model_generates(
    autojump_clock: MockClock, longest: int | None, booked: int
) -> None:
    world = World(replace(thinker(), card=replace(CARD, max_output=longest)))
    await world.learn(reasoning=5000, seconds=1.0)
    record = await world.ask(Scripted(*SILENT), leave_after=400.0)
    assert record.prompt is not None
    assert record.cost.usd == (record.prompt.likely * 2 + booked * 10) / Decimal(1_000_000)
    assert (record.cost.at_most_usd is None) == (longest is None)


async def test_a_model_that_does_not_think_is_booked_at_what_was_seen(
    autojump_clock: MockClock,
) -> None:
    plain = replace(thinker(), card=replace(CARD, abilities=frozenset({"tools"})))
    world = World(plain)
    record = await world.ask(Scripted(*SILENT), leave_after=20.0)
    assert record.prompt is not None
    assert record.cost.usd == record.prompt.likely * 2 / Decimal(1_000_000)
    assert "cost_at_least_usd" not in world.report


async def test_what_was_seen_of_the_thought_is_not_counted_twice_and_text_is_added(
    autojump_clock: MockClock,
) -> None:
    thought = b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"%s"}}]}\n\n'
    words = b"word" * 100  # 100 tokens, by the estimate
    steps = ((0.0, ROLE), (4.0, thought % words), (2.0, text("word" * 30)), (90.0, DONE))
    world = World(thinker())
    record = await world.ask(Scripted(*steps), leave_after=50.0)
    assert (record.thinking_seconds, record.thought_tokens, record.tokens) == (6.0, 100, 130)
    assert record.prompt is not None
    generated = 130 + (6 * round(UNKNOWN_PACE) - 100)
    expected = record.prompt.likely * 2 + generated * 10
    assert record.cost.usd == expected / Decimal(1_000_000)


async def test_time_in_which_the_client_does_not_read_is_no_thought(
    autojump_clock: MockClock,
) -> None:
    candidate = thinker()
    race = RaceRecord("r", Plan("s", (candidate,)), trio.current_time())
    thought = b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}\n\n'
    transport = Scripted((0.0, ROLE + thought), (2.0, thought), (1.0, DONE))
    attempts = Attempts(transport, KINDS, pace_of=Paces().of)
    with trio.move_on_after(100.0):
        async with attempts.opener(race, REQUEST)(candidate) as attempt:
            await attempt.receive()
            await trio.sleep(50.0)
            await attempt.receive()
            await trio.sleep(300.0)
    assert race.attempts[0].thinking_seconds == 0.0


async def test_the_gateway_books_it_so(autojump_clock: MockClock) -> None:
    silent = upstream("one", model="o4-mini", fault=Silence(1.0))
    async with open_world(silent, first_token_timeout=600.0) as world:
        with trio.move_on_after(20.0):
            await world.ask(model="one/o4-mini", strategy="single")
        ((_, row),) = world.rows
        assert row.cost.provenance == "estimated"
        assert row.cost.usd is not None
        price = row.candidate.card.price
        assert price is not None
        assert row.cost.usd > 19 * UNKNOWN_PACE * float(price.rates.output) / 1_000_000
