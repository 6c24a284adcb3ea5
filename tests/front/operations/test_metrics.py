"""`/metrics` and `/omen/attempts`: what there is at this moment, over a world in virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from omen.config import ServerSettings, Settings
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.sim.faults import RoleOnly, Silence
from omen.telemetry import LiveFeed
from tests.front.asking import body
from tests.front.client import GONE, piece, scope, talk
from tests.world import World, open_world, upstream

FLEET = (
    upstream("quick", "openai", first_token=0.3, gap=1.0),
    upstream("mute", "anthropic", fault=RoleOnly(1.0)),
    upstream("dead", "ollama", fault=Silence(1.0)),
)
RACE = {"strategy": "race", "k": 3}


class Here:
    """The connections of a server."""

    accepted = 7
    refused = 2
    evicted = 5
    short_of_descriptors = 1

    def __len__(self) -> int:
        return 3


@asynccontextmanager
async def serving(*, audit: bool = False) -> AsyncIterator[tuple[World, App]]:
    settings = Settings(server=ServerSettings(audit=audit))
    async with open_world(*FLEET, settings=settings) as world:
        app = make_app(world.gateway, LiveFeed(), settings.server, connections=Here())
        yield world, app


async def scrape(app: App) -> Mapping[str, float]:
    """Give every sample by its name and labels, as Prometheus's own parser reads them."""
    heard = await talk(app, scope("/metrics", "GET"), (0, piece(b"")))
    assert heard.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        "/".join((sample.name, *_labels(sample.labels))): sample.value
        for family in text_string_to_metric_families(heard.body.decode())
        for sample in family.samples
    }


def _labels(labels: Mapping[str, str]) -> list[str]:
    """The reason first, then the bound."""
    return [labels[name] for name in ("reason", "le") if name in labels]


async def attempts(app: App, **caller: Any) -> Any:
    heard = await talk(app, scope("/omen/attempts", "GET", **caller), (0, piece(b"")))
    return heard.status, json.loads(heard.body)


async def race(app: App, leaves_at: float) -> None:
    """Ask, read for so long, and leave."""
    said = body(stream=True, omen=RACE)
    await talk(app, scope(), (0, piece(said)), (leaves_at, GONE))


async def test_live_attempts_and_sockets_are_counted_while_they_are(
    autojump_clock: MockClock,
) -> None:
    async with serving() as (_, app), trio.open_nursery() as nursery:
        idle = await scrape(app)
        assert idle["omen_attempts_live"] == idle["omen_upstream_sockets_live"] == 0
        nursery.start_soon(race, app, 10.5)
        await trio.sleep(1)
        racing = await scrape(app)
        assert racing["omen_attempts_live"] == racing["omen_upstream_sockets_live"] == 3
        await trio.sleep(4)  # useful with the fourth word, at 3.3
        won = await scrape(app)
        assert won["omen_attempts_live"] == won["omen_upstream_sockets_live"] == 1
        await trio.sleep(10)
        over = await scrape(app)
        assert over["omen_attempts_live"] == over["omen_upstream_sockets_live"] == 0
        assert over["omen_upstream_sockets_idle"] == 1


async def test_how_long_cancelling_took_is_a_histogram_by_reason(
    autojump_clock: MockClock,
) -> None:
    async with serving() as (_, app):
        await race(app, 2.0)
        await race(app, 5.0)
        told = await scrape(app)
    # In virtual time a socket is closed in the instant in which that is decided.
    assert told["omen_cancel_seconds_count/client_left"] == 3 + 1
    assert told["omen_cancel_seconds_count/lost"] == 2
    assert told["omen_cancel_seconds_bucket/lost/0.0005"] == 2
    assert told["omen_cancel_seconds_bucket/lost/+Inf"] == 2
    assert told["omen_cancel_seconds_sum/lost"] == 0
    for reason in ("max_latency", "total_timeout", "shutdown"):
        assert told[f"omen_cancel_seconds_count/{reason}"] == 0


@pytest.mark.parametrize(
    ("hint", "reason"), [("max_latency_ms", "max_latency"), ("total_timeout_ms", "total_timeout")]
)
async def test_deadlines_are_reasons_too(hint: str, reason: str, autojump_clock: MockClock) -> None:
    async with serving() as (_, app):
        said = body(stream=True, omen={**RACE, hint: 200})
        await talk(app, scope(), (0, piece(said)))
        assert (await scrape(app))[f"omen_cancel_seconds_count/{reason}"] == 3


async def test_the_servers_connections_are_told(autojump_clock: MockClock) -> None:
    async with serving() as (_, app):
        told = await scrape(app)
    assert told["omen_connections_live"] == 3
    assert told["omen_connections_accepted_total"] == 7
    assert told["omen_connections_refused_total"] == 2
    assert told["omen_connections_evicted_total"] == 5
    assert told["omen_descriptor_shortages_total"] == 1
    assert not any("audit" in name for name in told)


async def test_the_audit_is_told_when_there_is_one(autojump_clock: MockClock) -> None:
    async with serving(audit=True) as (_, app):
        await race(app, 5.0)
        told = await scrape(app)
    assert told["omen_audited_requests_total"] == 1
    assert told["omen_audit_failures_total"] == 0


async def test_every_live_attempt_is_listed_with_its_age_and_what_it_is_doing(
    autojump_clock: MockClock,
) -> None:
    async with serving() as (world, app), trio.open_nursery() as nursery:
        nursery.start_soon(race, app, 10.5)
        await trio.sleep(1)
        status, told = await attempts(app)
        assert status == 200
        assert told["attempts_live"] == 3
        assert told["upstream_sockets"] == {"in_use": 3, "idle": 0, "probing": 0}
        listed = {attempt["provider"]: attempt for attempt in told["attempts"]}
        assert {name: attempt["state"] for name, attempt in listed.items()} == {
            "quick": "prelude",
            "mute": "waiting",
            "dead": "waiting",
        }
        assert [attempt["age_ms"] for attempt in told["attempts"]] == [1000.0] * 3
        (race_id,) = {attempt["race_id"] for attempt in told["attempts"]}
        assert listed["quick"] == {
            "race_id": race_id,
            "request_id": listed["mute"]["request_id"],
            "strategy": "race",
            "attempt": listed["quick"]["attempt"],
            "provider": "quick",
            "model": "m",
            "state": "prelude",
            "age_ms": 1000.0,
            "tokens": listed["quick"]["tokens"],
        }
        await trio.sleep(4)
        _, told = await attempts(app)
        assert [(a["provider"], a["state"]) for a in told["attempts"]] == [("quick", "answering")]
        assert told["cancel"]["lost"]["count"] == 2
        assert told["cancel"]["lost"]["p99_ms"] == pytest.approx(0.001)
        assert set(told["cancel"]) == {"lost"}
        assert list(world.gateway.attempts.live)


@pytest.mark.parametrize(
    "caller",
    [
        {"client": ("10.0.0.7", 1)},
        {"client": None},
        {"headers": [("x-forwarded-for", "127.0.0.1")]},
    ],
)
async def test_only_callers_on_this_machine_may_see_the_list(
    caller: dict[str, Any], autojump_clock: MockClock
) -> None:
    async with serving() as (_, app):
        status, told = await attempts(app, **caller)
    assert status == 403
    assert told["error"]["type"] == "invalid_request_error"
