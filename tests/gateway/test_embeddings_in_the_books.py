"""Embeddings are in the books like chats: tokens, cost, month, at every door, over a restart."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config import ProviderSettings, RoutingSettings, ServerSettings, Settings
from omen.config.settings import Price
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.front.operations.usage import find_usage, read_wanted
from omen.gateway import Books, Gateway, open_gateway
from omen.telemetry import LiveFeed
from tests.front.client import Conversation, piece, scope, talk
from tests.gateway.inline_books import inline_books, no_threads

__all__ = ["no_threads"]
pytestmark = pytest.mark.usefixtures("no_threads")

PRICE = Price(input=Decimal(10_000), output=Decimal(0))
"""A token costs a cent."""
TEXT = "thirteen tokens or so"
DOORS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "openai": ("/v1/embeddings", {"model": "m", "input": TEXT}),
    "ollama": ("/api/embed", {"model": "m", "input": TEXT}),
    "old ollama": ("/api/embeddings", {"model": "m", "prompt": TEXT}),
    "azure": ("/openai/deployments/m/embeddings", {"input": TEXT}),
    "azure v1": ("/openai/v1/embeddings", {"model": "m", "input": TEXT}),
}
REPORTED = {"prompt_tokens": 13, "total_tokens": 13}


class Served:
    """A gateway with books, and its app."""

    def __init__(self, gateway: Gateway, books: Books) -> None:
        self.gateway = gateway
        self._books = books
        self._app: App = make_app(gateway, LiveFeed(), ServerSettings())

    async def embed(self, door: str = "openai") -> Conversation:
        path, body = DOORS[door]
        asked = scope(path, query="api-version=2024-10-21")
        return await talk(self._app, asked, (0, piece(json.dumps(body).encode())))

    async def spent(self) -> Decimal:
        return (await self.gateway.months.standing()).spent_usd

    async def used(self) -> Any:
        """Return what the report of this month says of the one provider."""
        await trio.sleep(5)  # virtual: until the rows are written
        (one,) = await find_usage(self._books, read_wanted({}))
        return one


@asynccontextmanager
async def serving(
    folder: Path, limit: str | None = "100", usage: Any = REPORTED, kind: str = "openai"
) -> AsyncIterator[Served]:
    """Serve a provider with embeddings, as `omen serve` does."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"data": [{"id": "m"}], "models": [{"model": "m"}]})
        body = {"data": [{"index": 0, "embedding": [1.0]}], "usage": usage}
        return httpx.Response(200, json=body)

    provider = ProviderSettings(
        name="up", kind=kind, base_urls=("http://up.test/v1",), models=("m",), prices={"m": PRICE}
    )
    budget = None if limit is None else Decimal(limit)
    settings = Settings(
        providers={"up": provider}, routing=RoutingSettings(budget_monthly_usd=budget)
    )
    books = inline_books(folder, secrets.token_hex(4))  # as each process has a name of its own
    transport = httpx.MockTransport(answer)
    async with open_gateway(settings, transport=transport, books=books) as gateway:
        await gateway.prepare()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gateway.keep_up)
            yield Served(gateway, books)
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("door", DOORS)
async def test_at_every_door_tokens_and_cost_are_booked(
    autojump_clock: MockClock, tmp_path: Path, door: str
) -> None:
    async with serving(tmp_path) as served:
        answered = await served.embed(door)
        assert answered.status == 200
        assert answered.headers["x-omen-cost-usd"] == "0.1300000000"
        assert await served.spent() == Decimal("0.13")
        used = await served.used()
        assert (used.requests, used.attempts) == (1, 1)
        assert (used.prompt_tokens, used.completion_tokens) == (13, 0)
        assert (used.cost_usd, used.inexact_attempts) == (Decimal("0.13"), 0)


async def test_a_month_that_embeddings_used_up_stays_so_over_a_restart(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with serving(tmp_path, "0.4") as served:
        statuses = [(await served.embed()).status for _ in range(4)]
        assert statuses == [200, 200, 402, 402]
        assert await served.spent() == Decimal("0.26")
    async with serving(tmp_path, "0.4") as served:
        assert await served.spent() == Decimal("0.26")
        assert (await served.embed()).status == 402
    async with serving(tmp_path, "1") as served:
        assert (await served.embed()).status == 200
        assert await served.spent() == Decimal("0.39")


@pytest.mark.parametrize("kind", ["openai", "openai_compatible"])
@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -500_000}])
async def test_without_a_usage_that_is_true_they_are_booked_at_an_estimate(
    autojump_clock: MockClock, tmp_path: Path, kind: str, usage: Any
) -> None:
    async with serving(tmp_path, usage=usage, kind=kind) as served:
        assert (await served.embed()).status == 200
        used = await served.used()
        assert 3 <= used.prompt_tokens <= 13
        assert used.cost_usd == Decimal(used.prompt_tokens) / 100 == await served.spent()
        assert used.inexact_attempts == 1
