"""Anthropic's routes beside messages: tokens counted, models listed."""

from __future__ import annotations

from typing import Any

import trio

from tests.sim.asking import QUESTION, VERSION, ask, message, said, serving


async def test_counting_knows_the_prompt_and_nothing_else(nursery: trio.Nursery) -> None:
    upstream = serving("anthropic", "claude-sim")
    path = "/v1/messages/count_tokens"
    body: dict[str, Any] = {"model": "claude-sim", "messages": QUESTION, "system": "be brief"}
    got = await ask(upstream, nursery, "POST", path, body, *VERSION)
    assert got.json == {"input_tokens": 6}
    for name in ("max_tokens", "stream"):
        got = await ask(upstream, nursery, "POST", path, {**body, name: 1}, *VERSION)
        assert said(got) == f"{name}: Extra inputs are not permitted"
    got = await ask(upstream, nursery, "POST", path, {**body, "model": "claude-no"}, *VERSION)
    assert (got.status, got.json["error"]["type"]) == (404, "not_found_error")


async def test_what_is_counted_is_what_usage_says(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    asked = {"messages": [*QUESTION, *QUESTION], "system": [{"type": "text", "text": "be brief"}]}
    used = (await message("claude-sim", nursery, **asked)).json["usage"]["input_tokens"]
    upstream = serving("anthropic", "claude-sim")
    body = {"model": "claude-sim", **asked}
    got = await ask(upstream, nursery, "POST", "/v1/messages/count_tokens", body, *VERSION)
    assert got.json["input_tokens"] == used


async def test_models_are_listed_page_by_page_and_one_by_one(nursery: trio.Nursery) -> None:
    upstream = serving("anthropic", "a", "b", "c")
    got = await ask(upstream, nursery, "GET", "/v1/models?limit=2", None, *VERSION)
    assert [model["id"] for model in got.json["data"]] == ["a", "b"]
    assert (got.json["has_more"], got.json["last_id"]) == (True, "b")
    got = await ask(upstream, nursery, "GET", "/v1/models?limit=2&after_id=b", None, *VERSION)
    assert [model["id"] for model in got.json["data"]] == ["c"]
    assert got.json["has_more"] is False
    got = await ask(upstream, nursery, "GET", "/v1/models/b", None, *VERSION)
    assert (got.json["id"], got.json["type"]) == ("b", "model")
    got = await ask(upstream, nursery, "GET", "/v1/models/d", None, *VERSION)
    assert (got.status, got.json["error"]["type"]) == (404, "not_found_error")
