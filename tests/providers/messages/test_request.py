"""What is sent to the Messages API, and what is refused because it cannot be said there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omen.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    Opaque,
    ResponseFormat,
    Tool,
)
from omen.core.errors import FailureKind, UpstreamFailure
from tests.providers.asking import HELLO, PNG, body, called, result, said, shown, wire

MODEL = "claude-sonnet-4-6"
OLDER = "claude-sonnet-4-5-20250929"


def sent(request: ChatRequest, model: str = MODEL) -> dict[str, Any]:
    return body("anthropic", request, model)


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_a_question_and_nothing_else() -> None:
    assert sent(HELLO) == {
        "model": MODEL,
        "max_tokens": 128_000,
        "stream": True,
        "messages": [user(text("Hello"))],
    }


def test_where_it_goes_and_with_which_key() -> None:
    request = wire("anthropic", HELLO, base_url="https://a.test")
    assert (request.method, request.url) == ("POST", "https://a.test/v1/messages")
    assert request.headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "anthropic-version": "2023-06-01",
        "x-api-key": "secret",
    }


def test_without_a_key_there_is_no_auth_header() -> None:
    assert "x-api-key" not in wire("anthropic", HELLO, api_key=None).headers


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        (
            {"tools": (Tool("f"),)},
            {"tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]},
        ),
        (
            {"tools": (Tool("f", "Does.", {"type": "object"}, strict=True),)},
            {
                "tools": [
                    {
                        "name": "f",
                        "description": "Does.",
                        "input_schema": {"type": "object"},
                        "strict": True,
                    }
                ]
            },
        ),
        ({"tool_choice": "required"}, {}),  # there are no tools to choose from
        ({"stop": ("END", " ", "\n")}, {"stop_sequences": ["END"]}),
        ({"user": "u7"}, {"metadata": {"user_id": "u7"}}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}),  # refused together
        ({"top_p": 0.9}, {"top_p": 0.9}),
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"response_format": ResponseFormat("text")}, {}),
        (
            {"response_format": ResponseFormat("json_schema", schema={"type": "object"})},
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ),
        (
            {
                "response_format": ResponseFormat("json_schema", schema={}),
                "reasoning_effort": "low",
            },
            {
                "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
                "thinking": {"type": "adaptive"},
            },
        ),
        # Hints without a field here, and what only the OpenAI dialect knows.
        ({"seed": 1, "presence_penalty": 1.0, "extras": {"store": True}}, {}),
    ],
)
def test_each_thing_a_client_can_say_and_only_that(
    fields: dict[str, Any], written: dict[str, Any]
) -> None:
    assert sent(replace(HELLO, **fields)) == {**sent(HELLO), **written}


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": NamedTool("f")}, {"type": "tool", "name": "f"}),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
    ],
)
def test_tool_choice(fields: dict[str, Any], choice: dict[str, Any] | None) -> None:
    assert sent(replace(HELLO, tools=(Tool("f"),), **fields)).get("tool_choice") == choice


FORCED = replace(HELLO, tools=(Tool("f"),), tool_choice=NamedTool("f"))
SCHEMA = replace(HELLO, response_format=ResponseFormat("json_schema", schema={}))


@pytest.mark.parametrize(
    ("request_", "model"),
    [
        pytest.param(replace(HELLO, logprobs=True), MODEL, id="logprobs"),
        pytest.param(
            replace(HELLO, response_format=ResponseFormat("json_object")),
            MODEL,
            id="JSON without a schema",
        ),
        pytest.param(SCHEMA, "claude-sonnet-4-20250514", id="a schema with an older model"),
        pytest.param(FORCED, "claude-opus-5-5", id="a forced tool with a newer model"),
        pytest.param(
            ChatRequest((said("user", "Count"), said("assistant", "1, 2,"))),
            MODEL,
            id="a prefilled answer with a newer model",
        ),
        pytest.param(
            replace(HELLO, tools=(Opaque({"type": "custom"}),)), MODEL, id="a tool of another kind"
        ),
        pytest.param(
            replace(HELLO, tools=(Tool("f"),), tool_choice=Opaque({"type": "allowed_tools"})),
            MODEL,
            id="a choice of another kind",
        ),
        pytest.param(
            ChatRequest((Message("user", (Opaque({"type": "input_audio"}),)),)),
            MODEL,
            id="a part of another kind",
        ),
        pytest.param(
            ChatRequest((shown("user", ImagePart("data:image/bmp;base64,AA==")),)),
            MODEL,
            id="an image of another type",
        ),
        pytest.param(
            ChatRequest((shown("user", ImagePart("data:image/png,raw")),)),
            MODEL,
            id="an image that is not base64",
        ),
        pytest.param(
            ChatRequest((shown("user", ImagePart("file:///etc/x.png")),)),
            MODEL,
            id="an image from elsewhere",
        ),
        pytest.param(
            ChatRequest((shown("user", ImagePart(PNG)), shown("assistant", ImagePart(PNG)))),
            OLDER,
            id="an image by the assistant",
        ),
        pytest.param(
            ChatRequest((said("user", "?"), called(("c", "f", '{"cut": ')), result("c", "x"))),
            MODEL,
            id="arguments that are no JSON",
        ),
        pytest.param(
            ChatRequest((said("user", "?"), called(("c", "f", "[1]")), result("c", "x"))),
            MODEL,
            id="arguments that are no object",
        ),
        pytest.param(ChatRequest((said("system", "Be."),)), MODEL, id="nothing but instructions"),
    ],
)
def test_what_cannot_be_said_is_left_to_another_candidate(
    request_: ChatRequest, model: str
) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        sent(request_, model)
    assert caught.value.kind is FailureKind.UNSUPPORTED
    assert caught.value.failover


def test_what_some_models_refuse_others_still_get() -> None:
    assert sent(FORCED, "claude-opus-5")["tool_choice"] == {"type": "tool", "name": "f"}
    assert "output_config" in sent(SCHEMA, OLDER)
    prefilled = ChatRequest((said("user", "Count"), said("assistant", "1, 2,")))
    assert sent(prefilled, OLDER)["messages"][-1] == assistant(text("1, 2,"))
