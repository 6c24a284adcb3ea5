"""Answers of one body, and probes: in the books, in time, and gone at every step of a cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.config import HealthSettings, ProviderSettings, Settings
from omen.core.chat import ChatRequest
from omen.core.embeddings import EmbeddingsRequest
from omen.core.errors import AllAttemptsFailed, FailureKind, TotalTimeoutExceeded
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.front.http.race_report import race_headers
from omen.gateway import Gateway, open_gateway
from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import DeadConnection, Silence, Status
from tests.providers.asking import said
from tests.steps import at_step
from tests.world import World, open_world, upstream

TEXTS = EmbeddingsRequest(("one", "two"))
QUESTION = ChatRequest((said("user", "hi"),))


def failing(name: str, **more: float) -> SimulatedUpstream:
    return upstream(name, fault=Status(1.0, status=503), **more)  # type: ignore[arg-type]


def plan(world: World, model: str = "m", **hints: object) -> RaceRecord:
    return world.gateway.plan(model, replace(RaceHints(), **hints), trio.current_time())  # type: ignore[arg-type]


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
        race = plan(world, model="bad/m,claude/m,good/m,spare/m")
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


def two(answer: Callable[[httpx.Request], httpx.Response]) -> AbstractAsyncContextManager[Gateway]:
    """Open a gateway over two providers that answer like that, `first` and `second`."""
    providers = {
        name: ProviderSettings(
            name=name, kind="openai", base_urls=(f"http://{name}.test/v1",), models=("m",)
        )
        for name in ("first", "second")
    }
    return open_gateway(Settings(providers=providers), transport=httpx.MockTransport(answer))


async def test_an_answer_that_cannot_be_read_has_not_won_and_the_next_one_is_asked(
    autojump_clock: MockClock,
) -> None:
    vectors = [{"index": 0, "embedding": [1.0]}]

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": vectors * (request.url.host == "second.test")})

    async with two(answer) as gateway:
        race = gateway.plan("m", RaceHints(), trio.current_time())
        found = await gateway.embed(race, EmbeddingsRequest(("x",)))
        assert found.vectors == [[1.0]]
        assert [(a.candidate.provider, a.outcome) for a in race.attempts] == [
            ("first", "failed"),
            ("second", "won"),
        ]
        failure = race.attempts[0].failure
        assert failure is not None
        assert failure.kind is FailureKind.PROTOCOL
        # It has no first token, so there is no time to one to tell.
        assert b"x-omen-ttft-ms" not in dict(race_headers(race))


@pytest.mark.parametrize("tokens", [-500_000, 10**26, 7e30, 0.5])
async def test_untrue_counts_of_an_embedding_reach_neither_the_books_nor_the_client(
    autojump_clock: MockClock, tokens: float
) -> None:
    vectors = [{"index": 0, "embedding": [1.0]}]

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": vectors, "usage": {"prompt_tokens": tokens}})

    async with two(answer) as gateway:
        race = gateway.plan("m", RaceHints(), trio.current_time())
        found = await gateway.embed(race, EmbeddingsRequest(("x",)))
        assert race.winner is not None
        assert (found.prompt_tokens, race.winner.usage) == (None, None)
        assert race.winner.cost.provenance != "exact"


async def test_looking_at_many_models_does_not_make_an_endpoint_ill(
    autojump_clock: MockClock,
) -> None:
    names = [f"m{number}" for number in range(30)]

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/tags":
            return httpx.Response(200, json={"models": [{"model": name} for name in names]})
        await trio.sleep(1)
        if b'"m3"' in request.content:
            return httpx.Response(200, text="not JSON")
        return httpx.Response(200, json={"capabilities": ["completion"]})

    provider = ProviderSettings(name="o", kind="ollama", base_urls=("http://o.test",))
    health = HealthSettings(timeout_seconds=9.5)
    settings = Settings(providers={"o": provider}, health=health)
    async with (
        open_gateway(settings, transport=httpx.MockTransport(answer)) as gateway,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(gateway.keep_probing)
        await trio.sleep(0.5)
        assert gateway.health.state("o") == "healthy"
        assert [model.model for model in gateway.models] == names
        await trio.sleep(11)
        assert gateway.health.state("o") == "healthy"
        known = [m.model for m in gateway.models if m.card.abilities is not None]
        assert known == [name for name in names[:9] if name != "m3"]  # one a second
        nursery.cancel_scope.cancel()


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
