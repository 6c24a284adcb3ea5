"""Keys as callers meet them: the official SDKs, with one, without one, beyond its limits."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import anthropic
import openai
import pytest
import trio

from omen.config import (
    CacheSettings,
    RoutingSettings,
    Settings,
)
from tests.e2e.keyed import ASK, open_team

T = TypeVar("T")


async def refused(work: Callable[[], Any], kind: type[T]) -> T:
    with pytest.raises(kind) as caught:  # type: ignore[type-var]
        await work()
    return caught.value  # type: ignore[return-value]


async def test_the_first_key_ends_that_anybody_here_is_served(tmp_path: Path) -> None:
    async with open_team(tmp_path) as it:
        assert (await it.ask("any")).choices[0].message.content
        key = await it.key()
        assert (await it.ask(key)).choices[0].message.content
        error = await refused(lambda: it.ask("any"), openai.AuthenticationError)
        assert error.code == "invalid_api_key"
        assert "omen keys create" in error.message
        wrong = await refused(lambda: it.ask(key[:-3] + "AAA"), openai.AuthenticationError)
        assert key[-20:-3] not in wrong.message


async def test_the_anthropic_sdk_shows_its_key_in_its_own_header(tmp_path: Path) -> None:
    async with open_team(tmp_path) as it:
        key = await it.key(models=("anthropic/*",))

        def ask(shown: str, model: str) -> Any:
            with anthropic.Anthropic(base_url=it.served.url, api_key=shown, max_retries=0) as c:
                messages: Any = [{"role": "user", "content": "hi"}]
                return c.messages.create(model=model, max_tokens=10, messages=messages)

        async def run(shown: str, model: str) -> Any:
            return await trio.to_thread.run_sync(ask, shown, model)

        assert (await run(key, "anthropic/m")).content
        await refused(lambda: run("any", "anthropic/m"), anthropic.AuthenticationError)
        denied = await refused(lambda: run(key, "openai/m"), anthropic.PermissionDeniedError)
        assert "may not use the model" in denied.message


async def test_what_a_key_may_not_do_is_a_403_that_names_it(tmp_path: Path) -> None:
    async with open_team(tmp_path) as it:
        key = await it.key(models=("openai/*",), strategies=("single",))
        assert (await it.ask(key)).choices
        model = await refused(
            lambda: it.ask(key, model="anthropic/m"), openai.PermissionDeniedError
        )
        assert (model.code, model.param) == ("model_not_allowed", "model")
        race = {"omen": {"strategy": "race"}}
        strategy = await refused(lambda: it.ask(key, extra_body=race), openai.PermissionDeniedError)
        assert (strategy.code, strategy.param) == ("strategy_not_allowed", "omen.strategy")


async def test_beyond_its_limits_the_sdk_raises_what_it_knows(tmp_path: Path) -> None:
    async with open_team(tmp_path) as it:
        key = await it.key(requests_per_minute=2, monthly_usd=Decimal(1000))
        for _ in range(2):
            await it.ask(key)
        error = await refused(lambda: it.ask(key), openai.RateLimitError)
        assert error.response.headers["x-ratelimit-limit-requests"] == "2"
        assert int(error.response.headers["retry-after"]) > 50
        told = (await it.get("/rate-limit/status", key)).json()
        assert told["requests"]["limit"] == 2
        assert told["requests"]["remaining"] == 0
        assert told["budget"] == {
            "month": told["budget"]["month"],
            "limit_usd": 1000.0,
            "spent_usd": 2.0,
            "remaining_usd": 998.0,
        }
        poor = await it.key(monthly_usd=Decimal("1.5"))
        await it.ask(poor)
        broke = await refused(lambda: it.ask(poor), openai.APIStatusError)
        assert (broke.status_code, broke.code) == (402, "budget_exceeded")


async def test_admin_routes_are_for_admins(tmp_path: Path) -> None:
    routes = (
        "/admin/usage",
        "/admin/config",
        "/cache/stats",
        "/metrics",
        "/omen/races",
        "/omen/attempts",
    )
    async with open_team(tmp_path) as it:
        for path in routes:
            assert (await it.get(path)).status_code == 200  # no keys, and on this machine
        plain, admin = await it.key(), await it.key(admin=True)
        for path in routes:
            statuses = [(await it.get(path, key)).status_code for key in (None, plain, admin)]
            assert statuses == [401, 403, 200]
        for path in ("/v1/models", "/status", "/omen/providers", "/omen/providers/scores"):
            statuses = [(await it.get(path, key)).status_code for key in (None, plain)]
            assert statuses == [401, 200]
        for path in ("/health", "/ready", "/v1/../health"):
            assert (await it.get(path)).status_code == 200


async def test_usage_is_told_as_json_and_csv(tmp_path: Path) -> None:
    async with open_team(tmp_path) as it:
        key, admin = await it.key(), await it.key(admin=True)
        for project in ("site", "site", "=cmd"):
            await it.ask(key, extra_body={"tags": {"project": project}})
        await it.until_booked(3)
        told = (await it.get("/admin/usage?by=project", admin)).json()
        assert [(row["project"], row["requests"], row["cost_usd"]) for row in told["data"]] == [
            ("site", 2, 2.0),
            ("=cmd", 1, 1.0),
        ]
        answer = await it.get("/admin/usage?by=project&format=csv", admin)
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["project"] for row in rows] == ["site", "'=cmd"]
        by_day = (await it.get("/admin/usage?by=day&since=2000-01-01", admin)).json()
        assert [row["completion_tokens"] for row in by_day["data"]] == [30]
        for query in ("by=nothing", "since=yesterday", "until=2026-13-01", "format=xml"):
            bad = await it.get(f"/admin/usage?{query}", admin)
            assert bad.status_code == 400
            assert bad.json()["error"]["param"] == query.partition("=")[0]


async def test_what_the_gateway_spends_is_for_admins_and_a_key_sees_its_own(tmp_path: Path) -> None:
    async with open_team(tmp_path) as it:
        plain, other = await it.key(monthly_usd=Decimal(20)), await it.key()
        admin = await it.key(admin=True)
        await it.ask(plain)
        await it.ask(other)
        await it.until_booked(2)
        told = (await it.get("/status", plain)).json()
        service = {"status", "version", "started_unix", "uptime_seconds", "providers"}
        assert set(told) == service | {"key"}
        assert told["key"]["budget"]["spent_usd"] == 1.0
        whole = (await it.get("/status", admin)).json()
        assert service < set(whole)
        assert whole["budget"]["spent_usd"] == 2.0


async def test_status_and_configuration_tell_what_is_and_no_secret(tmp_path: Path) -> None:
    settings = Settings(
        cache=CacheSettings(enabled=True),
        routing=RoutingSettings(budget_monthly_usd=Decimal(50)),
    )
    async with open_team(tmp_path, settings=settings) as it:
        admin = await it.key(admin=True)
        for _ in range(2):
            await it.ask(admin, temperature=0)
        await refused(lambda: it.ask(admin, model="nobody"), openai.NotFoundError)
        await it.until_booked(2)
        told = (await it.get("/status", admin)).json()
        assert told["uptime_seconds"] > 0
        assert told["requests"] == {
            "total": 2,
            "live": 0,
            "answered": 2,
            "failed": 0,
            "cancelled": 0,
        }
        assert (told["cache"]["hits"], told["cache"]["hit_rate"]) == (1, 0.5)
        assert (told["budget"]["spent_usd"], told["budget"]["limit_usd"]) == (1.0, 50.0)
        assert told["ledger"]["rows_written"] == 5
        config = await it.get("/admin/config", admin)
        assert "sk-upstream-secret" not in config.text
        assert config.json()["providers"]["openai"]["api_key"] == "********"
        cleared = await it.get("/cache/clear", admin, "POST")
        assert cleared.json() == {"cleared": 1}
        metrics = (await it.get("/metrics", admin)).text
        assert 'omen_cache_requests_total{result="hit"} 1.0' in metrics
        assert "omen_ledger_rows_written_total 5.0" in metrics
        assert "omen_budget_spent_usd 1.0" in metrics


async def test_a_cached_answer_is_replayed_as_a_stream(tmp_path: Path) -> None:
    settings = Settings(cache=CacheSettings(enabled=True))
    async with open_team(tmp_path, settings=settings) as it:
        whole = await it.ask("any", temperature=0)

        def stream(client: openai.OpenAI) -> tuple[str, str]:
            asked = {**ASK, "temperature": 0, "stream": True}
            with client.chat.completions.with_raw_response.create(**asked).parse() as chunks:
                text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
                return text, chunks.response.headers["x-omen-cache"]

        assert await it.served.call(stream) == (whole.choices[0].message.content, "hit")
        await it.served.assert_nothing_left()
