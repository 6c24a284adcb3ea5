"""xAI: what its chat completions do differently from OpenAI's."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.sim import Status, answer_text
from omen.sim.xai.traits import LONG_PROMPT, Price
from tests.sim.asking import FUNCTION, QUESTION, ask, complete, serving
from tests.sim.naive import frames
from tests.sim.scene import Scene

STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


async def test_the_role_comes_with_the_first_text_and_a_finish_reason_only_at_the_end(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await complete("xai", "grok-sim", nursery, **STREAM)
    first, *middle, finish, _ = frames("xai", got.body)
    assert first["choices"] == [{"index": 0, "delta": {"content": "This", "role": "assistant"}}]
    assert all(set(chunk["choices"][0]) == {"index", "delta"} for chunk in middle)
    assert all(set(chunk["choices"][0]["delta"]) == {"content"} for chunk in middle)
    assert finish["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert got.body.endswith(b"data: [DONE]\n\n")


async def test_created_goes_on_while_everything_else_of_a_chunk_stays(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await complete("xai", "grok-sim", nursery, **STREAM)
    chunks = frames("xai", got.body)
    created = [chunk["created"] for chunk in chunks]
    assert created == sorted(created)
    assert len(set(created)) > 1
    assert len({(c["id"], c["model"], c["system_fingerprint"]) for c in chunks}) == 1
    assert not chunks[0]["id"].startswith("chatcmpl")


async def test_nothing_at_all_is_sent_before_the_first_token(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await complete("xai", "grok-sim", nursery, **STREAM)
    assert got.arrivals[0][0] == 0.5


async def test_reasoning_is_not_in_completion_tokens_but_in_the_total_and_in_the_bill(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await complete("xai", "grok-3-mini", nursery, reasoning_effort="high", **STREAM)
    usage = frames("xai", got.body)[-1]["usage"]
    assert usage["prompt_tokens"] == 3 + 7  # a prefix of their own
    assert usage["prompt_tokens_details"]["cached_tokens"] == 7
    assert usage["completion_tokens"] == 4
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 8
    assert usage["total_tokens"] == 10 + 4 + 8
    assert usage["cost_in_usd_ticks"] == 3 * 3000 + 7 * 750 + (4 + 8) * 5000
    assert usage["num_sources_used"] == 0


async def test_reasoning_shows_at_a_model_that_shows_it_before_the_text(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await complete("xai", "grok-3-mini", nursery, **STREAM)
    deltas = [chunk["choices"][0]["delta"] for chunk in frames("xai", got.body)[:-2]]
    kinds = [next(iter(delta)) for delta in deltas]
    assert kinds == ["reasoning_content"] * 4 + ["content"] * 4
    assert [delta.get("role") for delta in deltas] == ["assistant", *[None] * 7]


async def test_most_models_only_count_their_reasoning_and_a_limit_does_not_reach_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await complete("xai", "grok-4.6", nursery, max_tokens=2)
    choice, usage = got.json["choices"][0], got.json["usage"]
    assert choice["message"]["content"] == answer_text("sim", 2)
    assert "reasoning_content" not in choice["message"]
    assert choice["finish_reason"] == "length"
    assert (usage["completion_tokens"], usage["total_tokens"]) == (2, 10 + 2 + 8)


async def test_tool_calls_come_whole_in_one_list(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await complete("xai", "grok-3-mini", nursery, tools=[FUNCTION], **STREAM)
    *_, called, finish, _ = frames("xai", got.body)
    (call,) = called["choices"][0]["delta"]["tool_calls"]
    assert list(call) == ["id", "function", "index", "type"]
    assert call["function"] == {"name": "lookup_weather", "arguments": '{"city": "simulated"}'}
    assert finish["choices"][0]["finish_reason"] == "tool_calls"


def test_above_a_threshold_the_whole_bill_is_double() -> None:
    price = Price(prompt=3, cached=1, completion=5)
    assert price.cost(LONG_PROMPT, 10, 2) == (LONG_PROMPT - 10) * 3 + 10 * 1 + 2 * 5
    assert price.cost(LONG_PROMPT + 1, 0, 0) == (LONG_PROMPT + 1) * 3 * 2


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("Authorization: Bearer wrong", 400, "invalid-argument"),
        ("X-Nothing: 1", 401, "unauthenticated"),
        ("Authorization: right", 401, "unauthenticated"),
    ],
)
async def test_a_wrong_key_is_a_400_and_none_is_a_401(
    header: str, status: int, code: str, nursery: trio.Nursery
) -> None:
    upstream = serving("xai", api_key="right")
    got = await ask(upstream, nursery, "GET", "/v1/models", None, header)
    assert (got.status, got.json["code"]) == (status, code)
    assert isinstance(got.json["error"], str)
    if status == 400:
        assert got.json["error"].startswith("Incorrect API key provided")


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        ("", "Rate limit exceeded"),
        ("quota", "used all available credits"),
        ("capacity", "temporarily at capacity"),
    ],
)
async def test_only_the_text_of_a_429_tells_what_it_means(
    cause: Any, text: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene("xai", Status(1, status=429, cause=cause), nursery).chat()
    assert (got.status, got.json["code"]) == (429, "Some resource has been exhausted")
    assert text in got.json["error"]
    assert "retry-after" not in got.headers


@pytest.mark.parametrize(
    ("model", "body", "named"),
    [
        ("grok-4.6", {"stop": ["x"]}, "stop"),
        ("grok-4.6", {"presence_penalty": 1}, "presencePenalty"),
        ("grok-3-mini", {"frequency_penalty": 1}, "frequencyPenalty"),
        ("grok-4", {"reasoning_effort": "low"}, "reasoningEffort"),
        ("grok-build-0.1", {"reasoning_effort": "high"}, "reasoningEffort"),
        ("grok-3-mini", {"reasoning_effort": "medium"}, "reasoningEffort"),
        ("grok-4.5", {"reasoning_effort": "none"}, "reasoningEffort"),
        ("grok-4.20-non-reasoning", {"reasoning_effort": "low"}, "reasoningEffort"),
    ],
)
async def test_models_refuse_what_they_do_not_take(
    model: str, body: dict[str, Any], named: str, nursery: trio.Nursery
) -> None:
    got = await complete("xai", model, nursery, **body)
    assert (got.status, got.json["code"]) == (400, "invalid-argument")
    assert got.json["error"] == f"Model {model} does not support parameter {named}."


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("grok-4.20-non-reasoning", {"stop": ["x"], "presence_penalty": 1}),
        ("grok-4.3", {"reasoning_effort": "none", "max_tokens": 50, "temperature": 0.2}),
        ("grok-4.6", {"reasoning_effort": "xhigh", "max_completion_tokens": 50}),
    ],
)
async def test_and_take_the_rest(
    model: str,
    body: dict[str, Any],
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    assert (await complete("xai", model, nursery, **body)).status == 200


async def test_a_missing_model_is_named_in_a_sentence(nursery: trio.Nursery) -> None:
    body = {"model": "grok-beta", "messages": QUESTION}
    got = await ask(serving("xai"), nursery, "POST", "/v1/chat/completions", body)
    assert (got.status, got.json["code"]) == (404, "not-found")
    assert got.json["error"].startswith("The model grok-beta does not exist or your team")


async def test_models_are_listed_with_their_prices_in_ticks(nursery: trio.Nursery) -> None:
    upstream = serving("xai", "grok-4.6", "grok-3-mini")
    models = (await ask(upstream, nursery, "GET", "/v1/models")).json["data"]
    assert [model["id"] for model in models] == ["grok-4.6", "grok-3-mini"]
    listed = (await ask(upstream, nursery, "GET", "/v1/language-models")).json["models"]
    assert listed == models
    assert listed[0]["prompt_text_token_price"] == 20_000  # two dollars for a million
    assert listed[0]["completion_text_token_price"] == 60_000
    assert listed[0]["capabilities"]["default_reasoning_effort"] == "high"
    one = await ask(upstream, nursery, "GET", "/v1/language-models/grok-3-mini")
    assert one.json == listed[1]
    assert (await ask(upstream, nursery, "GET", "/v1/models/grok-9")).status == 404
