"""Store, month and ledger have one number, to the nano-dollar, whatever happens."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
import trio
from trio.testing import MockClock

from omen.accounts.budget import current_month
from omen.config.settings import Price
from omen.core.callers import ANYBODY, Caller
from omen.core.money import booked_nano, usd
from omen.ledger.database import open_database
from omen.ledger.entries import entry_of
from omen.sim import LogNormal, Profile, SimulatedUpstream
from omen.sim.distributions import Between
from omen.sim.faults import MidstreamError, Silence, Status, Truncated
from tests.gateway.inline_books import inline_books, no_threads, url_of
from tests.gateway.test_spending_of_the_books import running
from tests.world import upstream

__all__ = ["no_threads"]
pytestmark = pytest.mark.usefixtures("no_threads")

FAULTS = (
    Status(0.05, status=500),
    Truncated(0.05, after_tokens=3),
    MidstreamError(0.05, after_tokens=12),
    Silence(0.02),
)


@pytest.mark.parametrize("seed", [1, 2])
async def test_store_month_and_ledger_have_one_number_to_the_nano_dollar(
    autojump_clock: MockClock, tmp_path: Path, seed: int
) -> None:
    """Whatever happens: losers, failures, clients that leave. After a restart it is the same."""
    random = Random(seed)
    fleet = [
        SimulatedUpstream(
            name,
            kind,  # type: ignore[arg-type]
            Profile(first_token=LogNormal(0.5, 0.6), tokens=Between(1, 60), faults=FAULTS),
            models=("m",),
            seed=n,
        )
        for n, (name, kind) in enumerate(
            [("up-openai", "openai"), ("up-anthropic", "anthropic"), ("up-ollama", "ollama")]
        )
    ]
    # A third of a nano-dollar: what is rounded shows.
    price = Price(input=Decimal("0.000333"), output=Decimal("2.5000333"))
    books = inline_books(tmp_path)
    callers = (ANYBODY, Caller(key_id="k"), Caller(key_id="l", monthly_usd=Decimal(5)))
    async with running(books, "100", price, *fleet) as world:

        async def one(number: int) -> None:
            with trio.move_on_after(random.expovariate(0.2)):
                race = world.plan(
                    strategy=random.choice(("single", "race", "speculate_k")),
                    k=random.choice((2, 3)),
                    hedge_delay=0.5,
                )
                race.caller = random.choice(callers)
                await world.run(race, f"question {number}", max_tokens=100)

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(one, number)
                await trio.sleep(0.2)
                if number % 50 == 0:  # whenever it is told again it counts the same
                    await world.gateway._parts.upkeep.restore_spending()
        await trio.sleep(5)
        (store,) = await world.gateway.store.spent([f"{current_month()}:gateway"])
        (keys,) = await world.gateway.store.spent([f"{current_month()}:key:l"])
        month = (await world.gateway.months.standing()).spent_usd
    rows = [entry_of(race, attempt) for race, attempt in world.rows]
    costs = [one.cost for one in rows if one.cost is not None]
    ledger = sum(booked_nano(cost) for cost in costs)
    assert len([cost for cost in costs if cost]) > 150
    assert store == ledger
    assert month == usd(ledger)
    assert keys == sum(booked_nano(one.cost) for one in rows if one.cost and one.key_id == "l")
    database = open_database(url_of(tmp_path), 5.0)
    totals = database.spending(current_month())
    database.close()
    assert totals is not None
    assert {one.replica for one in totals} == {"me"}
    assert sum((one.cost_usd for one in totals), Decimal(0)) == usd(ledger)
    async with running(inline_books(tmp_path, "later")) as again:
        assert (await again.gateway.months.standing()).spent_usd == usd(ledger)


async def test_the_rows_of_races_that_run_are_not_counted_twice(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Core defect 20. Told again while winners stream, and their losers are in the books."""
    books = inline_books(tmp_path)
    fleet = (upstream("a", first_token=0.5, gap=0.2, tokens=400), upstream("b", first_token=5.0))
    price = Price(input=Decimal(1000), output=Decimal(1000))
    async with running(books, "1000", price, *fleet) as world:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(lambda: world.ask("x " * 2000, strategy="race", k=2))
            await trio.sleep(20)
            await world.gateway._parts.upkeep.restore_spending()
        await trio.sleep(1)
        costs = [entry_of(race, attempt).cost for race, attempt in world.rows]
        assert (await world.gateway.months.standing()).spent_usd == usd(
            sum(booked_nano(cost) for cost in costs if cost is not None)
        )
