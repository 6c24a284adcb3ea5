"""A candidate with nothing left of its rate limit goes last until the reset, and is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import trio
from trio.testing import MockClock

from omen.config import ProviderSettings, Settings
from omen.core.chat import ChatRequest
from omen.core.hints import RaceHints
from omen.front.operations.providers import describe_providers
from omen.gateway import Gateway, open_gateway
from tests.providers.asking import said
from tests.race.attempts.scripted import DONE, FINISH, SSE, text
from tests.world import Received

QUESTION = ChatRequest((said("user", "hi"),))
USED_UP = {
    "x-ratelimit-remaining-requests": "5",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "30s",
}


@asynccontextmanager
async def serving(*names: str) -> AsyncIterator[Gateway]:
    """Open a gateway over these providers, of which `first` has no tokens left."""

    async def answer(request: httpx.Request) -> httpx.Response:
        headers = {**SSE, **(USED_UP if request.url.host == "first.test" else {})}
        body = text("Good morning to all of you") + FINISH + DONE
        return httpx.Response(200, headers=headers, content=body)

    providers = {
        name: ProviderSettings(
            name=name, kind="openai", base_urls=(f"http://{name}.test/v1",), models=("m",)
        )
        for name in names
    }
    settings = Settings(providers=providers)
    async with open_gateway(settings, transport=httpx.MockTransport(answer)) as gateway:
        yield gateway


async def ask(gateway: Gateway, model: str = "first/m,second/m") -> str | None:
    race = gateway.plan(model, RaceHints(), trio.current_time(), request=QUESTION)
    received = Received(race)
    await gateway.run(race, QUESTION, received)
    return received.winner


async def test_another_candidate_goes_first_until_the_reset(autojump_clock: MockClock) -> None:
    async with serving("first", "second") as gateway:
        assert await ask(gateway) == "first"
        assert await ask(gateway) == "second"
        await trio.sleep(29.9)
        assert await ask(gateway) == "second"
        await trio.sleep(0.2)
        assert await ask(gateway) == "first"


async def test_the_only_candidate_goes_on_answering(autojump_clock: MockClock) -> None:
    async with serving("first") as gateway:
        assert [await ask(gateway, "m") for _ in range(3)] == ["first"] * 3


async def test_operators_see_which_limit_is_used_up_and_for_how_long(
    autojump_clock: MockClock,
) -> None:
    async with serving("first", "second") as gateway:
        assert await ask(gateway) == "first"
        await trio.sleep(10)
        first, second = describe_providers(gateway, local=True)["providers"]
        assert first["state"] == "healthy"
        assert first["endpoints"][0]["limits_used_up"] == {"m": {"tokens": 20.0}}
        assert second["endpoints"][0]["limits_used_up"] == {}
        await trio.sleep(20)
        (shown,) = describe_providers(gateway, local=True)["providers"][0]["endpoints"]
        assert shown["limits_used_up"] == {}
