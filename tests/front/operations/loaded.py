"""A gateway under a load in which everything happens that a metric tells of, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import trio
from prometheus_client.parser import text_string_to_metric_families

from omen.config import RaceSettings, RoutingSettings, ServerSettings, Settings
from omen.config.settings import Price
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.sim.faults import Status
from tests.front.asking import body
from tests.front.client import GONE, piece, scope, talk
from tests.gateway.inline_books import inline_books
from tests.world import World, open_world, upstream

FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)
SLOW = upstream("slow", "anthropic", first_token=2.0, gap=0.5, tokens=10)
FULL = upstream("full", "ollama", fault=Status(1.0, 503))
FLEET = (SLOW, FAST, FULL)
PRICE = Price(input=Decimal(1), output=Decimal(10))
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@asynccontextmanager
async def serving(
    folder: Path, *upstreams: Any, listed: bool = True, audit: bool = True
) -> AsyncIterator[tuple[World, App]]:
    """Serve over books; the test needs `no_threads`."""
    settings = Settings(
        server=ServerSettings(audit=audit),
        race=RaceSettings(warmup_delay_ms=100.0, max_extra_load=1.0),
        routing=RoutingSettings(budget_monthly_usd=Decimal(100)),
    )
    books = inline_books(folder)
    async with (
        open_world(
            *(upstreams or FLEET), settings=settings, books=books, price=PRICE, listed=listed
        ) as world,
        trio.open_nursery() as nursery,
    ):
        await world.gateway.prepare()
        nursery.start_soon(world.gateway.keep_up)
        yield world, make_app(world.gateway, world.feed, settings.server)
        await trio.sleep(5)  # virtual: until all upstreams have noticed their end
        nursery.cancel_scope.cancel()


async def ask(app: App, path: str = "/v1/chat/completions", /, **fields: Any) -> int:
    heard = await talk(app, scope(path), (0, piece(body(**fields))))
    return heard.status


async def load(app: App) -> None:
    """Answer, race, hedge, fail, refuse, and be left."""
    assert await ask(app, omen={"providers": ["fast"]}) == 200
    assert await ask(app, omen={"strategy": "race", "k": 3}) == 200
    assert await ask(app, stream=True, omen={"strategy": "speculate_k", "k": 2}) == 200
    assert await ask(app, "/v1/messages", max_tokens=9) == 200
    assert await ask(app, omen={"providers": ["full"]}) == 503
    assert await ask(app, model="none") == 404
    assert await ask(app, omen={"budget_usd": 0.000001}) == 402
    await talk(app, scope(), (0, piece(body(stream=True))), (0.2, GONE))
    await talk(app, scope("/nothing/here", "GET"), (0, piece(b"")))


async def scrape(app: App) -> Samples:
    """Return every sample by its name and labels, as Prometheus's own parser reads them."""
    heard = await talk(app, scope("/metrics", "GET"), (0, piece(b"")))
    samples: Samples = {}
    for family in text_string_to_metric_families(heard.body.decode()):
        assert family.documentation, family.name
        assert family.type != "unknown", family.name
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"{key} is there twice"
            samples[key] = sample.value
    return samples


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def total(samples: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples that have these labels, and others."""
    wanted = set(labels.items())
    return sum(v for (found, has), v in samples.items() if found == name and wanted <= has)
