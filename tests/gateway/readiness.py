"""A gateway that keeps itself up, asked what it says of itself and for an answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import trio

from omen.config import (
    AuthSettings,
    HealthSettings,
    ProviderSettings,
    RoutingSettings,
    ServerSettings,
    Settings,
)
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.gateway import Books, Gateway, open_gateway
from omen.telemetry import LiveFeed
from tests.front.client import piece, scope, talk
from tests.gateway.test_health_of_models import Vendor


class Served(NamedTuple):
    """A gateway that keeps itself up, and the app before it."""

    app: App
    gateway: Gateway


@asynccontextmanager
async def serving(
    vendor: Vendor,
    *,
    models: tuple[str, ...] = ("m",),
    books: Books | None = None,
    anonymous: bool = False,
    providers: Mapping[str, ProviderSettings] | None = None,
    routing: RoutingSettings | None = None,
    draining: bool = False,
) -> AsyncIterator[Served]:
    up = ProviderSettings(
        name="up", kind="openai", base_urls=("http://up.test/v1",), api_key="k", models=models
    )
    settings = Settings(
        providers={"up": up} if providers is None else providers,
        routing=routing or RoutingSettings(),
        health=HealthSettings(interval_seconds=1.0),
        auth=AuthSettings(allow_anonymous=anonymous),
        server=ServerSettings(keepalive_after_seconds=100),
    )
    shutdown = trio.Event()
    if draining:
        shutdown.set()
    async with (
        open_gateway(settings, transport=httpx.MockTransport(vendor), books=books) as gateway,
        trio.open_nursery() as nursery,
    ):
        await gateway.prepare()
        nursery.start_soon(gateway.keep_up)
        yield Served(make_app(gateway, LiveFeed(), settings.server, shutdown), gateway)
        nursery.cancel_scope.cancel()


async def ready(served: Served) -> tuple[int, dict[str, Any]]:
    heard = await talk(served.app, scope("/ready", "GET"), (0, piece(b"")))
    assert heard.status is not None
    return heard.status, json.loads(heard.body)


async def ask(served: Served, model: str = "up/m") -> tuple[int, str | None]:
    """Ask for an answer; return its status and the code of its error."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    headers = [("content-type", "application/json")]
    heard = await talk(served.app, scope(headers=headers), (0, piece(json.dumps(body).encode())))
    assert heard.status is not None
    answer = json.loads(heard.body)
    return heard.status, answer["error"]["code"] if heard.status != 200 else None
