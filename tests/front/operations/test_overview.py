"""The overview: what the page shows, small however much there is, and without content."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import trio

from omen.config import ServerSettings, Settings
from omen.config.settings import Price, RaceSettings, RoutingSettings
from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.core.frames import RateLimits
from omen.front.app import make_app
from omen.front.operations.overview import FRESH_SECONDS, MOST_KEYS, SLOW_SECONDS, Overview
from omen.front.operations.overview_of_providers import MOST_MODELS, MOST_PROVIDERS
from omen.front.operations.overview_of_races import MOST_FAILURES, MOST_RACES
from omen.sim import SimulatedUpstream, Status
from tests.front.client import piece, scope, talk
from tests.world import World, open_world, upstream

QUICK = upstream("quick", first_token=0.5, gap=0.1)
SLOW = upstream("slow", "anthropic", first_token=9.0)
BROKEN = upstream("broken", "ollama", fault=Status(1.0, status=503))
PRICE = Price(input=Decimal(1), output=Decimal(10))


def overview(world: World) -> Overview:
    return Overview(world.gateway, lambda: False, 0.0)


def by_name(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in found}


async def test_a_race_is_shown_as_lanes_while_it_runs_and_when_it_has_ended(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(QUICK, SLOW, BROKEN, price=PRICE) as world:
        shown = overview(world)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.ask, "a secret prompt")
            await trio.sleep(0.3)
            (running,) = (await shown.current())["races"]
        (ended,) = (await shown.current())["races"]
    phases = {lane["name"]: lane["outcome"] for lane in running["attempts"]}
    assert phases == {"quick/m": "running", "slow/m": "running", "broken/m": "failed"}
    assert (running["state"], running["strategy"], running["model"]) == ("running", "race", "m")
    lanes = by_name(ended["attempts"])
    assert {name: lane["outcome"] for name, lane in lanes.items()} == {
        "quick/m": "won",
        "slow/m": "lost",
        "broken/m": "failed",
    }
    assert lanes["broken/m"]["reason"] == "overloaded"
    assert lanes["quick/m"]["first_token_ms"] == 500.0
    assert lanes["slow/m"]["ended_ms"] == lanes["quick/m"]["committed_ms"]
    assert ended["cost_usd"] > 0


async def test_a_card_has_the_four_parts_the_curve_the_price_and_the_breaker(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(QUICK, BROKEN, price=PRICE) as world:
        for _ in range(4):
            await world.ask(model="quick/m", strategy="single")
            await world.ask(model="broken/m", strategy="single")
        cards = by_name((await overview(world).current())["providers"])
    quick, broken = cards["quick"], cards["broken"]
    assert set(quick["score"]) >= {"health", "latency", "cost", "reliability", "overall"}
    (model,) = quick["models"]
    assert model["first_token"]["samples"] == 4
    assert dict(map(tuple, model["first_token"]["points"]))[0.5] >= 500
    assert model["price"] == {"input": 1.0, "output": 10.0}
    assert (quick["state"], broken["state"]) == ("healthy", "down")
    (endpoint,) = broken["endpoints"]
    assert endpoint["failures"] >= 3
    assert endpoint["reason"] == "overloaded"
    assert 0 < endpoint["retry_in_seconds"] <= 300
    assert broken["models"][0]["state"] == "down"


async def test_failures_have_a_hint_and_no_words_of_an_upstream(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(BROKEN) as world:
        await world.ask(strategy="single")
        (failure,) = (await overview(world).current())["failures"]
    assert (failure["reason"], failure["upstream_status"]) == ("overloaded", 503)
    assert (failure["hint"], failure["count"]) == ("it is overloaded: wait", 2)


async def test_the_knob_is_shown_beside_the_load_that_it_allowed(
    autojump_clock: trio.abc.Clock,
) -> None:
    settings = Settings(race=RaceSettings(max_extra_load=0.1, warmup_delay_ms=100.0))
    async with open_world(QUICK, SLOW, settings=settings) as world:
        for _ in range(4):
            await world.ask(model="quick/m,slow/m", strategy="speculate_k", k=2)
        hedging = (await overview(world).current())["hedging"]
    assert (hedging["max_extra_load"], hedging["extra_load_ratio"]) == (0.1, 1.0)
    assert (hedging["sent"], hedging["won"], hedging["denied"]) == (4, 0, 0)
    assert hedging["tokens_at_most"] == 30.0
    assert hedging["tokens"] == pytest.approx(30 - 4 + 0.4, abs=0.3)


async def test_askers_share_an_answer_and_slow_parts_are_computed_rarely(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(QUICK) as world:
        shown = overview(world)
        first = await shown.current()
        assert await shown.current() is first
        await world.ask(strategy="single")
        await trio.sleep(FRESH_SECONDS)
        second = await shown.current()
        assert second is not first
        assert len(second["races"]) == 1
        assert second["providers"][0]["models"][0]["first_token"]["samples"] == 0
        await trio.sleep(SLOW_SECONDS)
        third = await shown.current()
        assert third["providers"][0]["models"][0]["first_token"]["samples"] == 1


async def test_it_stays_small_however_much_there_is(autojump_clock: trio.abc.Clock) -> None:
    many = [
        SimulatedUpstream(f"p{n}", "openai", QUICK.profile, models=tuple(map(str, range(40))))
        for n in range(MOST_PROVIDERS + 5)
    ]
    async with open_world(*many, settings=Settings(routing=RoutingSettings())) as world:
        for number in range(60):
            # The callers' own names: none of them is served.
            await world.ask(model=f"p0/nobody-has-{number}", strategy="single")
        now = datetime.now(UTC)
        world.gateway.keys._keys = {
            f"{n:012x}": KeyRecord(caller=Caller(key_id=f"{n:012x}"), digest="", created_at=now)
            for n in range(200)
        }
        found = await overview(world).current()
    assert len(found["providers"]) == MOST_PROVIDERS
    assert {len(one["models"]) for one in found["providers"]} == {MOST_MODELS}
    assert {one["models_listed"] for one in found["providers"]} == {40}
    assert len(found["races"]) == MOST_RACES
    assert len(found["failures"]) == MOST_FAILURES
    assert (len(found["keys"]["shown"]), found["keys"]["total"]) == (MOST_KEYS, 200)
    assert len(json.dumps(found)) < 200_000


async def test_it_has_nothing_of_a_prompt_an_answer_or_a_key(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(QUICK, BROKEN) as world:
        received = await world.ask("a secret prompt")
        text = json.dumps(await overview(world).current())
    assert received.text
    for secret in ("a secret prompt", received.text, received.text.split()[-1], "sk-"):
        assert secret not in text


async def test_what_an_upstream_reports_of_its_limits_is_shown_for_ten_minutes(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_world(QUICK) as world:
        shown = overview(world)
        await world.ask(strategy="single")
        for attempt in [attempt for race in world.gateway.races for attempt in race.attempts]:
            attempt.rate_limits = RateLimits(remaining_requests=7, remaining_tokens=0)
            world.gateway.traffic("ended", next(iter(world.gateway.races)), attempt)
            world.gateway.health.limited(attempt)
        (model,) = (await shown.current())["providers"][0]["models"]
        assert model["limits_left"] == {"requests": 7, "tokens": 0}
        assert set(model["limits_used_up"]) == {"tokens"}
        await trio.sleep(601)
        (model,) = (await shown.current())["providers"][0]["models"]
    assert (model["limits_left"], model["limits_used_up"]) == ({}, {})


def record(name: str, *, revoked: bool = False, **more: Any) -> tuple[str, KeyRecord]:
    """Return the text of a key, and its row."""
    made, now = make_key(), datetime.now(UTC)
    caller = Caller(key_id=made.key_id, name=name, admin=name == "admin")
    at = now if revoked else None
    row = KeyRecord(caller=caller, digest=made.digest, created_at=now, revoked_at=at, **more)
    return made.text, row


async def test_keys_that_are_not_valid_are_not_shown(autojump_clock: trio.abc.Clock) -> None:
    rows = [
        record("site")[1],
        record("editor")[1],
        record("old", revoked=True)[1],
        record("broken", unreadable="ValueError")[1],
    ]
    async with open_world(QUICK) as world:
        world.gateway.keys._keys = {row.key_id: row for row in rows}
        keys = (await overview(world).current())["keys"]
    assert [key["name"] for key in keys["shown"]] == ["editor", "site"]
    assert (keys["total"], keys["needed"]) == (2, True)


@pytest.mark.parametrize(("name", "status"), [("admin", 200), ("site", 403), (None, 401)])
async def test_it_needs_a_key_with_the_admin_role(
    name: str | None, status: int, autojump_clock: trio.abc.Clock
) -> None:
    made = {each: record(each) for each in ("admin", "site")}
    async with open_world(QUICK) as world:
        world.gateway.keys._keys = {row.key_id: row for _, row in made.values()}
        app = make_app(world.gateway, world.feed, ServerSettings())
        asked = scope("/omen/overview", "GET")
        if name is not None:
            asked["headers"].append((b"authorization", f"Bearer {made[name][0]}".encode()))
        heard = await talk(app, asked, (0, piece(b"")))
    assert heard.status == status
    assert ("races" in heard.json) is (status == 200)
