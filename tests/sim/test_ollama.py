"""Ollama: what its models can do, its lists, and what Go cannot read."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.sim import StreamStats
from tests.sim.asking import FUNCTION, QUESTION, ask, serving
from tests.sim.naive import Received, connect, frames

MODELS = ("qwen3:8b", "gemma3:4b", "nomic-embed-text", "gpt-oss:20b", "llama3.1:8b")


async def chat(model: str, nursery: trio.Nursery, **body: Any) -> Received:
    whole = {"model": model, "messages": QUESTION, "stream": False, **body}
    return await ask(serving("ollama", *MODELS), nursery, "POST", "/api/chat", whole)


@pytest.mark.parametrize(
    ("model", "body", "thinks"),
    [
        ("qwen3:8b", {}, True),
        ("qwen3:8b", {"think": True}, True),
        ("qwen3:8b", {"think": False}, False),
        ("qwen3:8b", {"think": "low"}, True),
        ("gpt-oss:20b", {"think": False}, True),
        ("llama3.1:8b", {}, False),
        ("llama3.1:8b", {"think": False}, False),
    ],
)
async def test_a_model_that_can_think_does_unless_told_not_to(
    model: str,
    body: dict[str, Any],
    thinks: bool,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    got = (await chat(model, nursery, **body)).json
    assert ("thinking" in got["message"]) is thinks
    assert (got["eval_count"] > 4) is thinks


async def test_thinking_streams_in_a_field_of_its_own_before_the_text(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await chat("qwen3:8b", nursery, stream=True, think="low")
    lines = [line["message"] for line in frames("ollama", got.body)]
    thoughts = [line for line in lines if "thinking" in line]
    assert lines[1:5] == thoughts
    assert all(line["content"] == "" for line in thoughts)
    assert frames("ollama", got.body)[-1]["eval_count"] == 4 + 4
    whole = (await chat("qwen3:8b", nursery, think="low")).json
    assert whole["message"]["thinking"] == "".join(line["thinking"] for line in thoughts)


@pytest.mark.parametrize(
    ("model", "body", "status", "text"),
    [
        ("llama3.1:8b", {"think": True}, 400, '"llama3.1:8b" does not support thinking'),
        ("llama3.1:8b", {"think": "high"}, 400, '"llama3.1:8b" does not support thinking'),
        ("qwen3:8b", {"think": "xhigh"}, 400, 'invalid think value: "xhigh"'),
        ("gemma3:4b", {"tools": [FUNCTION]}, 400, '"gemma3:4b" does not support tools'),
        ("nomic-embed-text", {}, 400, '"nomic-embed-text" does not support chat'),
        ("nope:latest", {}, 404, "model 'nope:latest' not found"),
        ("", {}, 400, "model is required"),
        ("llama3.1:8b", {"format": "yaml"}, 400, 'invalid format: "yaml"'),
        (
            "llama3.1:8b",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
            400,
            "json: cannot unmarshal array into Go struct field",
        ),
        (
            "llama3.1:8b",
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]}
                ]
            },
            400,
            "json: cannot unmarshal string into Go struct field",
        ),
    ],
)
async def test_what_is_refused_is_told_as_a_string(
    model: str, body: dict[str, Any], status: int, text: str, nursery: trio.Nursery
) -> None:
    got = await chat(model, nursery, **body)
    assert (got.status, list(got.json)) == (status, ["error"])
    assert got.json["error"].startswith(text)


@pytest.mark.parametrize(
    ("model", "capabilities"),
    [
        ("qwen3:8b", ["completion", "tools", "thinking"]),
        ("gemma3:4b", ["completion", "vision"]),
        ("nomic-embed-text", ["embedding"]),
        ("llama3.1:8b", ["completion", "tools"]),
    ],
)
async def test_what_a_model_can_do_stands_in_show_and_in_tags(
    model: str, capabilities: list[str], nursery: trio.Nursery
) -> None:
    upstream = serving("ollama", *MODELS)
    shown = (await ask(upstream, nursery, "POST", "/api/show", {"model": model})).json
    assert shown["capabilities"] == capabilities
    architecture = shown["model_info"]["general.architecture"]
    context = shown["model_info"][f"{architecture}.context_length"]
    assert isinstance(context, int)
    tags = (await ask(upstream, nursery, "GET", "/api/tags")).json["models"]
    tagged = model if ":" in model else f"{model}:latest"
    (listed,) = [entry for entry in tags if entry["name"] == tagged]
    assert listed["capabilities"] == capabilities
    assert listed["details"]["context_length"] == context
    assert listed["model"] == tagged


async def test_ps_lists_the_models_that_have_answered_so_far(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    client = connect(serving("ollama", *MODELS), nursery, stats)
    assert (await client.ask("GET", "/api/ps")).json == {"models": []}
    for model in ("nomic-embed-text", "nomic-embed-text:latest"):
        await client.ask("POST", "/api/embed", {"model": model, "input": "x"})
    (loaded,) = (await client.ask("GET", "/api/ps")).json["models"]
    assert loaded["name"] == "nomic-embed-text:latest"
    assert {"size_vram", "expires_at", "context_length"} < set(loaded)


@pytest.mark.parametrize(("keep_alive", "reason"), [(None, "load"), ("5m", "load"), (0, "unload")])
async def test_no_messages_load_a_model_or_throw_it_out(
    keep_alive: Any, reason: str, nursery: trio.Nursery
) -> None:
    got = (await chat("llama3.1:8b", nursery, messages=[], keep_alive=keep_alive)).json
    assert (got["done"], got["done_reason"]) == (True, reason)
    assert got["message"]["content"] == ""
