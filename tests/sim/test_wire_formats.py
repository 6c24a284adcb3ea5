"""What the three dialects write, held against the documented formats by naive readers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from omen.sim import Fixed, Profile, SimulatedUpstream, answer_text
from tests.sim.naive import KINDS, connect, finish, frames, sse, streamed_text

QUICK = Profile(first_token=Fixed(0.1), gap=Fixed(0.1), tokens=3)
CITY = {"city": "simulated", "days": 1, "units": "C"}


def upstream(kind: str) -> SimulatedUpstream:
    return SimulatedUpstream(f"sim-{kind}", kind, QUICK)


async def test_openai_streams_chunks_that_share_id_and_time_then_done(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream("openai"), nursery).chat("openai")
    assert got.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert got.headers["x-request-id"]
    assert got.complete
    assert sse(got.body)[-1] == ("", "[DONE]")
    chunks = frames("openai", got.body)
    assert {tuple(chunk) for chunk in chunks} == {
        ("id", "object", "created", "model", "service_tier", "system_fingerprint", "choices")
    }
    assert len({(c["id"], c["created"], c["object"], c["model"]) for c in chunks}) == 1
    assert chunks[0]["object"] == "chat.completion.chunk"
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert [(choice["delta"], choice["finish_reason"]) for choice in choices] == [
        ({"role": "assistant", "content": "", "refusal": None}, None),
        ({"content": "This"}, None),
        ({"content": " is"}, None),
        ({"content": " sim-openai"}, None),
        ({}, "stop"),
    ]


async def test_openai_reports_usage_in_a_chunk_of_its_own_to_those_who_ask(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    client = connect(upstream("openai"), nursery)
    got = await client.chat("openai", stream_options={"include_usage": True})
    *chunks, last = frames("openai", got.body)
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    usage = last["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (3, 3, 6)


async def test_anthropic_streams_named_events_in_the_documented_order(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream("anthropic"), nursery).chat("anthropic")
    assert got.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert got.headers["request-id"]
    events = [(name, json.loads(data)) for name, data in sse(got.body)]
    assert all(name == data["type"] for name, data in events)
    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    message = events[0][1]["message"]
    assert (message["role"], message["content"], message["stop_reason"]) == ("assistant", [], None)
    assert message["usage"]["input_tokens"] == 3
    assert events[1][1]["content_block"] == {"type": "text", "text": ""}
    assert events[4][1]["delta"] == {"type": "text_delta", "text": " is"}
    assert events[-2][1]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert events[-2][1]["usage"]["output_tokens"] == 3


async def test_ollama_streams_lines_the_last_of_which_is_done_and_counts(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream("ollama"), nursery).chat("ollama")
    assert got.headers["content-type"] == "application/x-ndjson"
    assert got.body.endswith(b"}\n")
    *lines, last = frames("ollama", got.body)
    assert all(line["done"] is False for line in lines)
    assert all(set(line) == {"model", "created_at", "message", "done"} for line in lines)
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert (last["prompt_eval_count"], last["eval_count"]) == (3, 3)
    assert (last["prompt_eval_duration"], last["eval_duration"]) == (100_000_000, 200_000_000)


async def test_ollama_leaves_out_what_is_zero(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream("ollama"), nursery).chat("ollama", options={"num_predict": 1})
    last = frames("ollama", got.body)[-1]
    assert last["eval_count"] == 1
    assert "eval_duration" not in last


@pytest.mark.parametrize("kind", KINDS)
async def test_the_text_is_the_providers_own_streamed_or_not(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    client = connect(upstream(kind), nursery)
    streamed = await client.chat(kind)
    whole = (await client.chat(kind, stream=False)).json
    text = answer_text(f"sim-{kind}", 3)
    assert streamed_text(kind, streamed.body) == text
    match kind:
        case "openai" | "azure" | "xai":
            assert whole["object"] == "chat.completion"
            assert whole["choices"][0]["message"]["content"] == text
            assert whole["choices"][0]["finish_reason"] == "stop"
            assert whole["usage"]["completion_tokens"] == 3
        case "anthropic":
            assert whole["content"] == [{"type": "text", "text": text}]
            assert (whole["type"], whole["stop_reason"]) == ("message", "end_turn")
            assert whole["usage"]["output_tokens"] == 3
        case "ollama":
            assert whole["message"] == {"role": "assistant", "content": text}
            assert (whole["done"], whole["eval_count"]) == (True, 3)


@pytest.mark.parametrize(
    ("kind", "limit", "reason"),
    [
        ("openai", {"max_tokens": 2}, "length"),
        ("openai", {"max_completion_tokens": 2}, "length"),
        ("anthropic", {"max_tokens": 2}, "max_tokens"),
        ("ollama", {"options": {"num_predict": 2}}, "length"),
    ],
)
async def test_a_limit_cuts_the_answer_and_is_named_as_the_reason(
    kind: str,
    limit: dict[str, object],
    reason: str,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    got = await connect(upstream(kind), nursery).chat(kind, **limit)
    assert streamed_text(kind, got.body) == answer_text(f"sim-{kind}", 2)
    assert finish(kind, got.body) == reason


async def test_openai_names_the_tool_first_and_then_cuts_its_arguments_anywhere(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream("openai"), nursery).chat("openai", tools=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in frames("openai", got.body)]
    assert deltas[0] == {"role": "assistant", "content": None, "refusal": None}
    (first,), *rest = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert first["function"] == {"name": "lookup_weather", "arguments": ""}
    assert (first["index"], first["type"]) == (0, "function")
    assert first["id"]
    assert all(set(call) == {"index", "function"} for (call,) in rest)
    assert len(rest) > 3
    assert json.loads("".join(call["function"]["arguments"] for (call,) in rest)) == CITY
    assert finish("openai", got.body) == "tool_calls"


async def test_anthropic_opens_a_tool_use_block_and_cuts_its_input_anywhere(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream("anthropic"), nursery).chat("anthropic", tools=True)
    events = frames("anthropic", got.body)
    (block,) = [e["content_block"] for e in events if e["type"] == "content_block_start"]
    assert (block["type"], block["name"], block["input"]) == ("tool_use", "lookup_weather", {})
    pieces = [e["delta"]["partial_json"] for e in events if e["type"] == "content_block_delta"]
    assert pieces[0] == ""
    assert json.loads("".join(pieces)) == CITY
    assert finish("anthropic", got.body) == "tool_use"


async def test_ollama_sends_a_tool_call_whole_and_says_stop(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream("ollama"), nursery).chat("ollama", tools=True)
    calls = [line["message"].get("tool_calls") for line in frames("ollama", got.body)]
    (call,) = next(call for call in calls if call)
    assert call["function"] == {"index": 0, "name": "lookup_weather", "arguments": CITY}
    assert finish("ollama", got.body) == "stop"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tool_call_that_is_not_streamed_comes_whole(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream(kind), nursery).chat(kind, tools=True, stream=False)
    match kind:
        case "openai" | "azure" | "xai":
            message = got.json["choices"][0]["message"]
            assert not message["content"]
            assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == CITY
        case "anthropic":
            assert got.json["content"][0]["input"] == CITY
        case "ollama":
            assert got.json["message"]["tool_calls"][0]["function"]["arguments"] == CITY


NAME = "lookup_weather"
CALL = {"id": "call_1", "type": "function", "function": {"name": NAME, "arguments": "{}"}}
CALLED: list[dict[str, Any]] = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "12 C"},
]
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": NAME, "input": {}}
TOOL_RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "12 C"}
RESULTS: dict[str, list[dict[str, Any]]] = {
    **dict.fromkeys(("openai", "azure", "xai"), CALLED),
    "anthropic": [
        {"role": "assistant", "content": [TOOL_USE]},
        {"role": "user", "content": [TOOL_RESULT]},
    ],
    # Its server takes a result whose call it was not shown, too.
    "ollama": [{"role": "tool", "tool_name": NAME, "content": "12 C"}],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_tool_result_the_answer_is_text_again(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    messages = [{"role": "user", "content": "weather?"}, *RESULTS[kind]]
    got = await connect(upstream(kind), nursery).chat(kind, tools=True, messages=messages)
    assert streamed_text(kind, got.body) == answer_text(f"sim-{kind}", 3)


@pytest.mark.parametrize(("kind", "none"), [("openai", "none"), ("anthropic", {"type": "none"})])
async def test_tools_that_may_not_be_called_are_not(
    kind: str, none: object, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await connect(upstream(kind), nursery).chat(kind, tools=True, tool_choice=none)
    assert streamed_text(kind, got.body) == answer_text(f"sim-{kind}", 3)
