"""`/admin/races` tells of requests that have ended, and `/omen/races` of those of a request."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.config import AuthSettings, ServerSettings, Settings
from omen.config.settings import Price
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.ledger.requests import MOST_REFUSED
from omen.sim.faults import Status
from tests.front.asking import body
from tests.front.client import GONE, piece, scope, talk
from tests.gateway.inline_books import inline_books, no_threads
from tests.world import open_world, upstream

__all__ = ["no_threads"]
pytestmark = pytest.mark.usefixtures("no_threads")

FULL = upstream("full", "anthropic", fault=Status(1.0, 503))
FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)
PRICE = Price(input=Decimal(1000), output=Decimal(1000))


@pytest.fixture(autouse=True)
def one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hour of the day passes as the virtual time does."""
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0 + trio.current_time())


@asynccontextmanager
async def serving(folder: Path, *upstreams: Any, **settings: Any) -> AsyncIterator[App]:
    """Serve over books that outlive the gateway."""
    books = inline_books(folder)
    chosen = Settings(**settings)
    async with open_world(*upstreams, books=books, price=PRICE, settings=chosen) as world:
        async with trio.open_nursery() as nursery:
            await world.gateway.prepare()
            nursery.start_soon(world.gateway.keep_up)
            yield make_app(world.gateway, world.feed, ServerSettings())
            await trio.sleep(1)  # virtual: until the rows are written
            nursery.cancel_scope.cancel()


async def ask(app: App, request_id: str, path: str = "/v1/chat/completions", **fields: Any) -> int:
    asked = scope(path, headers=[("x-request-id", request_id)])
    heard = await talk(app, asked, (0, piece(body(**fields))))
    return heard.status


async def get(app: App, path: str, query: str = "", **caller: Any) -> tuple[int, Any]:
    asked = scope(path, "GET", query=query, **caller)
    heard = await talk(app, asked, (0, piece(b"")))
    return heard.status, json.loads(heard.body)


async def test_failed_requests_are_found_after_a_restart_with_every_reason(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FULL, FAST) as app:
        assert await ask(app, "both", omen={"strategy": "race", "k": 2}) == 200
        assert await ask(app, "alone", omen={"providers": ["full"]}) == 503
        assert await ask(app, "poor", omen={"budget_usd": 0.000001}) == 402
        assert await ask(app, "lost", model="none") == 404
        assert await ask(app, "bad", messages=3) == 400
        assert await ask(app, "lost", "/nothing/here") == 404
        left = scope(headers=[("x-request-id", "left")])
        await talk(app, left, (0, piece(body(stream=True))), (0.2, GONE))
    async with serving(tmp_path, FAST) as app:
        _, told = await get(app, "/admin/races", "failed=true")
        _, one = await get(app, "/admin/races/alone")
        _, by_race = await get(app, f"/admin/races/{one['race_id']}")
        _, everything = await get(app, "/admin/races")
    assert sorted((r["request_id"], r["status"], r["error"]) for r in told["data"]) == [
        ("alone", 503, "api_error"),
        ("bad", 400, "invalid_request_error"),
        ("lost", 404, "model_not_found"),
        ("poor", 402, "budget_exceeded"),
    ]
    assert one == by_race
    assert [(a["provider"], a["outcome"], a["reason"]) for a in one["attempts"]] == [
        ("full", "failed", "overloaded"),
        ("full", "failed", "overloaded"),
    ]
    assert {r["request_id"]: r["result"] for r in everything["data"][-1:]} == {"both": "answered"}
    assert everything["data"][0]["result"] == "client_left"
    assert len(everything["data"]) == 6


async def test_the_rows_hold_nothing_of_a_prompt_or_an_answer(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    secret = [{"role": "user", "content": "the password is hunter2"}]
    async with serving(tmp_path, FULL, FAST) as app:
        await ask(app, "a", messages=secret)
        await ask(app, "b", messages=secret, omen={"providers": ["full"]})
        await ask(app, "c", messages=secret, temperature="hunter2")
        await trio.sleep(1)
        _, told = await get(app, "/admin/races")
    assert len(told["data"]) == 3
    assert "hunter2" not in json.dumps(told)


async def test_who_is_not_known_gets_no_row(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with serving(tmp_path, FAST) as app:
        away = scope(client=("203.0.113.9", 1))
        assert (await talk(app, away, (0, piece(body())))).status == 401
        await trio.sleep(1)
        assert (await get(app, "/admin/races"))[1]["data"] == []


async def test_refused_requests_of_one_second_get_a_bounded_number_of_rows(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FAST) as app:
        for _ in range(MOST_REFUSED + 30):
            await ask(app, "flood", model="none")
        await trio.sleep(2)
        await ask(app, "later", model="none")
        await trio.sleep(1)
        _, told = await get(app, "/admin/races", "limit=500")
    assert len(told["data"]) == MOST_REFUSED + 1


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/admin/races", "sinse=2h", "sinse"),
        ("/admin/races", "since=yesterday", "since"),
        ("/admin/races", "slow=quick", "slow"),
        ("/admin/races", "failed=perhaps", "failed"),
        ("/admin/races", "limit=0", "limit"),
        ("/admin/races", "key=", "key"),
        ("/admin/races/x", "since=2h", "since"),
        ("/omen/races", "requestid=a", "requestid"),
        ("/omen/races", "limit=9999", "limit"),
        ("/omen/races/live", "request=a", "request"),
        ("/admin/usage", "group=key", "group"),
    ],
)
async def test_a_parameter_that_a_route_does_not_know_is_a_400_that_names_it(
    path: str, query: str, param: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FAST) as app:
        status, told = await get(app, path, query)
    assert (status, told["error"]["param"]) == (400, param)


async def test_recent_races_are_narrowed_to_a_request(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with serving(tmp_path, FAST) as app:
        for name in ("a", "b", "a"):
            await ask(app, name)
        told = {
            query: [r["request_id"] for r in (await get(app, "/omen/races", query))[1]["data"]]
            for query in (
                "",
                "request_id=a",
                "request_id=b",
                "request_id=c",
                "request_id=a&limit=1",
            )
        }
    assert list(told.values()) == [["a", "b", "a"], ["a", "a"], ["b"], [], ["a"]]


async def test_only_admins_see_past_requests(tmp_path: Path, autojump_clock: MockClock) -> None:
    anybody = AuthSettings(allow_anonymous=True)
    async with serving(tmp_path, FAST, auth=anybody) as app:
        status, _ = await get(app, "/admin/races", client=("203.0.113.9", 1))
    assert status in (401, 403)


async def test_an_id_that_nobody_knows_is_a_404(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with serving(tmp_path, FAST) as app:
        status, told = await get(app, "/admin/races/none")
    assert (status, told["error"]["code"]) == (404, "not_found")
