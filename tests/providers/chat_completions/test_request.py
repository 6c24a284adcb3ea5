"""What is sent in the chat-completions dialect: what the client said, and that it is a stream."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from omen.core.chat import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    NamedTool,
    Opaque,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
)
from tests.providers.asking import HELLO, PNG, body, called, result, said, shown, wire

STREAMED = {"model": "some-model", "stream": True, "stream_options": {"include_usage": True}}
LOOKUP = Tool("lookup", "Looks up.", {"type": "object", "properties": {"q": {}}}, strict=True)
PDF = "data:application/pdf;base64,aGk="
DIALECT = ["openai", "openai_compatible", "xai", "azure"]


@pytest.mark.parametrize("kind", DIALECT)
def test_a_question_and_nothing_else(kind: str) -> None:
    assert body(kind, HELLO) == {**STREAMED, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(
    ("kind", "base_url", "url", "auth"),
    [
        ("openai", "https://a.test/v1", "https://a.test/v1/chat/completions", "authorization"),
        ("xai", "https://x.test/v1", "https://x.test/v1/chat/completions", "authorization"),
        ("openai_compatible", "http://b/api", "http://b/api/chat/completions", "authorization"),
        ("azure", "https://r.test", "https://r.test/openai/v1/chat/completions", "api-key"),
        (
            "azure",
            "https://r.test/openai/v1",
            "https://r.test/openai/v1/chat/completions",
            "api-key",
        ),
    ],
)
def test_where_it_goes_and_with_which_key(kind: str, base_url: str, url: str, auth: str) -> None:
    request = wire(kind, HELLO, base_url=base_url)
    assert (request.method, request.url) == ("POST", url)
    assert request.headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        auth: "secret" if kind == "azure" else "Bearer secret",
    }


@pytest.mark.parametrize("kind", DIALECT)
def test_without_a_key_there_is_no_auth_header(kind: str) -> None:
    headers = wire(kind, HELLO, api_key=None).headers
    assert set(headers) == {"content-type", "accept"}


@pytest.mark.parametrize(
    ("message", "written"),
    [
        pytest.param(
            said("developer", "Be brief."),
            {"role": "developer", "content": "Be brief."},
            id="a plain string leaves as one",
        ),
        pytest.param(
            Message("user"),
            {"role": "user", "content": ""},
            id="an empty message has an empty string",
        ),
        pytest.param(
            shown("user", TextPart("Look"), ImagePart(PNG, detail="low"), ImagePart("http://i/x")),
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "http://i/x"}},
                ],
            },
            id="parts leave as parts",
        ),
        pytest.param(
            shown("user", TextPart("Look", extras={"prompt_cache_breakpoint": {"ttl": "30m"}})),
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look", "prompt_cache_breakpoint": {"ttl": "30m"}}
                ],
            },
            id="unknown keys of a part go through",
        ),
        pytest.param(
            Message("user", (Opaque({"type": "input_audio", "input_audio": {"data": "x"}}),)),
            {
                "role": "user",
                "content": [{"type": "input_audio", "input_audio": {"data": "x"}}],
            },
            id="a part of unknown kind goes through",
        ),
        pytest.param(
            called(("call_1", "lookup", '{"q": 1}')),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "lookup", "arguments": '{"q": 1}'},
                    }
                ],
            },
            id="arguments keep every byte",
        ),
        pytest.param(
            Message("assistant", tool_calls=(ToolCall("c", "f", "", {"x": 1, "id": "not this"}),)),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "x": 1,
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": ""},
                    }
                ],
            },
            id="unknown keys of a call go through",
        ),
        pytest.param(
            Message("user", (FilePart(PDF, "a", {"x": 1}),), single_text=False),
            {
                "role": "user",
                "content": [{"x": 1, "type": "file", "file": {"file_data": PDF, "filename": "a"}}],
            },
            id="unknown keys of a file go through",
        ),
        pytest.param(
            result("call_1", "42"),
            {"role": "tool", "tool_call_id": "call_1", "content": "42"},
            id="a tool's result",
        ),
        pytest.param(
            Message("assistant", extras={"refusal": "No.", "content": "not this"}),
            {"role": "assistant", "content": None, "refusal": "No."},
            id="unknown keys of a message go through, known ones are ours",
        ),
    ],
)
def test_messages(message: Message, written: dict[str, Any]) -> None:
    assert body("openai", ChatRequest((message,)))["messages"] == [written]


@pytest.mark.parametrize(
    ("request_fields", "written"),
    [
        ({"tools": (Tool("f"),)}, {"tools": [{"type": "function", "function": {"name": "f"}}]}),
        (
            {"tools": (Tool("f", extras={"x": 1, "type": "not this"}),)},
            {"tools": [{"x": 1, "type": "function", "function": {"name": "f"}}]},
        ),
        (
            {"tools": (LOOKUP,)},
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "lookup",
                            "description": "Looks up.",
                            "parameters": {"type": "object", "properties": {"q": {}}},
                            "strict": True,
                        },
                    }
                ]
            },
        ),
        (
            {"tools": (Opaque({"type": "custom", "custom": {"name": "c"}}),)},
            {"tools": [{"type": "custom", "custom": {"name": "c"}}]},
        ),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        (
            {"tool_choice": NamedTool("f")},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        ),
        (
            {"tool_choice": Opaque({"type": "allowed_tools", "allowed_tools": {}})},
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}},
        ),
        ({"tool_choice": "auto"}, {}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {}),
        (
            {"tools": (Tool("f"),), "tool_choice": "none", "parallel_tool_calls": False},
            {
                "tools": [{"type": "function", "function": {"name": "f"}}],
                "tool_choice": "none",
                "parallel_tool_calls": False,
            },
        ),
        (
            {"response_format": ResponseFormat("json_object")},
            {"response_format": {"type": "json_object"}},
        ),
        (
            {"response_format": ResponseFormat("json_schema", "n", {"type": "object"}, True, "d")},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "n",
                        "description": "d",
                        "schema": {"type": "object"},
                        "strict": True,
                    },
                }
            },
        ),
        ({"temperature": 0.0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
        (
            {"presence_penalty": 0.1, "frequency_penalty": -0.1},
            {"presence_penalty": 0.1, "frequency_penalty": -0.1},
        ),
        ({"stop": ("a", "\n")}, {"stop": ["a", "\n"]}),
        ({"seed": 7, "user": "u"}, {"seed": 7, "user": "u"}),
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        (
            {"extras": {"service_tier": "flex", "metadata": {"a": "b"}}},
            {"service_tier": "flex", "metadata": {"a": "b"}},
        ),
    ],
)
def test_each_thing_a_client_can_say_and_only_that(
    request_fields: dict[str, Any], written: dict[str, Any]
) -> None:
    plain = body("openai", HELLO)
    assert body("openai", replace(HELLO, **request_fields)) == {**plain, **written}


def test_what_belongs_to_the_gateway_is_never_sent_on() -> None:
    ours = {"omen": {}, "tags": {}, "stream": False, "stream_options": {}, "model": "x", "n": 3}
    assert body("openai", replace(HELLO, extras=ours)) == body("openai", HELLO)


def test_an_extra_does_not_replace_what_the_request_says() -> None:
    request = replace(HELLO, temperature=0.5, extras={"temperature": 2, "messages": []})
    assert body("openai", request) == body("openai", replace(HELLO, temperature=0.5))


@pytest.mark.parametrize(
    ("kind", "model", "name"),
    [
        ("openai", "gpt-4.1-mini", "max_tokens"),
        ("openai", "gpt-4o", "max_tokens"),
        ("openai", "chatgpt-4o-latest", "max_tokens"),
        ("openai", "o1", "max_completion_tokens"),
        ("openai", "o4-mini-2025-04-16", "max_completion_tokens"),
        ("openai", "gpt-5", "max_completion_tokens"),
        ("openai", "gpt-5.4-mini", "max_completion_tokens"),
        ("openai", "gpt-6.2-sol", "max_completion_tokens"),
        ("openai", "gpt-10", "max_completion_tokens"),
        ("openai", "ft:gpt-5:acme", "max_completion_tokens"),
        ("azure", "gpt-5-mini", "max_completion_tokens"),
        ("azure", "my-deployment", "max_tokens"),
        ("xai", "grok-4", "max_tokens"),
        ("openai_compatible", "gpt-5", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_model_takes(kind: str, model: str, name: str) -> None:
    written = body(kind, replace(HELLO, max_tokens=5), model)
    assert {key for key in written if key.startswith("max_")} == {name}


def test_text_of_every_kind_survives_the_way() -> None:
    """A lone surrogate is no UTF-8; it can only leave as the escape it came as."""
    text = 'é \u2028 😀 \ud83d "\\'
    sent = wire("openai", ChatRequest((said("user", text),))).body
    assert json.loads(sent)["messages"][0]["content"] == text
    assert "é \u2028 😀 \\ud83d".encode() in sent
