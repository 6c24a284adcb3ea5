"""A plan is made for its own request: for the size of its prompt, and for what is in its cache."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from omen.config import Settings
from omen.config.settings import RaceSettings
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.hints import RaceHints
from omen.core.plan import Plan
from omen.core.prompt_size import with_size
from tests.world import World, open_world, upstream

AUTO = replace(Settings(), race=RaceSettings(auto=True, slo_target=0.9))
HEDGED = RaceHints(strategy="speculate_k", k=2)


def prompt(words: int) -> ChatRequest:
    return ChatRequest(messages=(Message("user", (TextPart("word " * words),)),))


SHORT, LONG = prompt(100), prompt(30_000)


def planned(world: World, request: ChatRequest, hints: RaceHints, model: str = "a/m,b/m") -> Plan:
    return world.gateway.plan(model, hints, trio.current_time(), request=request).plan


async def teach(world: World, times: dict[tuple[str, int], float]) -> None:
    """Teach it how long each provider takes for a short (0) and for a long prompt (1)."""
    for (name, is_long), seconds in times.items():
        candidates = planned(world, LONG if is_long else SHORT, HEDGED).candidates
        known = next(c for c in candidates if c.provider == name)
        for _ in range(400):
            world.gateway.first_tokens._record(known, "any", seconds, True)
    await trio.sleep(20)


TIMES = {("a", 0): 0.2, ("a", 1): 3.0, ("b", 0): 0.4, ("b", 1): 1.0}
"""The provider a is quick with short prompts, and slow with long ones."""


async def test_a_hedge_comes_when_a_prompt_of_this_size_is_late(autojump_clock: MockClock) -> None:
    async with open_world(upstream("a"), upstream("b")) as world:
        await teach(world, TIMES)
        for request, delay in ((SHORT, 0.2), (LONG, 3.0)):
            plan = planned(world, request, HEDGED)
            assert plan.candidates[0].provider == "a"
            assert plan.hedge_delays[plan.candidates[0]] == pytest.approx(delay, rel=0.01)


async def test_a_promise_is_made_for_a_prompt_of_this_size(autojump_clock: MockClock) -> None:
    wanted = RaceHints(max_latency=1.5)
    async with open_world(upstream("a"), upstream("b"), settings=AUTO) as world:
        await teach(world, TIMES)
        short, long = (planned(world, request, wanted) for request in (SHORT, LONG))
        assert short.strategy == "single"
        assert short.expected is not None
        assert short.expected.probability is not None
        assert short.expected.probability >= 0.97
        assert long.strategy == "race"


async def test_auto_prefers_who_is_quick_with_prompts_of_this_size(
    autojump_clock: MockClock,
) -> None:
    async with open_world(upstream("a"), upstream("b")) as world:
        await teach(world, TIMES)
        for request, first in ((SHORT, "a"), (LONG, "b")):
            plan = planned(world, request, RaceHints(), model="auto")
            assert plan.candidates[0].provider == first


async def test_the_only_candidates_prompt_is_measured_only_if_it_was_before(
    autojump_clock: MockClock,
) -> None:
    """Nothing of its plan depends on it, and measuring takes time."""
    async with open_world(upstream("a"), upstream("b")) as world:
        (alone,) = planned(world, LONG, RaceHints(), model="a/m").candidates
        assert alone.prompt_tokens is None
        (alone,) = planned(world, with_size(LONG), RaceHints(), model="a/m").candidates
        assert alone.prompt_tokens == pytest.approx(30_000, rel=0.05)


async def test_the_maker_of_a_conversation_is_warm_and_the_others_are_cold(
    autojump_clock: MockClock,
) -> None:
    session = {"stickiness": "session", "session": "s"}
    async with open_world(upstream("a"), upstream("b")) as world:
        received = await world.ask(strategy="single", model="b/m,a/m", **session)
        assert not any(c.warm or c.cold for c in received.race.plan.candidates)
        received = await world.ask(strategy="single", model="a/m,b/m", **session)
        maker, other = received.race.plan.candidates
        assert (maker.provider, maker.warm, maker.cold) == ("b", True, False)
        assert (other.provider, other.warm, other.cold) == ("a", False, True)
