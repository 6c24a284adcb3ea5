"""What is set aside in a month is given back whatever happens; spending is of its month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import trio
from trio.testing import MockClock

from omen.accounts.budget import KnownMonths, MonthlyBudgets, SpendingUnknownError, current_month
from omen.core.callers import Caller
from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import ModelCard, Rates
from omen.core.cards import Price as CardPrice
from omen.core.errors import BudgetExceeded
from omen.core.events import Usage
from omen.core.money import usd
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.sim.faults import Status
from omen.state import Cap, Hold, MemoryStore
from tests.accounts.budget.test_months import DOLLAR, FLEET, ask, settings, spent
from tests.world import open_world, upstream

LAST_OF_MARCH = datetime(2025, 3, 31, 23, 59, 59, tzinfo=UTC).timestamp()
CHEAP = ModelCard(price=CardPrice(rates=Rates(input=Decimal(1), output=Decimal(10))))
WHO = Candidate("p", "openai", "m", Endpoint("http://p"), "p", card=CHEAP)


class Store(MemoryStore):
    """Notes what is asked of it; and may take its time to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.leases: list[float] = []
        self.delay = 0.0

    async def hold(
        self, hold_id: str, caps: Sequence[Cap], amounts: Sequence[int], lease: float
    ) -> Hold:
        self.leases.append(lease)
        hold = await super().hold(hold_id, caps, amounts, lease)
        await trio.sleep(self.delay)
        return hold


def race(name: str = "r", *, deadline: float = 600.0, **more: object) -> RaceRecord:
    now = trio.current_time()
    plan = Plan("single", (WHO,), total_deadline=now + deadline)
    told = {"accepted_unix": LAST_OF_MARCH, **more}
    return RaceRecord(name, plan, now, **told)  # type: ignore[arg-type]


def cost(made: RaceRecord, tokens: int) -> None:
    attempt = AttemptRecord(len(made.attempts), WHO, trio.current_time())
    attempt.usage, attempt.outcome = Usage(0, tokens), "won"
    made.attempts.append(attempt)


async def test_a_race_is_of_the_month_in_which_it_was_accepted(autojump_clock: MockClock) -> None:
    """Begun in the last second of March, and settled in whichever month it ends."""
    store = Store()
    months = MonthlyBudgets(store, Decimal(1))
    one = race(caller=Caller(key_id="k", monthly_usd=Decimal(1)))
    await months.reserve(one, [Decimal("0.5")])
    assert {scope for scopes in store._scopes_of.values() for scope in scopes} == {
        "2025-03:gateway",
        "2025-03:key:k",
    }
    cost(one, 1000)
    await months.settle(one)
    told = await store.spent(
        ["2025-03:gateway", "2025-03:key:k", "2025-03:provider:p", f"{current_month()}:gateway"]
    )
    assert told == [10_000_000, 10_000_000, 10_000_000, 0]


async def test_it_is_held_for_longer_than_it_can_run(autojump_clock: MockClock) -> None:
    """Else the money of one that runs to its deadline is somebody else's before it is settled."""
    store = Store()
    months = MonthlyBudgets(store, Decimal(1))
    one = race(deadline=100.0)
    await months.reserve(one, [Decimal(1)])
    assert store.leases == [160.0]
    await trio.sleep(101)
    with pytest.raises(BudgetExceeded):
        await months.reserve(race("other"), [Decimal("0.1")])
    await trio.sleep(60)  # its process was killed, say
    await months.reserve(race("later"), [Decimal(1)])


async def test_one_that_has_cost_nothing_gives_back_all(autojump_clock: MockClock) -> None:
    refusing = upstream("one", fault=Status(1.0, status=500))
    async with open_world(refusing, FLEET[1], settings=settings("11"), price=DOLLAR) as world:
        assert (await ask(world, "one/m")).error is not None
        assert await spent(world) == 0
        assert (await ask(world, "two/m")).error is None


async def test_nothing_is_remembered_of_races_that_are_settled(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=settings("1000"), price=DOLLAR) as world:
        for _ in range(3):
            await ask(world)
        with trio.move_on_after(0.2):
            await ask(world)
        store = world.gateway.store
        assert isinstance(store, MemoryStore)
        assert world.gateway.months._scopes_of == {}
        assert store._scopes_of == {}


async def test_a_caller_that_leaves_while_the_store_answers_leaves_nothing_held(
    autojump_clock: MockClock,
) -> None:
    """The store has set it aside, and nobody has heard of that."""
    store = Store()
    months = MonthlyBudgets(store, Decimal(1))
    store.delay = 1.0
    one = race()
    with trio.move_on_after(0.5) as left:
        await months.reserve(one, [Decimal(1)])
    assert left.cancelled_caught
    await months.settle(one)
    store.delay = 0.0
    assert await months.reserve(race("next"), [Decimal(1)]) == 1


async def test_an_attempt_counts_once_and_rounded_up_however_many_there_are(
    autojump_clock: MockClock,
) -> None:
    store = Store()
    months = MonthlyBudgets(store)
    third = CardPrice(rates=Rates(input=Decimal(0), output=Decimal("0.0003")))
    cheap = replace(WHO, card=ModelCard(price=third))
    one = race()
    for index in range(10):
        attempt = AttemptRecord(index, cheap, 0.0)
        attempt.usage = Usage(0, 1)
        one.attempts.append(attempt)
    for _ in range(2):
        await months.settle(one)
    assert await store.spent(["2025-03:gateway"]) == [10]


@pytest.mark.parametrize("claim", [Decimal(-5), Decimal("1e30")])
async def test_what_an_upstream_claims_neither_fills_a_budget_nor_breaks_it(
    autojump_clock: MockClock, claim: Decimal
) -> None:
    store = Store()
    months = MonthlyBudgets(store, Decimal(10_000_000))
    one = race()
    attempt = AttemptRecord(0, WHO, 0.0)
    attempt.usage = Usage(1, 1, billed_usd=claim)
    one.attempts.append(attempt)
    await months.settle(one)
    (told,) = await store.spent(["2025-03:gateway"])
    assert usd(told) == (0 if claim < 0 else 1_000_000)


async def test_a_provider_that_has_spent_exactly_its_share_is_beyond_it(
    autojump_clock: MockClock,
) -> None:
    months = MonthlyBudgets(Store(), Decimal(10), {"p": Decimal(50)})
    for dollars, beyond in (("4.999999999", False), ("5", True)):
        await months.raise_to(current_month(), [(None, "p", Decimal(dollars))])
        await months.look(["p"])
        assert months.is_beyond("p") == beyond


class TestKnownMonths:
    def test_this_month_is_not_known_until_it_is_told_and_later_ones_are(self) -> None:
        known = KnownMonths(MemoryStore())
        assert not known.knows(current_month())
        assert not known.knows("2025-03")
        assert known.knows("9999-12")  # it begins while this process runs
        known.know(current_month())
        assert known.knows(current_month())
        assert not known.knows("2025-03")

    def test_without_books_all_are(self) -> None:
        assert KnownMonths(MemoryStore(), everything=True).knows("2025-03")

    async def test_nothing_is_set_aside_in_one_that_is_not(self, autojump_clock: MockClock) -> None:
        store = Store()
        known = KnownMonths(store)
        months = MonthlyBudgets(known, Decimal(10))
        now = datetime.now(UTC).timestamp()
        one = race(accepted_unix=now)
        with pytest.raises(SpendingUnknownError):
            await months.reserve(one, [Decimal(1)])
        assert (
            await months.reserve(one, [Decimal(1), Decimal(0)]) == 0
        )  # somebody of the plan is free
        assert store.leases == []
        cost(one, 1000)
        await months.settle(one)  # what is spent all the same counts
        assert (await months.standing()).spent_usd == Decimal("0.01")
        known.know(current_month())
        assert await months.reserve(race("r2", accepted_unix=now), [Decimal(1)]) == 1
