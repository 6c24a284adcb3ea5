"""Budgets: reserved before anything starts, plans that shrink, and spending that never exceeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from omen.accounts.budget import Budgets, MonthShare, RequestBudget, WorstCase
from omen.config.settings import Price as PriceSettings
from omen.core.callers import Caller
from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import ModelCard, Price, Rates
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import BudgetExceeded, FailureKind, UpstreamFailure
from omen.core.events import Usage
from omen.core.plan import Expectation, Merge, Plan
from omen.core.prompt_size import measure_prompt
from omen.core.records import AttemptRecord, RaceRecord
from tests.world import open_world, upstream

REQUEST = ChatRequest(messages=(Message("user", (TextPart("x" * 68),)),), max_tokens=100)
PROMPT = measure_prompt(REQUEST)  # at most 68 + 2 * 16 = 100 tokens
WORST = WorstCase.of_chat(REQUEST, PROMPT)


def candidate(name: str, usd: int | None) -> Candidate:
    """A candidate that costs so much per million tokens, in or out: 200 tokens at worst."""
    price = None if usd is None else Price(rates=Rates(input=Decimal(usd), output=Decimal(usd)))
    return Candidate(name, "openai", "m", Endpoint("http://up"), name, card=ModelCard(price=price))


CHEAP, DEAR, UNPRICED = candidate("cheap", 10), candidate("dear", 100), candidate("unpriced", None)
PLAN = Plan("race", (CHEAP, DEAR), k=2)


def shrunk(usd: str, plan: Plan = PLAN) -> Plan:
    return RequestBudget(WORST, Decimal(usd)).shrink(plan)


def test_the_worst_case_is_a_token_a_byte_and_the_longest_answer() -> None:
    assert PROMPT.at_most == 100
    assert WORST.of(CHEAP) == Decimal("0.002")
    assert WORST.of(UNPRICED) is None


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
    ("candidates", "words"), [((CHEAP, DEAR), "cheap/m"), ((UNPRICED,), "known price")]
)
def test_one_that_does_not_fit_is_a_402(candidates: tuple[Candidate, ...], words: str) -> None:
    with pytest.raises(BudgetExceeded, match=words) as caught:
        shrunk("0.0019", replace(PLAN, candidates=candidates))
    assert (caught.value.status, caught.value.code) == (402, "budget_exceeded")
    assert caught.value.param == "omen.budget_usd"


def test_what_starts_later_has_to_fit_beside_what_was_spent_and_what_runs() -> None:
    budget = RequestBudget(WORST, Decimal("0.0045")).admit
    race = RaceRecord("r", PLAN, 0.0)
    assert budget(race, CHEAP, "primary") is None
    race.attempts.append(AttemptRecord(0, CHEAP, 0.0))  # runs: 0.002 are reserved
    assert budget(race, CHEAP, "hedge") is None
    race.attempts.append(AttemptRecord(1, CHEAP, 0.0))
    assert budget(race, CHEAP, "hedge") is not None
    race.attempts[0].usage, race.attempts[0].ended_at = Usage(20, 10), 1.0  # cost 0.0003
    assert budget(race, CHEAP, "failover") is None


def test_a_judge_that_died_keeps_what_its_drafts_made_it_read_reserved() -> None:
    budget = RequestBudget(WORST, Decimal("0.0069")).admit
    race = RaceRecord("r", PLAN, 0.0)
    for index in range(2):  # two drafts, of 0.0003 each
        draft = AttemptRecord(index, CHEAP, 0.0, "draft", usage=Usage(20, 10), ended_at=1.0)
        race.attempts.append(draft)
    assert budget(race, CHEAP, "judge") is None
    # 0.0006 are spent, and the judge may cost 0.004, because it reads the drafts.
    assert RequestBudget(WORST, Decimal("0.0045")).admit(race, CHEAP, "judge") is not None
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
    budget = RequestBudget(WORST, budget_usd).admit
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


def test_writing_to_a_cache_at_its_dearest_rate_is_part_of_the_worst_case() -> None:
    """What is spent must not exceed the budget whichever cache a request writes to."""
    ten = Decimal(10)
    for dearest in ({"cache_write": Decimal(40)}, {"cache_write_1h": Decimal(40)}):
        rates = Rates(input=ten, output=ten, **dearest)
        dear = replace(CHEAP, card=ModelCard(price=Price(rates=rates)))
        assert WORST.of(dear) == Decimal("0.005")  # 100 * 40 + 100 * 10 millionths


def test_a_refusal_is_free_and_a_failure_behind_a_begun_response_is_not() -> None:
    budget = RequestBudget(WORST, Decimal("0.003")).admit
    for responded_at, denied in ((None, False), (0.5, True)):
        race = RaceRecord("r", PLAN, 0.0)
        record = AttemptRecord(0, CHEAP, 0.0, responded_at=responded_at, ended_at=1.0)
        record.failure = UpstreamFailure(FailureKind.OVERLOADED, "no", upstream_status=503)
        race.attempts.append(record)
        assert (budget(race, CHEAP, "failover") is not None) == denied


class TestMonthShare:
    """What one request sets aside of the month: enough for what starts at once, and not more."""

    def share(self, held: str = "0") -> MonthShare:
        share = MonthShare(WORST)
        share.held = Decimal(held)
        return share

    @pytest.mark.parametrize(
        ("plan", "amounts"),
        [
            (PLAN, ["0.022", "0.002"]),
            (replace(PLAN, strategy="single"), ["0.002"]),
            (replace(PLAN, strategy="speculate_k"), ["0.002"]),
            (replace(PLAN, strategy="single", candidates=(DEAR, CHEAP)), ["0.02", "0.002"]),
            (replace(PLAN, candidates=(UNPRICED, CHEAP)), ["0.002", "0"]),
        ],
    )
    def test_it_offers_what_starts_side_by_side_and_in_the_end_the_cheapest(
        self, plan: Plan, amounts: list[str]
    ) -> None:
        assert self.share().amounts(plan) == list(map(Decimal, amounts))

    def test_no_candidate_is_lost_to_it_and_those_it_pays_for_come_first(self) -> None:
        """Core defect 1."""
        single = Plan("single", (DEAR, CHEAP))
        assert self.share("0.02").narrow(single) == single
        assert self.share("0.002").narrow(single).candidates == (CHEAP, DEAR)

    def test_a_race_starts_as_many_as_it_pays_for(self) -> None:
        assert self.share("0.022").narrow(PLAN) == PLAN
        narrow = self.share("0.0219").narrow(PLAN)
        assert (narrow.strategy, narrow.k, narrow.candidates) == ("single", 1, (CHEAP, DEAR))

    def test_what_is_expected_of_a_plan_is_not_expected_of_a_narrower_one(self) -> None:
        plan = replace(PLAN, expected=Expectation(0.9, 0.99, 1.0))
        assert self.share("0.022").narrow(plan).expected == plan.expected
        expected = self.share("0.002").narrow(plan).expected
        assert expected is not None
        assert expected.probability is None

    def test_what_starts_later_needs_what_was_spent_what_runs_and_its_own_worst_case(self) -> None:
        race = RaceRecord("r", PLAN, 0.0)
        assert self.share().needed(race, CHEAP, "primary") == Decimal("0.002")
        race.attempts.append(AttemptRecord(0, CHEAP, 0.0))
        assert self.share().needed(race, DEAR, "hedge") == Decimal("0.022")
        race.attempts[0].usage, race.attempts[0].ended_at = Usage(20, 10), 1.0
        assert self.share().needed(race, DEAR, "failover") == Decimal("0.0203")
        assert self.share().needed(race, UNPRICED, "failover") == Decimal("0.0003")


class SlowMonths:
    """A month's budget whose store takes a while, as a remote one does."""

    limit_usd = Decimal(1)
    unpriced_is_free = False

    def __init__(self) -> None:
        self.raised: list[Decimal] = []

    def bounds(self, caller: Caller) -> bool:
        return True

    async def reserve(self, race: RaceRecord, amounts: Sequence[Decimal]) -> Decimal:
        return amounts[-1]

    async def raise_hold(self, race: RaceRecord, amount: Decimal) -> bool:
        await trio.sleep(1)
        self.raised.append(amount)
        return True


async def test_attempts_that_raise_what_their_race_holds_together_do_not_share_the_raise(
    autojump_clock: MockClock,
) -> None:
    months = SlowMonths()
    budgets = Budgets(months)  # type: ignore[arg-type]
    race = RaceRecord("r", Plan("single", (CHEAP,)), 0.0)
    await budgets.open(race, race.plan, REQUEST)

    async def start() -> None:
        assert await budgets.reserve(race, CHEAP, "failover") is None
        race.attempts.append(AttemptRecord(len(race.attempts), CHEAP, 0.0))

    await start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(start)
        nursery.start_soon(start)
    # Both waited for 0.004; the one that came second asked again, for 0.006.
    assert months.raised == [Decimal("0.004"), Decimal("0.004"), Decimal("0.006")]


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
        assert "0 requests" in repr(world.gateway._parts.pipeline.budgets)
        await trio.lowlevel.checkpoint()
        world.assert_nothing_left()
