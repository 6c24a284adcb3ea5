"""What Responses refuses: fields of another route, items in the wrong form or without others."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.sim.asking import FUNCTION, TOOL, ask, error_of, serving
from tests.sim.naive import Received

CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "12 C"}
USER = {"role": "user", "content": [{"type": "input_text", "text": "weather?"}]}
SAID = {"role": "assistant", "content": [{"type": "output_text", "text": "yes"}]}


async def respond(nursery: trio.Nursery, model: str = "gpt-5.4", **body: Any) -> Received:
    whole = {"model": model, "input": "hello", **body}
    return await ask(serving("openai", model), nursery, "POST", "/v1/responses", whole)


@pytest.mark.parametrize(
    "name", ["messages", "stop", "seed", "n", "presence_penalty", "logit_bias", "max_tokens"]
)
async def test_fields_of_chat_completions_are_unknown_here(
    name: str, nursery: trio.Nursery
) -> None:
    got = await respond(nursery, **{name: 1})
    assert error_of(got) == (400, f"Unknown parameter: '{name}'.", name)
    assert got.json["error"]["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"temperature": 0.5}, "temperature"),
        ({"reasoning": {"effort": "hard"}}, "reasoning.effort"),
        ({"tools": [FUNCTION]}, "tools[0].name"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
    ],
)
async def test_what_is_missing_or_wrong_is_named(
    body: dict[str, Any], param: str, nursery: trio.Nursery
) -> None:
    status, _, named = error_of(await respond(nursery, **body))
    assert (status, named) == (400, param)


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "user", "content": [{"type": "text", "text": "x"}]}, "input[0].content[0]"),
        (
            {"role": "user", "content": [{"type": "output_text", "text": "x"}]},
            "input[0].content[0]",
        ),
        (
            {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]},
            "input[0].content[0]",
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]},
            "input[0].content[0].image_url",
        ),
        ({"role": "tool", "content": "12 C"}, "input[0].role"),
        ({"type": "function_call", "call_id": "call_1", "name": "f"}, "input[0].arguments"),
        ({"type": "function_call", "id": "call_1", "arguments": "{}"}, "input[0].call_id"),
    ],
)
async def test_items_of_the_wrong_form_are_named_by_their_place(
    item: dict[str, Any], param: str, nursery: trio.Nursery
) -> None:
    status, _, named = error_of(await respond(nursery, input=[item]))
    assert (status, named) == (400, param)


async def test_a_call_and_its_output_need_each_other(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    assert (await respond(nursery, input=[USER, CALL, OUTPUT])).status == 200
    got = await respond(nursery, input=[USER, OUTPUT])
    assert "No tool call found for function call output" in got.json["error"]["message"]
    got = await respond(nursery, input=[USER, CALL])
    assert "No tool output found for function call call_1." in got.json["error"]["message"]


async def test_a_call_that_names_its_item_needs_the_reasoning_before_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    tools = [{"type": "function", **TOOL}]
    thought, called = (await respond(nursery, tools=tools)).json["output"]
    output = {**OUTPUT, "call_id": called["call_id"]}
    got = await respond(nursery, input=[USER, called, output])
    assert got.status == 400
    assert (
        f"without its required 'reasoning' item: '{thought['id']}'" in got.json["error"]["message"]
    )
    assert (await respond(nursery, input=[USER, thought, called, output])).status == 200
    anonymous = {name: value for name, value in called.items() if name != "id"}
    assert (await respond(nursery, input=[USER, anonymous, output])).status == 200


async def test_after_the_output_of_a_call_the_answer_is_text(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    tools = [{"type": "function", **TOOL}]
    got = await respond(nursery, "gpt-4.1", input=[USER, CALL, OUTPUT], tools=tools)
    assert [item["type"] for item in got.json["output"]] == ["message"]


async def test_the_question_is_found_in_the_items_so_that_fates_are_those_of_chat_completions(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await respond(nursery, "gpt-4.1", input=[SAID, USER], instructions="be brief")
    assert got.json["usage"]["input_tokens"] == (1 + 2) + (1 + 1) + (1 + 2)


@pytest.mark.parametrize(
    ("choice", "called"),
    [("none", "message"), ("required", "a"), ({"type": "function", "name": "b"}, "b")],
)
async def test_a_tool_choice_is_heeded(
    choice: Any, called: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    tools = [{"type": "function", "name": name} for name in ("a", "b")]
    got = await respond(nursery, "gpt-4.1", tools=tools, tool_choice=choice)
    (item,) = got.json["output"]
    assert item.get("name", item["type"]) == called
