"""Models without a known price: once a budget applies, nothing bounds what they cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from trio.testing import MockClock

from omen.accounts.budget import Budgets, MonthlyBudgets, current_month
from omen.config import Settings
from omen.core.callers import Caller
from omen.core.errors import BudgetExceeded
from omen.core.plan import Plan
from omen.core.records import RaceRecord
from omen.state import MemoryStore
from tests.accounts.budget.test_budget import CHEAP, REQUEST, UNPRICED
from tests.accounts.budget.test_months import FLEET, ask, embed, priced, settings
from tests.world import open_world


def unpriced_is_free(limit: str = "12") -> Settings:
    given = settings(limit)
    return replace(given, routing=replace(given.routing, unpriced="free"))


@pytest.mark.parametrize("whose", ["the gateway's", "a key's"])
async def test_a_model_without_a_price_is_a_402_once_a_budget_applies(
    autojump_clock: MockClock, whose: str
) -> None:
    limit, key = ("12", None) if whose == "the gateway's" else (None, Decimal(12))
    caller = Caller(key_id="k", monthly_usd=key)
    async with open_world(*FLEET, settings=settings(limit)) as world:
        refused = (await ask(world, "one/never-heard-of", caller)).error
        assert isinstance(refused, BudgetExceeded)
        assert "one/never-heard-of has no known price" in refused.message
        assert "[providers.NAME.prices" in refused.message
        assert 'unpriced = "free"' in refused.message
        with pytest.raises(BudgetExceeded, match="no known price"):
            await embed(world, "one/never-heard-of", caller=caller)
        assert world.rows == []
        assert world.stats["one"].started == 0
        # Without a budget nothing has to be known.
        without = Caller(key_id="free")
        world.gateway.months.limit_usd = None
        assert (await ask(world, "one/m", without)).error is None


async def test_a_model_without_a_price_is_left_out_beside_one_that_has_a_price(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET, settings=settings("150")) as world:
        priced(world, one=None, two="1")
        answered = await ask(world, "one/m,two/m", strategy="race", k=2)
        assert answered.outcomes == {"two": "won"}
        assert ("one/m", "no known price") in answered.race.plan.left_out


async def test_a_model_without_a_price_fits_a_used_up_month_if_the_operator_calls_it_free(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET, settings=unpriced_is_free()) as world:
        await world.gateway.months.raise_to(current_month(), [(None, "one", Decimal(12))])
        assert (await ask(world, "one/m")).error is None
        assert (await ask(world, "one/m", budget_usd=Decimal("0.01"))).error is None
        await embed(world, "one/m")
        routing = replace(world.gateway.settings.routing, unpriced="refuse")
        world.gateway.reload(replace(world.gateway.settings, routing=routing))
        assert isinstance((await ask(world, "one/m")).error, BudgetExceeded)


async def test_a_later_start_without_a_price_is_denied(autojump_clock: MockClock) -> None:
    """A judge, for example, which is no candidate of the plan."""
    budgets = Budgets(MonthlyBudgets(MemoryStore(), Decimal(12)))
    race = RaceRecord("r", Plan("parallel_merge", (CHEAP,)), 0.0)
    await budgets.open(race, race.plan, REQUEST)
    denial = await budgets.reserve(race, UNPRICED, "judge")
    assert denial is not None
    assert "no known price" in denial.reason
    assert not denial.retryable
    assert await budgets.reserve(race, CHEAP, "judge") is None
