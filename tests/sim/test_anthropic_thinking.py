"""Thinking: a signed block before the answer, that has to come back as it went out."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.sim.asking import QUESTION, message
from tests.sim.naive import Received, frames

ON: dict[str, Any] = {"thinking": {"type": "adaptive"}}
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]


def blocks(got: Received) -> list[dict[str, Any]]:
    """Put the blocks of a stream together, checking that they come one after the other."""
    built: list[dict[str, Any]] = []
    closed = 0
    for event in frames("anthropic", got.body):
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(built) == closed
                built.append(dict(event["content_block"]))
            case "content_block_delta":
                assert event["index"] == len(built) - 1
                _, name = event["delta"]
                built[-1][name] = built[-1].get(name, "") + event["delta"][name]
            case "content_block_stop":
                closed += 1
                assert event["index"] == len(built) - 1
    assert closed == len(built)
    return built


async def call_a_tool(model: str, nursery: trio.Nursery, **more: Any) -> list[dict[str, Any]]:
    got = await message(model, nursery, tools=TOOLS, **{**ON, **more})
    return list(got.json["content"])


async def send_back(
    content: list[dict[str, Any]], model: str, nursery: trio.Nursery, **more: Any
) -> Received:
    """Send an assistant's turn back with the result of its call."""
    result = {"type": "tool_result", "tool_use_id": content[-1]["id"], "content": "12 C"}
    turns = [
        *QUESTION,
        {"role": "assistant", "content": content},
        {"role": "user", "content": [result]},
    ]
    return await message(model, nursery, messages=turns, tools=TOOLS, **{**ON, **more})


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-sonnet-5", "claude-sim"])
async def test_thinking_is_a_signed_block_before_the_text(
    model: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    streamed = await message(model, nursery, stream=True, **ON)
    thought, text = blocks(streamed)
    assert (thought["type"], text["type"]) == ("thinking", "text")
    assert thought["thinking"]
    assert thought["signature"]
    whole = (await message(model, nursery, **ON)).json
    assert whole["content"] == [thought, text]


async def test_a_budget_makes_older_models_think(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    config = {"type": "enabled", "budget_tokens": 1024}
    got = await message("claude-haiku-4-5", nursery, stream=True, thinking=config)
    assert [block["type"] for block in blocks(got)] == ["thinking", "text"]


@pytest.mark.parametrize("config", [{}, {"thinking": {"type": "disabled"}}])
async def test_nobody_thinks_who_was_not_asked_to(
    config: dict[str, Any], nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await message("claude-opus-4-6", nursery, stream=True, **config)
    assert [block["type"] for block in blocks(got)] == ["text"]
    assert "output_tokens_details" not in frames("anthropic", got.body)[-2]["usage"]


async def test_but_some_models_always_do_and_do_not_show_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await message("claude-opus-5-5", nursery, stream=True)
    thought, _ = blocks(got)
    assert thought["thinking"] == ""
    assert thought["signature"]
    assert not [e for e in frames("anthropic", got.body) if "thinking_delta" in str(e)]
    shown = {"thinking": {"type": "adaptive", "display": "summarized"}}
    assert blocks(await message("claude-opus-5-5", nursery, stream=True, **shown))[0]["thinking"]


async def test_thinking_is_counted_into_output_tokens_and_by_itself(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    config = {**ON, "output_config": {"effort": "low"}}
    streamed = await message("claude-opus-4-6", nursery, stream=True, **config)
    begun, ended = frames("anthropic", streamed.body)[0], frames("anthropic", streamed.body)[-2]
    assert "output_tokens_details" not in begun["message"]["usage"]
    assert ended["usage"]["output_tokens"] == 4 + 4
    assert ended["usage"]["output_tokens_details"] == {"thinking_tokens": 4}
    whole = (await message("claude-opus-4-6", nursery, **config)).json
    assert whole["usage"] == ended["usage"]


async def test_the_call_of_a_tool_comes_after_the_thinking(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    streamed = await message("claude-opus-4-6", nursery, stream=True, tools=TOOLS, **ON)
    thought, used = blocks(streamed)
    assert (thought["type"], used["type"], used["partial_json"]) == ("thinking", "tool_use", "{}")


async def test_a_limit_may_be_reached_in_thought(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    for stream in (True, False):
        got = await message("claude-opus-4-6", nursery, stream=stream, max_tokens=3, **ON)
        if stream:
            (thought,) = blocks(got)
            reason = frames("anthropic", got.body)[-2]["delta"]["stop_reason"]
        else:
            (thought,) = got.json["content"]
            reason = got.json["stop_reason"]
        assert (thought["type"], reason) == ("thinking", "max_tokens")


async def test_a_turn_that_called_a_tool_comes_back_with_its_thinking(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    content = await call_a_tool("claude-opus-4-6", nursery)
    got = await send_back(content, "claude-opus-4-6", nursery)
    assert (got.status, got.json["content"][-1]["type"]) == (200, "text")


async def test_without_its_thinking_it_is_refused(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    budget = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096}
    _, used = await call_a_tool("claude-haiku-4-5", nursery, **budget)
    for content in ([used], [{"type": "text", "text": "well"}, used]):
        got = await send_back(content, "claude-haiku-4-5", nursery, **budget)
        assert got.status == 400
        found = content[0]["type"]
        assert got.json["error"]["message"].startswith(
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, "
            f"but found `{found}`."
        )


async def test_where_the_model_chooses_to_think_it_may_have_had_no_thoughts(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    _, used = await call_a_tool("claude-opus-4-6", nursery)
    assert (await send_back([used], "claude-opus-4-6", nursery)).status == 200


@pytest.mark.parametrize(
    "change", [{"thinking": "something else"}, {"signature": "AAAA"}, {"signature": None}]
)
async def test_with_its_thinking_changed_it_is_refused_too(
    change: dict[str, Any], nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    thought, used = await call_a_tool("claude-opus-4-6", nursery)
    got = await send_back([{**thought, **change}, used], "claude-opus-4-6", nursery)
    assert got.status == 400
    assert "Invalid `signature` in `thinking` block. Expected" in got.json["error"]["message"]


async def test_thinking_that_was_never_shown_comes_back_by_its_signature(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    content = await call_a_tool("claude-opus-5-5", nursery)
    assert content[0]["thinking"] == ""
    assert (await send_back(content, "claude-opus-5-5", nursery)).status == 200
    changed = [{**content[0], "signature": "AAAA"}, *content[1:]]
    assert (await send_back(changed, "claude-opus-5-5", nursery)).status == 400


async def test_the_newest_models_know_their_own_thinking_only(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    content = await call_a_tool("claude-opus-5-5", nursery)
    assert (await send_back(content, "claude-sonnet-5-5", nursery)).status == 400
    older = await call_a_tool("claude-opus-4-6", nursery)
    assert (await send_back(older, "claude-sonnet-4-6", nursery)).status == 200


async def test_while_thinking_is_off_nobody_misses_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    _, used = await call_a_tool("claude-opus-4-6", nursery)
    off = {"thinking": {"type": "disabled"}}
    assert (await send_back([used], "claude-opus-4-6", nursery, **off)).status == 200


async def test_nor_once_the_tools_are_done_with(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    _, used = await call_a_tool("claude-opus-4-6", nursery)
    result = {"type": "tool_result", "tool_use_id": used["id"], "content": "12 C"}
    turns = [
        *QUESTION,
        {"role": "assistant", "content": [used]},
        {"role": "user", "content": [result]},
        {"role": "assistant", "content": "12 degrees."},
        *QUESTION,
    ]
    got = await message("claude-opus-4-6", nursery, messages=turns, tools=TOOLS, **ON)
    assert got.status == 200
