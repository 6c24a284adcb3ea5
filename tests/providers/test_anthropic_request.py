"""What is sent to the Messages API, and what is refused because it cannot be said there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omen.chat import (
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    Opaque,
    ResponseFormat,
    TextPart,
    Tool,
)
from omen.errors import FailureKind, UpstreamFailure
from tests.providers.asking import HELLO, PNG, body, called, result, said, shown, wire

MODEL = "claude-sonnet-4-6"
OLDER = "claude-sonnet-4-5-20250929"
NEWER = "claude-opus-4-8"


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
    ("messages", "system", "turns"),
    [
        pytest.param(
            (said("system", "One."), said("developer", "Two."), said("user", "Hi")),
            "One.\n\nTwo.",
            [user(text("Hi"))],
            id="instructions at the start are the system text",
        ),
        pytest.param(
            (
                said("user", "Hi"),
                said("assistant", "Ho"),
                said("system", "Now."),
                said("user", "?"),
            ),
            None,
            [user(text("Hi")), assistant(text("Ho")), user(text("Now."), text("?"))],
            id="later instructions go into the user's turn",
        ),
        pytest.param(
            (said("user", "a"), said("user", "b")),
            None,
            [user(text("a"), text("b"))],
            id="neighbours of one role are one turn",
        ),
        pytest.param(
            (said("system", " "), said("user", "Hi"), said("assistant", ""), said("user", "b")),
            None,
            [user(text("Hi")), user(text("b"))],
            id="blank texts are left out, and turns of nothing else",
        ),
        pytest.param(
            (
                said("user", "Weather?"),
                called(("call_1", "sky", '{"b": 1, "a": 2}'), ("call_2", "sun", ""), text="Well."),
                said("system", "Be quick."),
                result("call_1", "grey"),
                result("call_2", ""),
                said("user", "And?"),
            ),
            None,
            [
                user(text("Weather?")),
                assistant(
                    text("Well."),
                    {"type": "tool_use", "id": "call_1", "name": "sky", "input": {"b": 1, "a": 2}},
                    {"type": "tool_use", "id": "call_2", "name": "sun", "input": {}},
                ),
                user(
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "grey"},
                    {"type": "tool_result", "tool_use_id": "call_2"},
                    text("Be quick."),
                    text("And?"),
                ),
            ],
            id="all results of a turn come in one user message, before any text",
        ),
        pytest.param(
            (
                shown(
                    "user", TextPart("Look"), ImagePart(PNG, "low"), ImagePart("https://i/x.png")
                ),
                called(("c", "f", "{}")),
                Message("tool", (TextPart("see"), ImagePart(PNG)), tool_call_id="c"),
            ),
            None,
            [
                user(
                    text("Look"),
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": "iVBORw0KGgo=",
                        },
                    },
                    {"type": "image", "source": {"type": "url", "url": "https://i/x.png"}},
                ),
                assistant({"type": "tool_use", "id": "c", "name": "f", "input": {}}),
                user(
                    {
                        "type": "tool_result",
                        "tool_use_id": "c",
                        "content": [
                            text("see"),
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": "iVBORw0KGgo=",
                                },
                            },
                        ],
                    }
                ),
            ],
            id="images, inline and by address, in messages and in results",
        ),
    ],
)
def test_conversations(
    messages: tuple[Message, ...], system: str | None, turns: list[dict[str, Any]]
) -> None:
    written = sent(ChatRequest(messages))
    assert written.get("system") == system
    assert written["messages"] == turns


def test_a_foreign_tool_id_is_rewritten_alike_in_the_call_and_in_its_result() -> None:
    foreign = "call:1|β"
    messages = (said("user", "?"), called((foreign, "f", "{}")), result(foreign, "x"))
    _, call, answer = sent(ChatRequest(messages))["messages"]
    assert call["content"][0]["id"] == answer["content"][0]["tool_use_id"]
    assert call["content"][0]["id"].isascii()


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
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
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


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-haiku-latest", 8192),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-5-5", 128_000),
        ("somebody-elses-model", 8192),
    ],
)
def test_without_a_limit_the_models_own_is_sent_for_the_field_is_required(
    model: str, limit: int
) -> None:
    assert sent(HELLO, model)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("claude-haiku-4-5", True),
        ("claude-opus-4-6-20260205", True),
        ("claude-opus-4-7", False),
        ("claude-sonnet-5", False),
        ("claude-sonnet-5-5", False),
        ("claude-fable-5-1", False),
        ("claude-model-not-invented-yet", False),
    ],
)
def test_sampling_is_left_out_for_models_that_refuse_it(model: str, taken: bool) -> None:
    written = sent(replace(HELLO, temperature=0.3, top_p=0.9), model)
    assert ("temperature" in written, "top_p" in written) == (taken, taken)


EFFORT = [
    (MODEL, "minimal", {"type": "adaptive"}, {"effort": "low"}),
    (MODEL, "max", {"type": "adaptive"}, {"effort": "max"}),
    (MODEL, "none", {"type": "disabled"}, None),
    (MODEL, "unheard-of", None, None),
    (OLDER, "low", {"type": "enabled", "budget_tokens": 2048}, None),
    (OLDER, "max", {"type": "enabled", "budget_tokens": 32_000}, None),
    (OLDER, "none", {"type": "disabled"}, None),
    (NEWER, "high", {"type": "adaptive"}, {"effort": "high"}),
    ("claude-3-haiku-20240307", "high", None, None),
    ("claude-fable-5", "none", None, None),
    ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
]


@pytest.mark.parametrize(("model", "effort", "thinking", "output_config"), EFFORT)
def test_reasoning_effort(
    model: str,
    effort: str,
    thinking: dict[str, Any] | None,
    output_config: dict[str, Any] | None,
) -> None:
    written = sent(replace(HELLO, reasoning_effort=effort), model)
    assert written.get("thinking") == thinking
    assert written.get("output_config") == output_config


def test_with_thinking_there_is_no_sampling() -> None:
    asked = replace(HELLO, reasoning_effort="low", temperature=0.3, top_p=0.9)
    for model in (OLDER, MODEL):
        assert {"temperature", "top_p"}.isdisjoint(sent(asked, model))
    assert sent(replace(asked, reasoning_effort="none"))["temperature"] == 0.3


def test_a_budget_stays_below_the_limit_and_a_limit_too_small_for_any_means_none() -> None:
    asked = replace(HELLO, reasoning_effort="high")
    assert sent(replace(asked, max_tokens=4000), OLDER)["thinking"]["budget_tokens"] == 2000
    assert "thinking" not in sent(replace(asked, max_tokens=2000), OLDER)


def test_older_models_do_not_think_in_the_middle_of_a_tool_turn() -> None:
    """They would want the thinking blocks back, and no OpenAI client has them."""
    messages = (said("user", "?"), called(("c", "f", "{}")), result("c", "x"))
    asked = ChatRequest(messages, reasoning_effort="low")
    assert "thinking" not in sent(asked, OLDER)
    assert sent(asked, MODEL)["thinking"] == {"type": "adaptive"}


def test_a_forced_tool_call_excludes_thinking() -> None:
    asked = replace(HELLO, tools=(Tool("f"),), tool_choice="required", reasoning_effort="low")
    assert "thinking" not in sent(asked)
    assert "thinking" not in sent(asked, OLDER)


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
