"""Budgets of a month: set aside before a request, booked after it, shared by all who run."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import trio
from trio.testing import MockClock

from omen.accounts.budget import current_month
from omen.config import RoutingSettings, Settings
from omen.config.settings import Price
from omen.core.callers import ANYBODY, Caller
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.embeddings import EmbeddingsRequest
from omen.core.errors import BudgetExceeded, OmenError
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.sim.faults import Silence, Status, Truncated
from tests.world import Received, World, open_world, upstream

DOLLAR = Price(input=Decimal(1), output=Decimal(1_000_000))
"""A generated token costs a dollar, a prompt next to nothing."""
FLEET = (upstream("one", first_token=0.5, gap=0.1, tokens=10), upstream("two", tokens=10))


def settings(limit: str | None, **soft: int) -> Settings:
    return Settings(
        routing=RoutingSettings(
            budget_monthly_usd=None if limit is None else Decimal(limit),
            provider_soft_limits={name: Decimal(percent) for name, percent in soft.items()},
        )
    )


async def ask(
    world: World, model: str = "one/m", caller: Caller = ANYBODY, **hints: object
) -> Received:
    wanted = replace(RaceHints(strategy="single"), **hints)  # type: ignore[arg-type]
    request = ChatRequest((Message("user", (TextPart("hi"),)),), max_tokens=10)
    race = world.gateway.plan(model, wanted, trio.current_time(), caller=caller)
    received = Received(race)
    try:
        await world.gateway.run(race, request, received)
    except OmenError as error:
        received.error = error
    return received


async def spent(world: World) -> Decimal:
    return (await world.gateway.months.standing()).spent_usd


async def test_a_request_is_booked_at_what_it_cost(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=settings("25"), price=DOLLAR) as world:
        answered = await ask(world)
        assert answered.error is None
        assert answered.race.cost_usd is not None
        assert await spent(world) == answered.race.cost_usd
        assert Decimal(10) < answered.race.cost_usd < Decimal("10.001")
        assert answered.race.budget_left is not None


async def test_at_the_cap_it_is_a_402_that_says_whose(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=settings("25"), price=DOLLAR) as world:
        for _ in range(2):
            assert (await ask(world)).error is None
        refused = (await ask(world)).error
        assert isinstance(refused, BudgetExceeded)
        assert (refused.status, refused.code, refused.param) == (402, "budget_exceeded", None)
        assert "the gateway's monthly budget" in refused.message
        assert await spent(world) < 25


async def test_a_key_has_its_own(autojump_clock: MockClock) -> None:
    caller = Caller(key_id="k", monthly_usd=Decimal(15))
    async with open_world(*FLEET, settings=settings("1000"), price=DOLLAR) as world:
        assert (await ask(world, caller=caller)).error is None
        refused = (await ask(world, caller=caller)).error
        assert refused is not None
        assert "this key's monthly budget" in refused.message
        assert (await ask(world)).error is None
        standing = await world.gateway.months.standing(caller)
        assert standing.limit_usd == 15
        assert Decimal(10) < standing.spent_usd < Decimal(11)


async def test_requests_at_once_cannot_overshoot_together(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=settings("100"), price=DOLLAR) as world:
        received: list[Received] = []

        async def one() -> None:
            received.append(await ask(world))

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(one)
        answered = [r for r in received if r.error is None]
        assert len(answered) == 9  # the tenth would be 100.0001 with its prompt
        assert await spent(world) <= 100


async def test_a_plan_shrinks_to_what_is_left(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=settings("25"), price=DOLLAR) as world:
        raced = await ask(world, "one/m,two/m", strategy="race", k=2)
        assert len(raced.race.attempts) == 2
        alone = await ask(world, "one/m,two/m", strategy="race", k=2)
        assert (alone.race.plan.strategy, len(alone.race.attempts)) == ("single", 1)
        assert await spent(world) <= 25


async def test_what_a_failure_leaves_is_there_for_the_next_one(autojump_clock: MockClock) -> None:
    mute = upstream("mute", fault=Silence(1.0))
    fleet = (mute, FLEET[1])
    async with open_world(
        *fleet, settings=settings("11"), price=DOLLAR, first_token_timeout=5.0
    ) as world:
        assert (await ask(world, "mute/m,two/m")).outcomes == {"mute": "timed_out", "two": "won"}
        assert await spent(world) <= 11


async def test_cancelled_requests_give_back_what_was_set_aside(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=settings("12"), price=DOLLAR) as world:
        with trio.move_on_after(0.2):
            await ask(world)
        before = await spent(world)
        assert before < 1  # nothing had been generated
        assert (await ask(world)).error is None


async def test_what_was_set_aside_under_a_limit_that_is_gone_is_given_back(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET, settings=settings("12"), price=DOLLAR) as world:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, world)
            await trio.sleep(0.1)
            world.gateway.months.limit_usd = None
        world.gateway.months.limit_usd = Decimal(25)
        assert (await ask(world)).error is None


async def test_a_provider_beyond_its_soft_limit_goes_behind(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=settings("100", one=10), price=DOLLAR) as world:
        assert (await ask(world, "one/m,two/m")).winner == "one"
        assert world.gateway.beyond_soft_limit == ["one"]
        assert (await ask(world, "one/m,two/m")).winner == "two"
        assert (await ask(world, "one/m")).winner == "one"  # soft: nobody is left out


async def test_the_ledger_tells_a_store_that_has_forgotten(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET, settings=settings("30"), price=DOLLAR) as world:
        months = world.gateway.months
        await months.raise_to(
            current_month(), [("k", "one", Decimal("11.5")), (None, "two", Decimal(10))]
        )
        assert await spent(world) == Decimal("21.5")
        assert (await months.standing(Caller(key_id="k"))).spent_usd == Decimal("11.5")
        assert (await ask(world)).error is not None


async def embed(
    world: World, model: str, text: str = "ten bytes.", caller: Caller = ANYBODY
) -> RaceRecord:
    race = world.gateway.plan(model, RaceHints(), trio.current_time(), caller=caller)
    await world.gateway.embed(race, EmbeddingsRequest((text,)))
    return race


async def test_embeddings_are_bounded_and_booked_too(autojump_clock: MockClock) -> None:
    dear = Price(input=Decimal(1_000_000), output=Decimal(0))
    async with open_world(*FLEET, settings=settings("40"), price=dear) as world:
        await embed(world, "one/m")
        first = await spent(world)
        assert 0 < first <= 12
        with pytest.raises(BudgetExceeded):
            for _ in range(20):
                await embed(world, "one/m")
        assert await spent(world) <= 40
        row = world.rows[0][1]
        assert (row.role, row.outcome, row.cost_usd) == ("embed", "won", first)  # as it is booked


def priced(world: World, **usd: str | None) -> None:
    """Give each provider's model its own price: so many dollars for a generated token."""
    settings = world.gateway.settings
    prices = {
        name: {} if price is None else {"m": Price(input=Decimal(1), output=_million(price))}
        for name, price in usd.items()
    }
    providers = {n: replace(p, prices=prices[n]) for n, p in settings.providers.items()}
    world.gateway.reload(replace(settings, providers=providers))


def _million(usd: str) -> Decimal:
    return Decimal(usd) * 1_000_000


DOWN = Status(1.0, status=503)
BREAKS = (upstream("sick", fault=DOWN), upstream("sick2", fault=DOWN), upstream("well"))


@pytest.mark.parametrize("sick", [None, "0", "0.001", "0.1"])
@pytest.mark.parametrize("whose", ["the gateway's", "a key's"])
async def test_a_fallback_that_the_month_can_pay_for_is_asked_whatever_the_first_one_costs(
    autojump_clock: MockClock, sick: str | None, whose: str
) -> None:
    """Core defect 1: a local model first and a paid one behind it is the usual set-up."""
    gateways, key = ("150", None) if whose == "the gateway's" else (None, Decimal(150))
    caller = Caller(key_id="k", monthly_usd=key)
    given = settings(gateways)
    free = replace(given, routing=replace(given.routing, unpriced="free"))
    async with open_world(*BREAKS, settings=free) as world:
        priced(world, sick=sick, sick2=sick, well="1")
        alone = await ask(world, "sick/m,well/m", caller)
        assert alone.outcomes == {"sick": "failed", "well": "won"}
        raced = await ask(world, "sick/m,sick2/m,well/m", caller, strategy="race", k=2)
        assert raced.outcomes == {"sick": "failed", "sick2": "failed", "well": "won"}
        standing = await world.gateway.months.standing(caller if key else None)
        assert standing.spent_usd == alone.race.cost_usd + raced.race.cost_usd


async def test_a_fallback_that_the_month_cannot_pay_for_is_denied_and_the_next_one_asked(
    autojump_clock: MockClock,
) -> None:
    ups = (upstream("sick", fault=DOWN), upstream("dear"), upstream("cheap"))
    async with open_world(*ups, settings=settings("5")) as world:
        priced(world, sick="0.1", dear="1", cheap="0.2")
        received = await ask(world, "sick/m,dear/m,cheap/m")
        assert received.outcomes == {"sick": "failed", "dear": "denied", "cheap": "won"}
        denied = received.race.attempts[1].denied
        assert denied == "the month's budget does not pay for it"


async def test_a_cheaper_candidate_goes_first_when_the_month_cannot_pay_the_first_one(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET, settings=settings("5")) as world:
        priced(world, one="1", two="0.1")
        assert (await ask(world, "one/m,two/m")).outcomes == {"two": "won"}


@pytest.mark.parametrize("hints", [{"restart": True}, {"min_useful_tokens": 30}], ids=str)
async def test_what_a_dead_stream_cost_does_not_keep_the_next_one_from_starting(
    autojump_clock: MockClock, hints: dict[str, object]
) -> None:
    """Core defect 1: a restart, and a failover behind a long prelude."""
    ups = (upstream("breaks", fault=Truncated(1.0, after_tokens=9), tokens=20), upstream("well"))
    async with open_world(*ups, settings=settings("150"), price=DOLLAR) as world:
        received = await ask(world, "breaks/m,well/m", **hints)
        assert received.outcomes == {"breaks": "failed", "well": "won"}
        assert await spent(world) == received.race.cost_usd


async def test_money_is_set_aside_for_what_starts_and_not_for_what_may(
    autojump_clock: MockClock,
) -> None:
    """Near the cap a fallback that nobody needs must not keep another request out."""
    async with open_world(*FLEET, settings=settings("25"), price=DOLLAR) as world:
        received: list[Received] = []

        async def one() -> None:
            received.append(await ask(world, "one/m,two/m"))

        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(one)
        assert [one.winner for one in received] == ["one", "one"]


async def test_a_hedge_is_paid_for_when_it_starts(autojump_clock: MockClock) -> None:
    slow = (upstream("slow", first_token=9.0), upstream("fast", first_token=0.1))
    for limit, outcomes in (("25", {"slow": "lost", "fast": "won"}), ("15", {"slow": "won"})):
        async with open_world(*slow, settings=settings(limit), price=DOLLAR) as world:
            hedged = await ask(world, "slow/m,fast/m", strategy="speculate_k", k=2, hedge_delay=1.0)
            started = {n: o for n, o in hedged.outcomes.items() if o != "denied"}
            assert started == outcomes
            assert await spent(world) <= Decimal(limit)


async def test_many_that_raise_what_they_hold_at_once_never_exceed_the_month(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*BREAKS, settings=settings("45")) as world:
        priced(world, sick="0.1", sick2="0.1", well="1")
        received: list[Received] = []

        async def one() -> None:
            received.append(await ask(world, "sick/m,sick2/m,well/m", strategy="race", k=2))

        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(one)
        # Each may cost 10 dollars, and beside that up to 2 that its own attempts hold meanwhile.
        assert sum(one.winner == "well" for one in received) in (3, 4)
        assert await spent(world) <= 45
        # Nothing is held any more: there is room for one answer, and it is answered.
        routing = replace(
            world.gateway.settings.routing, budget_monthly_usd=await spent(world) + Decimal(11)
        )
        world.gateway.reload(replace(world.gateway.settings, routing=routing))
        assert (await ask(world, "well/m")).winner == "well"


async def test_embeddings_ask_whom_the_month_can_pay(autojump_clock: MockClock) -> None:
    """Core defect 4: what was granted was the cheap one's price, and the dear one was asked."""
    async with open_world(*FLEET, settings=settings("0.02")) as world:
        providers = world.gateway.settings.providers
        prices = {"one": Decimal(1000), "two": Decimal(1)}
        dear = {
            name: replace(p, prices={"m": Price(input=prices[name], output=Decimal(0))})
            for name, p in providers.items()
        }
        world.gateway.reload(replace(world.gateway.settings, providers=dear))
        race = await embed(world, "one/m,two/m", "word " * 2000)
        assert [a.candidate.provider for a in race.attempts] == ["two"]
        assert await spent(world) <= Decimal("0.02")
        with pytest.raises(BudgetExceeded):
            await embed(world, "one/m", "word " * 2000)
