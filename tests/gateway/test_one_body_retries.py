"""One hiccup of a single provider is cured for answers of one body, too: embeddings and counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config import ProviderSettings, Settings
from omen.config.settings import RaceSettings
from omen.core.chat import ChatRequest
from omen.core.embeddings import EmbeddingsRequest
from omen.core.errors import AllAttemptsFailed
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.gateway import Gateway, open_gateway
from tests.providers.asking import said

Answer = Callable[[httpx.Request], httpx.Response]
TEXTS = EmbeddingsRequest(("x",))
QUESTION = ChatRequest((said("user", "hi"),))
VECTORS = {"data": [{"index": 0, "embedding": [1.0]}], "usage": {"prompt_tokens": 1}}


def refusing(status: int, **headers: str) -> Answer:
    return lambda request: httpx.Response(status, headers=headers, json={"error": {"message": "x"}})


def breaking(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("reset", request=request)


def good(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=VECTORS | {"input_tokens": 7})


def unreadable(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"data": "nonsense"})


HICCUPS = [
    (refusing(500), 0.25),
    (refusing(503), 0.25),
    (refusing(529), 0.25),
    (refusing(429, **{"retry-after": "1"}), 1.0),
    (breaking, 0.25),
]
NO_HICCUPS = [
    refusing(400),
    refusing(401),
    refusing(404),
    refusing(429, **{"retry-after": "20"}),
    unreadable,
]


class Vendor:
    """Answers once in each of these ways, and in the last of them for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked_at: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked_at.append(trio.current_time())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request)


@asynccontextmanager
async def over(vendor: Vendor, kind: str, max_extra_load: float = 0.05) -> AsyncIterator[Gateway]:
    up = ProviderSettings(name="up", kind=kind, base_urls=("http://up.test",), models=("m",))
    race = RaceSettings(max_extra_load=max_extra_load)
    settings = Settings(providers={"up": up}, race=race)
    async with open_gateway(settings, transport=httpx.MockTransport(vendor)) as gateway:
        yield gateway


def plan(gateway: Gateway) -> RaceRecord:
    return gateway.plan("up/m", RaceHints(), trio.current_time())


@pytest.mark.parametrize(("hiccup", "pause"), HICCUPS)
async def test_an_embedding_after_a_hiccup_is_answered(
    autojump_clock: MockClock, hiccup: Answer, pause: float
) -> None:
    vendor = Vendor(hiccup, good)
    async with over(vendor, "openai") as gateway:
        race = plan(gateway)
        assert (await gateway.embed(race, TEXTS)).vectors == [[1.0]]
        assert vendor.asked_at == [0.0, pause]
        outcomes = [(a.outcome, a.role) for a in race.attempts]
        assert outcomes == [("failed", "embed"), ("won", "embed")]
        # What embeddings do says nothing of chats, repeated or not.
        assert gateway.health.state("up") == "unknown"


@pytest.mark.parametrize(("hiccup", "pause"), HICCUPS)
async def test_a_count_after_a_hiccup_is_exact(
    autojump_clock: MockClock, hiccup: Answer, pause: float
) -> None:
    vendor = Vendor(hiccup, good)
    async with over(vendor, "anthropic") as gateway:
        assert await gateway.count_tokens(plan(gateway), QUESTION) == 7
        assert vendor.asked_at == [0.0, pause]


@pytest.mark.parametrize("answer", NO_HICCUPS)
async def test_what_repeating_cannot_cure_or_was_paid_for_is_not_repeated(
    autojump_clock: MockClock, answer: Answer
) -> None:
    vendor = Vendor(answer)
    async with over(vendor, "openai") as gateway:
        with pytest.raises(AllAttemptsFailed):
            await gateway.embed(plan(gateway), TEXTS)
        assert vendor.asked_at == [0.0]


async def test_it_is_repeated_once(autojump_clock: MockClock) -> None:
    vendor = Vendor(refusing(503))
    async with over(vendor, "openai") as gateway:
        with pytest.raises(AllAttemptsFailed) as caught:
            await gateway.embed(plan(gateway), TEXTS)
        assert (vendor.asked_at, len(caught.value.attempts)) == ([0.0, 0.25], 2)
        assert not caught.value.is_final  # the caller's SDK may go on


async def test_the_budget_of_extra_starts_bounds_it(autojump_clock: MockClock) -> None:
    vendor = Vendor(refusing(503))
    async with over(vendor, "openai", max_extra_load=0.01) as gateway:
        for _ in range(100):
            with pytest.raises(AllAttemptsFailed):
                await gateway.embed(plan(gateway), TEXTS)
    # Two tokens at the start, one earned by a hundred requests.
    assert len(vendor.asked_at) == 103


async def test_without_extra_load_nothing_is_repeated(autojump_clock: MockClock) -> None:
    vendor = Vendor(refusing(503))
    async with over(vendor, "openai", max_extra_load=0.0) as gateway:
        with pytest.raises(AllAttemptsFailed):
            await gateway.embed(plan(gateway), TEXTS)
    assert vendor.asked_at == [0.0]
