"""What a plan is computed from must be what it is run with: who goes first, who is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from omen.config import Settings
from omen.config.settings import RaceSettings
from omen.core.callers import Caller
from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, RequestError, UpstreamFailure
from omen.core.hints import RaceHints
from omen.core.plan import Plan
from omen.routing import SlotRules
from tests.world import World, open_world, upstream

AUTO = replace(Settings(), race=RaceSettings(auto=True, slo_target=0.9))
FAST_AND_SLOW = (upstream("fast", first_token=0.2), upstream("slow", first_token=2.0))


async def learn(world: World, *models: str, times: int = 30) -> None:
    """Have so many answers of each of these."""
    for model in models:
        for _ in range(times):
            await world.ask(strategy="single", k=None, model=model)
    await trio.sleep(2)  # estimates are given again for a second


def candidate(world: World, model: str) -> Candidate:
    return world.gateway.plan(model, RaceHints(), 0.0).plan.candidates[0]


class TestSticky:
    """Core defect 5: the plan was made, and then another candidate put first."""

    async def test_a_session_is_hedged_after_its_own_candidates_delay(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(*FAST_AND_SLOW) as world:
            await learn(world, "fast/m", "slow/m")
            session = {"stickiness": "session", "session": "s"}
            await world.ask(strategy="single", model="slow/m", **session)
            received = await world.ask(
                strategy="speculate_k", k=2, model="fast/m,slow/m", **session
            )
            assert received.outcomes == {"slow": "won"}
            plan = received.race.plan
            assert [c.provider for c in plan.candidates] == ["slow", "fast"]
            assert plan.sticky == plan.candidates[0]
            assert plan.hedge_delays[plan.sticky] == pytest.approx(2.3, rel=0.01)

    async def test_a_warm_candidate_is_judged_by_its_cache_hits(
        self, autojump_clock: MockClock
    ) -> None:
        ups = (upstream("a", first_token=3.0), upstream("b", first_token=1.0))
        async with open_world(*ups) as world:
            a = candidate(world, "a/m")
            for hit in (True, False) * 20:
                seconds = 0.3 if hit else 3.0
                world.gateway.first_tokens._record(a, "any", seconds, True)
                world.gateway.first_tokens._record(a, "hit" if hit else "miss", seconds, True)
            await trio.sleep(2)
            session = {"stickiness": "session", "session": "s"}
            await world.ask(strategy="single", model="a/m", **session)
            received = await world.ask(strategy="speculate_k", k=2, model="a/m,b/m", **session)
            lead = received.race.plan.candidates[0]
            assert (lead.provider, lead.warm) == ("a", True)
            assert received.race.plan.hedge_delays[lead] == pytest.approx(0.3, rel=0.01)

    async def test_a_promise_is_made_for_the_order_that_is_run(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(*FAST_AND_SLOW, settings=AUTO) as world:
            await learn(world, "fast/m", "slow/m")
            session = {"stickiness": "session", "session": "s"}
            await world.ask(strategy="single", k=None, model="slow/m", **session)
            received = await world.ask(
                strategy=None, k=None, model="fast/m,slow/m", max_latency=1.0, **session
            )
            assert received.error is None
            assert received.race.plan.strategy == "race"
            assert received.race.plan.candidates[0].provider == "slow"
            assert received.race.plan.expected is not None
            assert received.race.plan.expected.probability == pytest.approx(1.0)


class TestPromises:
    async def plan(self, world: World) -> Plan:
        wanted = RaceHints(max_latency=1.0)
        return world.gateway.plan("a/m,b/m", wanted, trio.current_time()).plan

    async def half_in_time(self, world: World) -> None:
        """Teach it that a comes in time every other time, and b always."""
        a, b = candidate(world, "a/m"), candidate(world, "b/m")
        for number in range(100):
            world.gateway.first_tokens._record(a, "any", 0.5 if number % 2 else 3.0, True)
            world.gateway.first_tokens._record(b, "any", 0.5, True)
        await trio.sleep(2)

    async def test_none_is_built_on_a_provider_that_is_down(
        self, autojump_clock: MockClock
    ) -> None:
        """Core defect 9."""
        async with open_world(upstream("a"), upstream("b"), settings=AUTO) as world:
            await self.half_in_time(world)
            expected = (await self.plan(world)).expected
            assert expected is not None
            assert expected.probability == pytest.approx(1.0)
            down = UpstreamFailure(FailureKind.CONNECTION, "x")
            world.gateway.health.probed("b", "http://b/v1", down, 0.1)
            expected = (await self.plan(world)).expected
            assert expected is not None
            assert expected.probability == pytest.approx(0.5)

    async def test_nor_on_one_that_has_asked_for_a_pause(self, autojump_clock: MockClock) -> None:
        async with open_world(upstream("a"), upstream("b"), settings=AUTO) as world:
            await self.half_in_time(world)
            (_, b) = world.gateway.health
            busy = UpstreamFailure(FailureKind.RATE_LIMIT, "busy", retry_after=60.0)
            b.fail(busy, "m", trio.current_time())
            expected = (await self.plan(world)).expected
            assert expected is not None
            assert expected.probability == pytest.approx(0.5)

    async def test_nor_on_one_that_has_no_free_slot(self, autojump_clock: MockClock) -> None:
        async with open_world(upstream("a"), upstream("b"), settings=AUTO) as world:
            await self.half_in_time(world)
            world.gateway._parts.slots.replace({"b": SlotRules(0)})
            expected = (await self.plan(world)).expected
            assert expected is not None
            assert expected.probability == pytest.approx(0.5)


async def test_in_a_brown_out_a_race_that_omen_chose_stays_within_the_extra_load(
    autojump_clock: MockClock,
) -> None:
    """Core defect 10: no plan is good enough, so the most probable one was run: all at once."""
    names = "abcdefgh"
    async with open_world(*(upstream(n, first_token=3.0) for n in names), settings=AUTO) as world:
        for name in names:
            known = candidate(world, f"{name}/m")
            for number in range(100):
                seconds = 0.5 if number % 5 == 0 else 3.0
                world.gateway.first_tokens._record(known, "any", seconds, True)
        await trio.sleep(2)
        started, requests = 0, 100
        for _ in range(requests):
            received = await world.ask(strategy=None, k=None, max_latency=1.0)
            started += sum(a.outcome != "denied" for a in received.race.attempts)
            await trio.sleep(10)
        extra = started - requests
        assert extra <= 0.05 * requests + 15  # the bucket, which is full at the start
        gauge = world.gateway.hedges
        assert sum(gauge.sent.values()) == extra


class TestKeys:
    """Core defect 18: a caller that names no strategy was refused the one that OMEN chose."""

    @pytest.mark.parametrize(
        ("allowed", "hints", "chosen"),
        [
            (("single",), RaceHints(), "single"),
            (("single",), RaceHints(max_latency=5.0), "single"),
            (("single",), RaceHints(tags={"priority": "low-latency"}), "single"),
            (("single", "speculate_k"), RaceHints(tags={"priority": "low-latency"}), "speculate_k"),
            (("race",), RaceHints(), "race"),
            (("parallel_merge",), RaceHints(max_latency=5.0), "parallel_merge"),
            ((), RaceHints(tags={"priority": "low-latency"}), "race"),
        ],
    )
    async def test_the_strategy_is_chosen_among_those_that_the_key_may_use(
        self,
        autojump_clock: MockClock,
        allowed: tuple[str, ...],
        hints: RaceHints,
        chosen: str,
    ) -> None:
        async with open_world(upstream("a"), upstream("b"), settings=AUTO) as world:
            key = Caller(key_id="k", strategies=allowed)
            race = world.gateway.plan("m", hints, trio.current_time(), caller=key)
            assert race.plan.strategy == chosen

    async def test_one_that_it_names_itself_is_refused_by_name(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(upstream("a"), upstream("b")) as world:
            key = Caller(key_id="k", strategies=("single",))
            with pytest.raises(RequestError, match="may not use the strategy race") as caught:
                world.gateway.plan("m", RaceHints(strategy="race"), 0.0, caller=key)
            assert (caught.value.status, caught.value.param) == (403, "omen.strategy")


async def test_hedges_do_not_go_to_a_provider_that_is_known_to_be_down(
    autojump_clock: MockClock,
) -> None:
    """Core defects, small: eight of eight took a token of the budget there."""
    ups = (upstream("a", first_token=4.0), upstream("dead"), upstream("c", first_token=0.1))
    async with open_world(*ups) as world:
        down = UpstreamFailure(FailureKind.CONNECTION, "x")
        budget = world.gateway._parts.hedge_budget
        before = budget.starts
        for _ in range(4):
            world.gateway.health.probed("dead", "http://dead/v1", down, 0.1)
            alone = await world.ask(
                strategy="speculate_k", k=2, model="a/m,dead/m", hedge_delay=0.5
            )
            assert [a for a in alone.race.attempts if a.outcome != "denied"][1:] == []
        assert budget.starts == before
        hedged = await world.ask(
            strategy="speculate_k", k=2, model="a/m,dead/m,c/m", hedge_delay=0.5
        )
        assert hedged.winner == "c"


async def test_a_limit_of_concurrency_holds_for_starts_that_fall_due_together(
    autojump_clock: MockClock,
) -> None:
    """Core defect 13: all twenty were let in before any of them counted."""
    most = 0
    async with (
        open_world(upstream("a", first_token=9.0), upstream("b", first_token=5.0)) as world,
        trio.open_nursery() as watch,
    ):
        slots = world.gateway._parts.slots
        slots.replace({"b": SlotRules(2)})

        async def look() -> None:
            nonlocal most
            while True:
                most = max(most, slots.providers["b"].taken)
                await trio.sleep(0.01)

        watch.start_soon(look)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(
                    lambda: world.ask(strategy="speculate_k", k=2, model="a/m,b/m", hedge_delay=0.5)
                )
        assert most == 2
        watch.cancel_scope.cancel()


async def test_a_requests_first_denial_does_not_hide_it_from_the_gauge_of_extra_load(
    autojump_clock: MockClock,
) -> None:
    ups = (upstream("full"), upstream("b", first_token=5.0), upstream("c", first_token=0.2))
    async with open_world(*ups) as world:
        world.gateway._parts.slots.replace({"full": SlotRules(0)})
        for _ in range(10):
            assert (await world.ask(strategy="single", model="full/m,c/m")).winner == "c"
        await world.ask(strategy="speculate_k", k=2, model="b/m,c/m", hedge_delay=1.0)
        assert world.gateway.hedges.extra_load == pytest.approx(1 / 11)


async def test_a_provider_that_is_taken_out_and_put_back_has_the_load_it_has(
    autojump_clock: MockClock,
) -> None:
    async with open_world(upstream("a", first_token=10.0), upstream("b")) as world:
        full = world.gateway.settings
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(lambda: world.ask(strategy="single", model="a/m"))
            await trio.sleep(1)
            world.gateway.reload(replace(full, providers={"b": full.providers["b"]}))
            world.gateway.reload(full)
            assert {e.provider: e.live for e in world.gateway.health} == {"a": 3, "b": 0}
        assert {e.provider: e.live for e in world.gateway.health} == {"a": 0, "b": 0}
