"""What is sent to /api/chat, and what is refused because it cannot be said there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from omen.core.cards import ModelCard
from omen.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    Opaque,
    ResponseFormat,
    TextPart,
    Tool,
)
from omen.core.errors import FailureKind, UpstreamFailure
from omen.providers import ollama
from tests.providers.asking import HELLO, PNG, body, called, candidate, result, said, shown, wire


def sent(request: ChatRequest, model: str = "qwen3:8b") -> dict[str, Any]:
    return body("ollama", request, model)


def test_a_question_and_nothing_else() -> None:
    assert sent(HELLO) == {
        "model": "qwen3:8b",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "truncate": False,
    }


def test_its_own_fields_may_be_sent_beside_openais() -> None:
    own = {
        "keep_alive": "5m",
        "think": "low",
        "truncate": True,
        "options": {"num_ctx": 9, "seed": 1},
    }
    written = sent(ChatRequest(HELLO.messages, seed=2, extras={**own, "brand_new": 1}))
    assert {name: written[name] for name in own} == {**own, "options": {"num_ctx": 9, "seed": 2}}
    assert "brand_new" not in written


def test_its_own_options_may_be_sent_beside_openais() -> None:
    own = {"num_ctx": 9, "top_k": 5, "min_p": 0.1, "typical_p": 0.7, "repeat_penalty": 1.1}
    said = {**own, "options": {"top_k": 1, "mirostat": 1}, "num_gpu": 1}
    assert sent(replace(HELLO, extras=said))["options"] == {**own, "mirostat": 1}
    assert "options" not in sent(replace(HELLO, extras={"top_k": None}))


@pytest.mark.parametrize(
    ("api_key", "auth"), [(None, {}), ("secret", {"authorization": "Bearer secret"})]
)
def test_where_it_goes_and_with_which_key(api_key: str | None, auth: dict[str, str]) -> None:
    request = wire("ollama", HELLO, base_url="http://gpu.test:11434", api_key=api_key)
    assert (request.method, request.url) == ("POST", "http://gpu.test:11434/api/chat")
    assert request.headers == {
        "content-type": "application/json",
        "accept": "application/x-ndjson",
        **auth,
    }


@pytest.mark.parametrize(
    ("messages", "written"),
    [
        pytest.param(
            (said("developer", "Be brief."), said("user", "Hi")),
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
            id="developer is system",
        ),
        pytest.param(
            (shown("user", TextPart("a"), ImagePart(PNG), TextPart("b")),),
            [{"role": "user", "content": "ab", "images": ["iVBORw0KGgo="]}],
            id="text parts are joined, images stand beside",
        ),
        pytest.param(
            (
                called(("call_1", "sky", '{"b": 1, "a": 2}'), ("call_2", "sun", "")),
                result("call_2", "hot"),
                result("call_9", "?"),
            ),
            [
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "function": {"index": 0, "name": "sky", "arguments": {"b": 1, "a": 2}},
                        },
                        {
                            "id": "call_2",
                            "function": {"index": 1, "name": "sun", "arguments": {}},
                        },
                    ],
                },
                {"role": "tool", "content": "hot", "tool_name": "sun", "tool_call_id": "call_2"},
                {"role": "tool", "content": "?", "tool_call_id": "call_9"},
            ],
            id="calls with arguments as objects, results with the tool's name where it is known",
        ),
    ],
)
def test_messages(messages: tuple[Message, ...], written: list[dict[str, Any]]) -> None:
    assert sent(ChatRequest(messages))["messages"] == written


def test_arguments_keep_the_order_of_their_keys() -> None:
    request = ChatRequest((called(("c", "f", '{"b": 1, "a": 2}')),))
    assert b'{"b":1,"a":2}' in wire("ollama", request).body


FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"tools": (Tool("f"),)}, {"tools": [{"type": "function", "function": FUNCTION}]}),
        (
            {"tools": (Tool("f", "Does.", {"type": "object"}, strict=True),)},
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "f",
                            "description": "Does.",
                            "parameters": {"type": "object"},
                        },
                    }
                ]
            },
        ),
        ({"tools": (Tool("f"),), "tool_choice": "none"}, {}),
        (
            {"tools": (Tool("f"),), "tool_choice": "auto"},
            {"tools": [{"type": "function", "function": FUNCTION}]},
        ),
        ({"response_format": ResponseFormat("text")}, {}),
        ({"response_format": ResponseFormat("json_object")}, {"format": "json"}),
        (
            {"response_format": ResponseFormat("json_schema", schema={"type": "object"})},
            {"format": {"type": "object"}},
        ),
        ({"max_tokens": 5}, {"options": {"num_predict": 5}}),
        (
            {"temperature": 0.0, "top_p": 0.5, "seed": 7, "stop": ("a",)},
            {"options": {"temperature": 0.0, "top_p": 0.5, "seed": 7, "stop": ["a"]}},
        ),
        (
            {"presence_penalty": 0.1, "frequency_penalty": 0.2},
            {"options": {"presence_penalty": 0.1, "frequency_penalty": 0.2}},
        ),
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"user": "u", "parallel_tool_calls": False, "extras": {"store": True}}, {}),
    ],
)
def test_each_thing_a_client_can_say_and_only_that(
    fields: dict[str, Any], written: dict[str, Any]
) -> None:
    assert sent(replace(HELLO, **fields)) == {**sent(HELLO), **written}


@pytest.mark.parametrize(
    ("model", "effort", "think"),
    [
        ("qwen3:8b", "none", False),
        ("qwen3:8b", "minimal", "low"),
        ("qwen3:8b", "medium", "medium"),
        ("qwen3:8b", "xhigh", "max"),
        ("qwen3:8b", "unheard-of", None),
        ("gpt-oss:20b", "none", "low"),
        ("someone/gpt-oss:20b", "max", "high"),
    ],
)
def test_reasoning_effort(model: str, effort: str, think: str | bool | None) -> None:
    assert sent(replace(HELLO, reasoning_effort=effort), model).get("think") == think


@pytest.mark.parametrize(
    ("abilities", "asked"),
    [(None, "high"), (frozenset({"tools", "reasoning"}), "high"), (frozenset({"tools"}), None)],
)
def test_a_model_that_is_known_not_to_think_is_not_asked_to(
    abilities: frozenset[str] | None, asked: str | None
) -> None:
    chosen = replace(candidate("ollama", "m"), card=ModelCard(abilities=abilities))
    for thinking in ({"reasoning_effort": "high"}, {"extras": {"think": "high"}}):
        body = json.loads(ollama.encode(replace(HELLO, **thinking), chosen).body)
        assert body.get("think") == asked
    silent = replace(HELLO, extras={"think": False})
    assert json.loads(ollama.encode(silent, chosen).body)["think"] is False


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(replace(HELLO, tool_choice="required"), id="a forced call"),
        pytest.param(replace(HELLO, tool_choice=NamedTool("f")), id="a forced tool"),
        pytest.param(replace(HELLO, tool_choice=Opaque({"type": "x"})), id="another choice"),
        pytest.param(replace(HELLO, tools=(Opaque({"type": "custom"}),)), id="another tool"),
        pytest.param(
            ChatRequest((shown("user", ImagePart("https://i/x.png")),)), id="an image to fetch"
        ),
        pytest.param(
            ChatRequest((shown("user", ImagePart("data:image/gif;base64,AA==")),)), id="a gif"
        ),
        pytest.param(
            ChatRequest((Message("user", (Opaque({"type": "file"}),)),)), id="another part"
        ),
        pytest.param(ChatRequest((called(("c", "f", "{cut")),)), id="arguments that are no JSON"),
        pytest.param(ChatRequest(()), id="nothing, which loads the model"),
    ],
)
def test_what_cannot_be_said_is_left_to_another_candidate(request_: ChatRequest) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        sent(request_)
    assert caught.value.kind is FailureKind.UNSUPPORTED
    assert caught.value.failover


def test_thinking_goes_back_with_the_calls_that_it_led_to_and_with_nothing_else() -> None:
    thought = {"reasoning_content": "I should look."}
    call = replace(called(("c", "f", "{}")), extras=thought)
    spoken = replace(said("assistant", "Hello."), extras=thought)
    written = body("ollama", replace(HELLO, messages=(*HELLO.messages, call, spoken)))["messages"]
    assert [message.get("thinking") for message in written] == [None, "I should look.", None]
