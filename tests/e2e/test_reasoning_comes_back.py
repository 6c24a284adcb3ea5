"""A client of OpenAI's chat API never sees signed reasoning; in its tool turns it comes back."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from omen.sim import Fixed, Profile, SimulatedUpstream
from tests.e2e.matrix.by_openai import WEATHER
from tests.e2e.served import open_served

QUICK = Profile(first_token=Fixed(0), gap=Fixed(0), tokens=12)
QUESTION: dict[str, Any] = {"role": "user", "content": "What is the weather?"}


def turn(client: openai.OpenAI, model: str, *, stream: bool) -> str | None:
    """Ask, call the tool, and give its result back as clients do: with the fields they know."""
    more: dict[str, Any] = {"model": model, "tools": [WEATHER], "reasoning_effort": "low"}
    if stream:
        with client.chat.completions.stream(messages=[QUESTION], **more) as streamed:  # type: ignore[list-item]
            message = streamed.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(messages=[QUESTION], **more).choices[0].message  # type: ignore[list-item]
    assert message.tool_calls
    call = message.tool_calls[0].model_dump(include={"id", "type", "function"})
    call["function"] = {name: call["function"][name] for name in ("name", "arguments")}
    said = {"role": "assistant", "content": message.content, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "frogs"}
    answer = client.chat.completions.create(messages=[QUESTION, said, result], **more)  # type: ignore[list-item]
    return answer.choices[0].finish_reason


@pytest.mark.parametrize("stream", [True, False])
async def test_anthropics_thinking_goes_back_signed_and_first(stream: bool) -> None:
    up = SimulatedUpstream("up", "anthropic", QUICK, models=("claude-haiku-4-5",))
    async with open_served(up) as served:
        reason = await served.call(lambda c: turn(c, "claude-haiku-4-5", stream=stream))
        assert reason == "stop"
        second = served.stats["up"].requests[-1].body
        assert second["thinking"]["type"] == "enabled"
        thought, *_, use = second["messages"][1]["content"]
        assert (thought["type"], use["type"]) == ("thinking", "tool_use")
        assert thought["signature"]
        assert thought["thinking"]


@pytest.mark.parametrize("stream", [True, False])
async def test_openais_reasoning_goes_back_encrypted_before_its_call(stream: bool) -> None:
    up = SimulatedUpstream("up", "openai", QUICK, models=("gpt-5.6",))
    async with open_served(up) as served:
        assert await served.call(lambda c: turn(c, "gpt-5.6", stream=stream)) == "stop"
        second = served.stats["up"].requests[-1]
        assert second.path == "/v1/responses"
        kinds = [item.get("type", item.get("role")) for item in second.body["input"]]
        assert kinds == ["user", "reasoning", "function_call", "function_call_output"]
        assert second.body["input"][1]["encrypted_content"]
