"""The official openai SDK's Responses against OMEN, over sockets, and what Codex sends."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pydantic
import pytest
import trio

from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import MidstreamError, Status
from tests.e2e.served import Served, open_served
from tests.world import upstream, whole

KINDS = ("openai", "anthropic", "ollama", "azure", "xai")
RACE = {"omen": {"strategy": "race", "k": 3}}
FLEET = (
    upstream("fast", "ollama", first_token=0.01, gap=0.0),
    upstream("slow", "anthropic", first_token=9.0),
    upstream("slower", "openai", first_token=9.0),
)
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "?",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


def quick(kind: str) -> SimulatedUpstream:
    return upstream("up", kind, first_token=0.0, gap=0.0, tokens=10)


@pytest.mark.parametrize("kind", KINDS)
async def test_create_whole_and_streamed(kind: str) -> None:
    async with open_served(quick(kind)) as served:
        answer = await served.call(lambda c: c.responses.create(model="m", input="hi"))
        assert answer.output_text == whole("up")
        assert answer.status == "completed"
        assert answer.usage is not None
        assert answer.usage.output_tokens > 0
        events = await served.call(
            lambda c: list(c.responses.create(model="m", input="hi", stream=True))
        )
        assert [event.sequence_number for event in events] == list(range(len(events)))
        deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
        assert "".join(deltas) == whole("up")
        assert events[-1].type == "response.completed"
        assert events[-1].response.output_text == whole("up")
        await served.assert_nothing_left()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_streaming_helper_adds_it_up(kind: str) -> None:
    def run(client: openai.OpenAI) -> Any:
        with client.responses.stream(model="m", input="hi", tools=[TOOL]) as stream:
            return [event.type for event in stream], stream.get_final_response()

    async with open_served(quick(kind)) as served:
        types, final = await served.call(run)
    assert types[0] == "response.created"
    assert types[-1] == "response.completed"
    (call,) = [item for item in final.output if item.type == "function_call"]
    assert call.name == "get_weather"
    assert isinstance(json.loads(call.arguments), dict)
    assert call.status == "completed"


async def test_an_object_is_parsed() -> None:
    class Weather(pydantic.BaseModel):
        city: str

    def run(client: openai.OpenAI) -> Any:
        return client.responses.create(
            model="m",
            input="hi",
            text={
                "format": {
                    "type": "json_schema",
                    "name": "weather",
                    "schema": Weather.model_json_schema(),
                    "strict": True,
                }
            },
        )

    async with open_served(quick("openai")) as served:
        answer = await served.call(run)
    assert answer.status == "completed"
    assert answer.text.format.type == "json_schema"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_and_its_result_make_a_conversation(kind: str) -> None:
    async with open_served(quick(kind)) as served:
        first = await served.call(lambda c: c.responses.create(model="m", input="hi", tools=[TOOL]))
        (call,) = [item for item in first.output if item.type == "function_call"]
        history: Any = [
            {"role": "user", "content": "hi"},
            *[item.model_dump(exclude_none=True) for item in first.output],
            {"type": "function_call_output", "call_id": call.call_id, "output": "rain"},
        ]
        second = await served.call(lambda c: c.responses.create(model="m", input=history))
        assert second.output_text == whole("up")


async def test_a_race_and_what_it_came_to() -> None:
    async with open_served(*FLEET) as served:
        answer = await served.call(
            lambda c: c.responses.with_raw_response.create(
                model="m", input="hi", extra_body={"omen": {**RACE["omen"], "explain": True}}
            )
        )
        assert answer.headers["x-omen-provider"] == "fast"
        assert "x-omen-cost-usd" in answer.headers
        told = json.loads(answer.text)["omen"]
        assert (told["winner"], len(told["attempts"])) == ("fast/m", 3)
        await served.assert_nothing_left()


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
    ],
)
async def test_what_needs_a_memory_is_refused_by_name(more: dict[str, Any], param: str) -> None:
    async with open_served(quick("openai")) as served:
        with pytest.raises(openai.BadRequestError) as told:
            await served.call(
                lambda c: c.responses.create(model="m", input="hi", **{"tools": [TOOL], **more})
            )
    assert told.value.param == param


async def test_an_error_before_and_an_error_within() -> None:
    broken = SimulatedUpstream(
        "broken", "openai", Profile(faults=(Status(1.0, status=503),)), models=("b",)
    )
    fault = MidstreamError(1.0, after_tokens=20)
    profile = Profile(first_token=Fixed(0), gap=Fixed(0.01), tokens=30, faults=(fault,))
    dying = SimulatedUpstream("dying", "openai", profile, models=("d",))
    async with open_served(broken, dying) as served:
        with pytest.raises(openai.InternalServerError, match="broken/b"):
            await served.call(lambda c: c.responses.create(model="b", input="x", stream=True))
        events = await served.call(
            lambda c: list(c.responses.create(model="d", input="x", stream=True))
        )
        assert events[-1].type == "response.failed"
        assert events[-1].response.error is not None
        assert events[-1].sequence_number == len(events) - 1
        assert events[0].response.id == events[-1].response.id


CODEX: dict[str, Any] = {
    "model": "m",
    "instructions": "You are a coding agent.",
    "input": [
        {
            "type": "message",
            "role": "developer",
            "content": [{"type": "input_text", "text": "<permissions>"}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "fix it"}],
        },
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA", "content": None},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Looking."}],
        },
        {
            "type": "function_call",
            "name": "shell",
            "arguments": '{"command": ["ls"]}',
            "call_id": "call_1",
        },
        {
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": "call_2",
            "name": "apply_patch",
            "input": "*** Begin Patch",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "a.py"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "Done!"},
    ],
    "tools": [
        {
            "type": "function",
            "name": "shell",
            "description": "Runs a command",
            "strict": False,
            "parameters": {"type": "object", "properties": {}},
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Edits files",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
        },
        {"type": "web_search", "external_web_access": False},
        {
            "type": "namespace",
            "name": "multi_agent_v1",
            "description": "Other agents",
            "tools": [{"type": "function", "name": "spawn", "parameters": {"type": "object"}}],
        },
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199a213-81c0-7800-8aa1-bbab2a035a53",
    "text": {"verbosity": "low"},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_codex_sends_is_answered(kind: str) -> None:
    async with open_served(quick(kind)) as served:
        # It sends an effort for models of which it knows that they think; the simulated Ollama's
        # does not, and without probes nobody has asked.
        answer = await post(served, {**CODEX, "reasoning": None} if kind == "ollama" else CODEX)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [
            json.loads(line.removeprefix("data: "))
            for line in answer.text.splitlines()
            if line.startswith("data: ")
        ]
        assert events[-1]["type"] == "response.completed"
        assert events[-1]["response"]["output"][-1]["status"] == "completed"


async def test_an_item_that_only_openai_could_look_up_is_refused_in_words_by_others() -> None:
    async with open_served(quick("xai")) as served:
        answer = await post(
            served, {"model": "m", "input": [{"type": "item_reference", "id": "x"}]}
        )
    assert answer.status_code == 400
    assert "of the type item_reference" in answer.json()["error"]["message"]


async def post(served: Served, body: dict[str, Any]) -> httpx.Response:
    return await trio.to_thread.run_sync(
        lambda: httpx.post(served.url + "/v1/responses", json=body, timeout=30)
    )
