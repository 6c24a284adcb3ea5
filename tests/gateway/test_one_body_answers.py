"""Answers of one body, and probes: in the books, in time, and gone at every step of a cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.chat import ChatRequest
from omen.config import HealthSettings, Settings
from omen.embeddings import EmbeddingsRequest
from omen.errors import AllAttemptsFailed, TotalTimeoutExceeded
from omen.hints import RaceHints
from omen.plan import RaceRecord
from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import DeadConnection, Silence, Status
from tests.providers.asking import said
from tests.steps import at_step
from tests.world import World, open_world, upstream

TEXTS = EmbeddingsRequest(("one", "two"))
QUESTION = ChatRequest((said("user", "hi"),))


def failing(name: str, **more: float) -> SimulatedUpstream:
    return upstream(name, fault=Status(1.0, status=503), **more)  # type: ignore[arg-type]


def plan(world: World, **hints: object) -> RaceRecord:
    return world.gateway.plan("m", replace(RaceHints(), **hints), trio.current_time())  # type: ignore[arg-type]


async def test_candidates_are_asked_in_turn_and_the_first_answer_counts(
    autojump_clock: MockClock,
) -> None:
    ups = [
        failing("bad"),
        upstream("claude", "anthropic"),
        upstream("good", "ollama"),
        upstream("spare"),
    ]
    async with open_world(*ups) as world:
        race = plan(world)
        found = await world.gateway.embed(race, TEXTS)
        assert len(found.vectors) == 2
        # Who has no embeddings was not even started.
        assert [(a.candidate.provider, a.outcome) for a in race.attempts] == [
            ("bad", "failed"),
            ("good", "won"),
        ]
        assert race.winner is race.attempts[1]
        assert race.winner.usage is not None
        world.assert_nothing_left()


async def test_when_everybody_failed_every_reason_is_told(autojump_clock: MockClock) -> None:
    async with open_world(failing("bad"), upstream("claude", "anthropic")) as world:
        with pytest.raises(AllAttemptsFailed) as caught:
            await world.gateway.embed(plan(world), TEXTS)
        assert "bad/m: " in caught.value.message
        assert "claude/m: anthropic has no embeddings" in caught.value.message
        world.assert_nothing_left()


async def test_a_total_timeout_holds_here_too(autojump_clock: MockClock) -> None:
    async with open_world(upstream("silent", fault=Silence(1.0))) as world:
        race = plan(world, total_timeout=2.0)
        began = trio.current_time()
        with pytest.raises(TotalTimeoutExceeded):
            await world.gateway.embed(race, TEXTS)
        assert trio.current_time() == began + 2.0
        assert [a.cut for a in race.attempts] == ["total_timeout"]
        world.assert_nothing_left()


async def test_a_provider_that_is_silent_for_too_long_is_left_for_the_next(
    autojump_clock: MockClock,
) -> None:
    ups = [upstream("silent", fault=Silence(1.0)), upstream("good")]
    async with open_world(*ups, first_token_timeout=3.0) as world:
        race = plan(world)
        await world.gateway.embed(race, TEXTS)
        assert [a.outcome for a in race.attempts] == ["timed_out", "won"]


async def embed(world: World) -> None:
    await world.gateway.embed(plan(world), TEXTS)


async def count(world: World) -> None:
    assert await world.gateway.count_tokens(plan(world), QUESTION)


SCENES: dict[str, tuple[list[SimulatedUpstream], Callable[[World], Awaitable[None]]]] = {
    "embeddings": (
        [
            upstream("broken", fault=DeadConnection(1.0, before_head=True)),
            upstream("good", "ollama"),
        ],
        embed,
    ),
    "a count of tokens": ([upstream("claude", "anthropic")], count),
}


@pytest.mark.parametrize("scene", SCENES)
async def test_a_client_that_leaves_at_any_step_leaves_nothing(
    autojump_clock: MockClock, scene: str
) -> None:
    ups, ask = SCENES[scene]
    async with open_world(*ups) as world:
        with at_step(float("inf"), lambda: None) as counted:
            await ask(world)
    for step in range(1, counted.steps + 1):
        async with open_world(*ups) as world:
            with trio.CancelScope() as client, at_step(step, client.cancel):
                await ask(world)
            await wait_all_tasks_blocked()
            world.assert_nothing_left()
            await ask(world)
            world.assert_nothing_left()


async def test_probing_that_is_cancelled_at_any_step_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    silent = replace(
        upstream("silent", "ollama"),
        profile=Profile(first_token=Fixed(0), faults=(Silence(1.0),), everywhere=True),
    )
    ups = [upstream("one"), upstream("two", "ollama"), silent]
    health = HealthSettings(interval_seconds=5.0, timeout_seconds=2.0)
    settings = Settings(health=health)

    async def probe(world: World) -> None:
        with trio.move_on_after(6.0):
            await world.gateway.keep_probing()

    async with open_world(*ups, settings=settings, listed=False) as world:
        with at_step(float("inf"), lambda: None) as counted:
            await probe(world)
        assert len(world.stats["one"].requests) == 2
    for step in range(1, counted.steps + 1):
        async with open_world(*ups, settings=settings, listed=False) as world:
            with trio.CancelScope() as scope, at_step(step, scope.cancel):
                await probe(world)
            await wait_all_tasks_blocked()
            world.assert_nothing_left()
