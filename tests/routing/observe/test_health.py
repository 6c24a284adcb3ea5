"""The standing of endpoints in virtual time: attempts and probes over real bytes, and the order."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio

from omen.config import HealthSettings, Settings
from omen.core.candidates import Endpoint
from omen.core.errors import FailureKind
from omen.providers import KINDS
from omen.routing.observe.probes import Target
from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import Silence, Status
from omen.wire._reasons import own_shortage
from tests.world import World, open_world, upstream

SETTINGS = Settings(health=HealthSettings(interval_seconds=30.0, timeout_seconds=10.0))


@asynccontextmanager
async def probed(*upstreams: SimulatedUpstream, listed: bool = True) -> AsyncIterator[World]:
    async with (
        open_world(*upstreams, settings=SETTINGS, listed=listed) as world,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(world.gateway.keep_probing)
        yield world
        nursery.cancel_scope.cancel()


def states(world: World) -> dict[str, str]:
    return {one.provider: one.state for one in world.gateway.health}


def failing(name: str, status: int, **more: object) -> SimulatedUpstream:
    return upstream(name, fault=Status(1.0, status=status))


async def test_probes_tell_who_is_there(autojump_clock: trio.abc.Clock) -> None:
    silent = replace(
        upstream("silent", "ollama"),
        profile=Profile(first_token=Fixed(0), faults=(Silence(1.0),), everywhere=True),
    )
    async with probed(upstream("fine"), upstream("also", "anthropic"), silent) as world:
        assert set(states(world).values()) == {"unknown"}
        await trio.sleep(9.9)
        assert states(world) == {"fine": "healthy", "also": "healthy", "silent": "unknown"}
        await trio.sleep(0.2)
        assert states(world)["silent"] == "down"
        failures = {e.provider: e.breaker.last_failure for e in world.gateway.health}
        assert failures["silent"] is not None
        assert failures["silent"].kind is FailureKind.TIMEOUT
        seen = len(world.stats["fine"].requests)
        await trio.sleep(60)
        assert len(world.stats["fine"].requests) == seen + 2
        assert world.gateway.attempts.live == {}


async def test_probes_are_no_attempts_and_their_sockets_are_counted_apart(
    autojump_clock: trio.abc.Clock,
) -> None:
    profile = Profile(first_token=Fixed(0), faults=(Silence(1.0),), everywhere=True)
    async with probed(replace(upstream("silent"), profile=profile)) as world:
        await trio.sleep(1)
        sockets = world.gateway.upstream_sockets
        assert sockets is not None
        assert (sockets.in_use, sockets.probing) == (0, 1)
        assert world.gateway.attempts.live == {}


async def test_who_keeps_failing_is_asked_last_and_comes_back(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(failing("bad", 500), upstream("good", first_token=0.1)) as world:
        for _ in range(3):
            received = await world.ask(model="bad/m,good/m", strategy="single")
            assert received.outcomes == {"bad": "failed", "good": "won"}
        assert states(world) == {"bad": "down", "good": "healthy"}
        assert (await world.ask(model="bad/m,good/m", strategy="single")).outcomes == {
            "good": "won"
        }
        assert (await world.ask(model="bad/m,good/m", strategy="race", k=2)).outcomes == {
            "bad": "failed",
            "good": "won",
        }
        await trio.sleep(5)
        assert states(world)["bad"] == "recovering"  # the race's try did not make it longer


async def test_lost_races_clients_that_left_and_our_own_deadlines_count_neither_way(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(upstream("fast", first_token=0.1), upstream("slow")) as world:
        for _ in range(5):
            assert (await world.ask(k=2)).outcomes == {"fast": "won", "slow": "lost"}
        assert states(world) == {"fast": "healthy", "slow": "unknown"}
    async with open_world(upstream("slow", first_token=9.0)) as world:
        for _ in range(5):
            await world.ask(max_latency=0.5)
            with trio.move_on_after(0.5):
                await world.ask()
        assert states(world) == {"slow": "unknown"}
        assert all(one.live == 0 for one in world.gateway.health)


async def test_an_upstream_that_says_nothing_in_its_own_time_has_failed(
    autojump_clock: trio.abc.Clock,
) -> None:
    silent = upstream("silent", fault=Silence(1.0))
    async with open_world(silent, first_token_timeout=2.0) as world:
        for _ in range(3):
            await world.ask(strategy="single")
        assert states(world) == {"silent": "down"}


async def test_if_everybody_is_down_they_are_tried_all_the_same(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(failing("a", 401), failing("b", 401)) as world:
        for _ in range(2):
            received = await world.ask(strategy="single")
            assert received.outcomes == {"a": "failed", "b": "failed"}
        assert not world.gateway.ready


async def test_a_rate_limit_puts_an_upstream_behind_until_its_time_is_over(
    autojump_clock: trio.abc.Clock,
) -> None:
    limited = upstream("limited", fault=Status(1.0, status=429, retry_after=20.0))
    async with open_world(limited, upstream("good")) as world:
        await world.ask(model="limited/m,good/m", strategy="single")
        assert (await world.ask(model="limited/m,good/m", strategy="single")).outcomes == {
            "good": "won"
        }
        await trio.sleep(20)
        received = await world.ask(model="limited/m,good/m", strategy="single")
        assert received.outcomes == {"limited": "failed", "good": "won"}


async def test_models_are_found_where_none_is_configured(autojump_clock: trio.abc.Clock) -> None:
    ups = [
        replace(upstream(kind, kind), models=(f"{kind}-model", "qwen3:8b"))
        for kind in ("openai", "anthropic", "ollama")
    ]
    async with probed(*ups, listed=False) as world:
        assert world.gateway.models == ()
        await trio.sleep(1)
        found = {(model.provider, model.model): model.card for model in world.gateway.models}
        assert set(found) == {
            ("openai", "openai-model"),
            ("openai", "qwen3:8b"),
            ("anthropic", "anthropic-model"),
            ("anthropic", "qwen3:8b"),
            ("ollama", "ollama-model:latest"),
            ("ollama", "qwen3:8b"),
        }
        assert (await world.ask(model="ollama-model")).winner == "ollama"
        card = found["ollama", "qwen3:8b"]
        assert card.context is not None
        assert card.abilities is not None
        assert "tools" in card.abilities


async def test_what_a_configured_ollama_model_can_do_is_found_out(
    autojump_clock: trio.abc.Clock,
) -> None:
    ups = [replace(upstream("ollama", "ollama"), models=("qwen3", "llama-sim", "other"))]
    async with probed(*ups) as world:
        await trio.sleep(1)
        cards = {model.model: model.card for model in world.gateway.models}
        assert list(cards) == ["qwen3", "llama-sim", "other"]
        thinks = {name: "reasoning" in (card.abilities or ()) for name, card in cards.items()}
        assert thinks == {"qwen3": True, "llama-sim": False, "other": False}
        # Who does not think would refuse to be asked to.
        for model in ("qwen3", "llama-sim"):
            received = await world.run(world.plan(model=model), "hi", reasoning_effort="high")
            assert received.outcomes == {"ollama": "won"}


def test_only_configured_models_are_looked_at_closely() -> None:
    endpoint = Endpoint("http://up.test")
    some = Target("p", KINDS["ollama"], endpoint, models=("plain", "tagged:8b"))
    wanted = [name for name in ("plain", "plain:latest", "tagged:8b", "tagged") if some.wants(name)]
    assert wanted == ["plain", "plain:latest", "tagged:8b"]
    assert replace(some, models=()).wants("any")


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "api_key"), (429, None), (500, "status page")],
)
async def test_the_operator_hears_once_what_is_wrong_and_what_to_do(
    autojump_clock: trio.abc.Clock,
    caplog: pytest.LogCaptureFixture,
    status: int,
    hint: str | None,
) -> None:
    with caplog.at_level(logging.WARNING, logger="omen.routing.observe.health"):
        async with open_world(failing("bad", status)) as world:
            for _ in range(6):
                await world.ask(strategy="single")
    if hint is None:
        assert caplog.messages == []
        return
    (line,) = caplog.messages
    assert line.startswith("provider bad is down at http://bad/v1: it answered with status")
    assert hint in line


async def test_a_probe_without_a_socket_of_omens_own_says_nothing_of_its_endpoint() -> None:
    async with open_world(upstream("fine"), settings=SETTINGS, listed=True) as world:
        health = world.gateway.health
        (endpoint,) = health
        health.probed(endpoint.provider, endpoint.url, own_shortage("no free socket"), 0.1)
        assert states(world) == {"fine": "unknown"}
