"""Budgets: reserved before anything starts, plans that shrink, and spending that never exceeds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from omen.budget import RequestBudget
from omen.candidates import Candidate, Endpoint
from omen.cards import ModelCard, Price, Rates
from omen.chat import ChatRequest, Message, TextPart
from omen.config.settings import Price as PriceSettings
from omen.costs import measure_prompt
from omen.errors import BudgetExceeded
from omen.events import Usage
from omen.plan import AttemptRecord, Merge, Plan, RaceRecord
from tests.world import open_world, upstream

REQUEST = ChatRequest(messages=(Message("user", (TextPart("x" * 68),)),), max_tokens=100)
PROMPT = measure_prompt(REQUEST)  # at most 68 + 2 * 16 = 100 tokens


def candidate(name: str, usd: int | None) -> Candidate:
    """A candidate that costs so much per million tokens, in or out: 200 tokens at worst."""
    price = None if usd is None else Price(rates=Rates(input=Decimal(usd), output=Decimal(usd)))
    return Candidate(name, "openai", "m", Endpoint("http://up"), name, card=ModelCard(price=price))


CHEAP, DEAR, UNPRICED = candidate("cheap", 10), candidate("dear", 100), candidate("unpriced", None)
PLAN = Plan("race", (CHEAP, DEAR), k=2)


def shrunk(usd: str, plan: Plan = PLAN) -> Plan:
    return RequestBudget(REQUEST, PROMPT, Decimal(usd)).shrink(plan)


def test_the_worst_case_is_a_token_a_byte_and_the_longest_answer() -> None:
    assert PROMPT.at_most == 100
    budget = RequestBudget(REQUEST, PROMPT, Decimal(1))
    assert budget.worst_case(CHEAP) == Decimal("0.002")
    assert budget.worst_case(UNPRICED) is None


def test_a_plan_that_fits_is_left_as_it_is() -> None:
    assert shrunk("0.022") == PLAN


def test_a_race_shrinks_to_fewer_and_in_the_end_to_one() -> None:
    three = replace(PLAN, candidates=(CHEAP, replace(CHEAP, provider="other"), DEAR), k=3)
    assert (shrunk("0.021", three).strategy, shrunk("0.021", three).k) == ("race", 2)
    assert (shrunk("0.0219").strategy, shrunk("0.0219").k) == ("single", 1)


def test_who_does_not_fit_alone_or_has_no_price_is_left_out() -> None:
    assert shrunk("0.01", replace(PLAN, candidates=(DEAR, UNPRICED, CHEAP))).candidates == (CHEAP,)


def test_a_merge_pays_for_its_judge_who_reads_all_drafts() -> None:
    merge = Plan("parallel_merge", (CHEAP, replace(CHEAP, provider="other")), k=2)
    # two drafts at 0.002, and a judge that reads 100 + 200 tokens and writes 100
    assert shrunk("0.008", merge).k == 2
    assert shrunk("0.0079", merge).strategy == "single"
    assert shrunk("0.004", replace(merge, merge=Merge("vote"))).k == 2


@pytest.mark.parametrize(
    ("candidates", "words"), [((CHEAP, DEAR), "cheap/m"), ((UNPRICED,), "price is known")]
)
def test_one_that_does_not_fit_is_a_402(candidates: tuple[Candidate, ...], words: str) -> None:
    with pytest.raises(BudgetExceeded, match=words) as caught:
        shrunk("0.0019", replace(PLAN, candidates=candidates))
    assert (caught.value.status, caught.value.code) == (402, "budget_exceeded")
    assert caught.value.param == "omen.budget_usd"


def test_what_starts_later_has_to_fit_beside_what_was_spent_and_what_runs() -> None:
    budget = RequestBudget(REQUEST, PROMPT, Decimal("0.0045"))
    race = RaceRecord("r", PLAN, 0.0)
    assert budget(race, CHEAP, "primary") is None
    race.attempts.append(AttemptRecord(0, CHEAP, 0.0))  # runs: 0.002 are reserved
    assert budget(race, CHEAP, "hedge") is None
    race.attempts.append(AttemptRecord(1, CHEAP, 0.0))
    assert budget(race, CHEAP, "hedge") is not None
    race.attempts[0].usage, race.attempts[0].ended_at = Usage(20, 10), 1.0  # cost 0.0003
    assert budget(race, CHEAP, "failover") is None


def test_a_judge_that_died_keeps_what_its_drafts_made_it_read_reserved() -> None:
    budget = RequestBudget(REQUEST, PROMPT, Decimal("0.0069"))
    race = RaceRecord("r", PLAN, 0.0)
    for index in range(2):  # two drafts, of 0.0003 each
        draft = AttemptRecord(index, CHEAP, 0.0, "draft", usage=Usage(20, 10), ended_at=1.0)
        race.attempts.append(draft)
    assert budget(race, CHEAP, "judge") is None
    race.attempts.append(AttemptRecord(2, CHEAP, 1.0, "judge", responded_at=1.1, ended_at=2.0))
    # 0.0006 are spent, and the judge may have cost 100 + 200 tokens in and 100 out: 0.004
    assert budget(race, CHEAP, "failover") is None
    race.attempts.append(AttemptRecord(3, CHEAP, 2.0, "failover"))
    assert budget(race, CHEAP, "failover") is not None


SPENT = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=30)


@given(spent=SPENT, budget_usd=st.decimals("0.002", "0.05", places=4))
def test_whatever_is_admitted_is_paid_for(
    spent: list[tuple[int, int]], budget_usd: Decimal
) -> None:
    """Attempts start, and settle in turn, as long as they are let in."""
    budget = RequestBudget(REQUEST, PROMPT, budget_usd)
    race = RaceRecord("r", PLAN, 0.0)
    for number, (prompt, completion) in enumerate(spent):
        if budget(race, CHEAP, "failover") is not None:
            continue
        record = AttemptRecord(len(race.attempts), CHEAP, 0.0)
        race.attempts.append(record)
        if number % 3:
            record.usage, record.ended_at = Usage(prompt, completion), 1.0
            record.outcome = "lost"
    still_running = sum(a.ended_at is None for a in race.attempts)
    assert (race.cost_usd or 0) + still_running * Decimal("0.002") <= budget_usd


async def test_a_race_over_the_wire_is_cut_to_what_it_may_cost(autojump_clock: MockClock) -> None:
    ups = [upstream("a", first_token=0.5), upstream("b", first_token=0.1)]
    price = PriceSettings(input=Decimal(10), output=Decimal(10))
    async with open_world(*ups, price=price) as world:
        race = world.plan(strategy="race", k=2, budget_usd=Decimal("0.003"))
        received = await world.run(race, "x" * 68, max_tokens=100)
        assert received.outcomes == {"a": "won"}
        assert received.race.plan.strategy == "single"
        broke = world.plan(strategy="race", budget_usd=Decimal("0.001"))
        refused = await world.run(broke, "x" * 68, max_tokens=100)
        assert isinstance(refused.error, BudgetExceeded)
        assert refused.race.attempts == []
        assert "0 requests" in repr(world.gateway._parts.requests.budgets)
        await trio.lowlevel.checkpoint()
        world.assert_nothing_left()
