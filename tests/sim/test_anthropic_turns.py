"""What Anthropic refuses of any conversation: unknown fields, empty texts, missing results."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.sim.asking import QUESTION, message, said

USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "12 C"}
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]


@pytest.mark.parametrize("name", ["n", "seed", "stop", "omen", "response_format", "user"])
async def test_fields_that_are_unknown_are_refused(name: str, nursery: trio.Nursery) -> None:
    got = await message("claude-sim", nursery, **{name: None})
    assert said(got) == f"{name}: Extra inputs are not permitted"


async def test_some_fields_are_known_in_a_beta_only(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    assert "context_management" in said(
        await message("claude-sim", nursery, context_management={"edits": []})
    )
    beta = "anthropic-beta: context-management-2025-06-27"
    got = await message("claude-sim", nursery, beta, context_management={"edits": []})
    assert got.status == 200
    assert (await message("claude-sim", nursery, beta, omen={})).status == 400


@pytest.mark.parametrize(
    ("messages", "named"),
    [
        ([{"role": "user", "content": ""}], "text content blocks must be non-empty"),
        (
            [{"role": "user", "content": [{"type": "text", "text": ""}]}],
            "text content blocks must be non-empty",
        ),
        ([{"role": "developer", "content": "x"}], "messages.0.role"),
        ([{"role": "tool", "content": "x"}], "messages.0.role"),
        (
            [*QUESTION, {"role": "assistant", "content": [{**USE, "id": "call.1"}]}],
            "messages.1.content.0.tool_use.id: String should match pattern",
        ),
        (
            [*QUESTION, {"role": "assistant", "content": [{**USE, "input": "{}"}]}],
            "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
        ),
        (
            [{"role": "user", "content": [{**RESULT, "tool_use_id": "a b"}]}],
            "messages.0.content.0.tool_result.tool_use_id",
        ),
    ],
)
async def test_what_a_message_may_not_be(
    messages: list[Any], named: str, nursery: trio.Nursery
) -> None:
    assert named in said(await message("claude-sim", nursery, messages=messages))


async def test_only_the_newest_models_take_instructions_in_the_middle(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    messages = [*QUESTION, {"role": "system", "content": "be brief"}]
    assert "messages.1.role" in said(await message("claude-opus-4-6", nursery, messages=messages))
    assert (await message("claude-opus-5-5", nursery, messages=messages)).status == 200


USED = {"role": "assistant", "content": [USE, {**USE, "id": "toolu_2"}]}
SECOND = {**RESULT, "tool_use_id": "toolu_2"}
TEXT = {"type": "text", "text": "well"}
ANSWER = {"role": "assistant", "content": "12 C"}
AGAIN = {"role": "user", "content": [RESULT]}


@pytest.mark.parametrize(
    ("after", "left"),
    [
        ([], "toolu_1, toolu_2"),
        ([{"role": "user", "content": "well"}], "toolu_1, toolu_2"),
        ([{"role": "user", "content": [RESULT]}], "toolu_2"),
        ([{"role": "user", "content": [TEXT, RESULT, SECOND]}], "toolu_1, toolu_2"),
        ([{"role": "user", "content": [RESULT, TEXT, SECOND]}], "toolu_2"),
    ],
)
async def test_every_tool_use_needs_its_result_at_the_beginning_of_the_next_message(
    after: list[Any], left: str, nursery: trio.Nursery
) -> None:
    got = await message("claude-sim", nursery, messages=[*QUESTION, USED, *after])
    assert f"without `tool_result` blocks immediately after: {left}." in said(got)


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "user", "content": [RESULT]}],
        [USED, {"role": "user", "content": [RESULT, SECOND, {**RESULT, "tool_use_id": "toolu_9"}]}],
        [USED, {"role": "user", "content": [RESULT, SECOND]}, ANSWER, AGAIN],
    ],
)
async def test_every_result_needs_its_tool_use_in_the_message_before(
    history: list[Any], nursery: trio.Nursery
) -> None:
    got = await message("claude-sim", nursery, messages=[*QUESTION, *history])
    assert "unexpected `tool_use_id` found in `tool_result` blocks: toolu_" in said(got)


async def test_results_may_come_in_several_messages_of_the_user_which_are_one_turn(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    results = [
        {"role": "user", "content": [RESULT]},
        {"role": "user", "content": [SECOND, TEXT]},
    ]
    got = await message("claude-sim", nursery, messages=[*QUESTION, USED, *results])
    assert got.status == 200


async def test_names_of_tools_have_a_pattern(nursery: trio.Nursery) -> None:
    tools = [*TOOLS, {"name": "a.b", "input_schema": {}}]
    assert "tools.1.custom.name" in said(await message("claude-sim", nursery, tools=tools))
