"""OpenAI by Responses: when it is asked so, and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseInputItemParam
from pydantic import TypeAdapter

from omen.core.chat import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    NamedTool,
    Opaque,
    ReasoningBlock,
    ResponseFormat,
    TextPart,
    Tool,
)
from omen.core.errors import FailureKind, UpstreamFailure
from omen.providers.chat_completions.traits import openai_traits
from tests.providers.asking import HELLO, PNG, body, called, result, said, shown, wire

WEATHER = Tool("weather", "The weather", {"type": "object"})
CALLING = ChatRequest((said("user", "hi"),), tools=(WEATHER,))


def sent(request: ChatRequest, model: str = "gpt-5.4-pro") -> dict[str, Any]:
    return body("openai", request, model)


@pytest.mark.parametrize(
    ("model", "plain", "calling", "calling_without_reasoning"),
    [
        ("gpt-4o", "chat/completions", "chat/completions", "chat/completions"),
        ("gpt-5.2", "chat/completions", "chat/completions", "chat/completions"),
        ("gpt-5.4", "chat/completions", "responses", "chat/completions"),
        ("gpt-5.6-sol-2026-07-09", "chat/completions", "responses", "chat/completions"),
        ("gpt-6-astra", "chat/completions", "responses", "chat/completions"),
        ("gpt-6.1-sol", "chat/completions", "responses", "chat/completions"),
        ("gpt-6.2-sol", "chat/completions", "chat/completions", "chat/completions"),
        ("ft:gpt-5.4-mini:us::abc", "chat/completions", "responses", "chat/completions"),
        ("gpt-5.4-pro-2026-03-05", "responses", "responses", "responses"),
        ("gpt-5.3-codex", "responses", "responses", "responses"),
        ("gpt-5.1-codex-mini", "responses", "responses", "responses"),
        ("o3-deep-research-2025-06-26", "responses", "responses", "responses"),
        ("codex-mini-latest", "responses", "responses", "responses"),
        ("o3", "chat/completions", "chat/completions", "chat/completions"),
        ("llama", "chat/completions", "chat/completions", "chat/completions"),
    ],
)
def test_model_and_request_decide_by_which_api_it_goes(
    model: str, plain: str, calling: str, calling_without_reasoning: str
) -> None:
    no_effort = ChatRequest(CALLING.messages, tools=(WEATHER,), reasoning_effort="none")
    paths = [wire("openai", asked, model).url for asked in (HELLO, CALLING, no_effort)]
    assert paths == [
        f"http://up.test/v1/{path}" for path in (plain, calling, calling_without_reasoning)
    ]


@pytest.mark.parametrize(
    ("model", "kept"),
    [
        ("gpt-4o", {"max_tokens", "temperature", "stop", "logit_bias"}),
        ("gpt-5", {"max_completion_tokens", "reasoning_effort"}),
        ("gpt-5-chat-latest", {"max_completion_tokens", "temperature", "stop", "logit_bias"}),
        ("unheard-of", {"max_tokens", "temperature", "stop", "logit_bias", "reasoning_effort"}),
    ],
)
def test_a_chat_leaves_out_what_the_model_refuses(model: str, kept: set[str]) -> None:
    asked = ChatRequest(
        HELLO.messages,
        max_tokens=5,
        temperature=0.5,
        stop=("x",),
        reasoning_effort="low",
        extras={"logit_bias": {"1": 2}},
    )
    written = set(body("openai", asked, model)) - {"model", "messages", "stream", "stream_options"}
    assert written == kept


def test_gpt_6_takes_a_temperature_when_it_does_not_reason() -> None:
    for effort, has in (("none", True), ("low", False), (None, False)):
        asked = ChatRequest(HELLO.messages, temperature=0.5, reasoning_effort=effort)
        assert ("temperature" in body("openai", asked, "gpt-6-sol")) is has


def test_an_effort_that_is_refused_becomes_the_nearest_one() -> None:
    asked = ChatRequest(HELLO.messages, reasoning_effort="none")
    assert body("openai", asked, "gpt-6.2-sol")["reasoning_effort"] == "low"


def test_a_conversation_is_a_list_of_items() -> None:
    thought = ReasoningBlock("openai", "gpt-5.4-pro", {"type": "reasoning", "id": "rs_1"})
    foreign = ReasoningBlock("anthropic", "claude", {"type": "thinking"})
    call = called(("c1", "weather", '{"a": 1}'), text="Looking.")
    turn = Message(call.role, call.parts, tool_calls=call.tool_calls, reasoning=(thought, foreign))
    pdf = FilePart("data:application/pdf;base64,aGk=", "a.pdf")
    asked = ChatRequest(
        (
            said("developer", "Be brief."),
            Message("user", (TextPart("hi"), ImagePart(PNG, "low"), pdf), single_text=False),
            turn,
            result("c1", "rain"),
        )
    )
    assert sent(asked)["input"] == [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "hi"},
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_file", "file_data": pdf.url, "filename": "a.pdf"},
            ],
        },
        {"type": "reasoning", "id": "rs_1"},
        {"role": "assistant", "content": "Looking."},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
    ]


def test_an_empty_text_beside_calls_is_nothing_said() -> None:
    call = called(("c1", "weather", "{}"))
    turn = Message(call.role, (TextPart(""),), tool_calls=call.tool_calls)
    asked = ChatRequest((said("user", "hi"), turn, result("c1", "rain")))
    kinds = [item.get("type", item.get("role")) for item in sent(asked)["input"]]
    assert kinds == ["user", "function_call", "function_call_output"]


def test_everything_that_has_a_place_is_in_it_and_nothing_is_kept_at_the_vendor() -> None:
    asked = ChatRequest(
        HELLO.messages,
        tools=(WEATHER, Opaque({"type": "custom", "custom": {"name": "raw"}})),
        tool_choice=NamedTool("weather"),
        parallel_tool_calls=False,
        response_format=ResponseFormat("json_schema", "city", {"type": "object"}, strict=True),
        max_tokens=7,
        temperature=0.5,
        stop=("x",),
        seed=3,
        reasoning_effort="high",
        user="u",
        extras={"verbosity": "low", "metadata": {"a": "b"}, "store": True, "brand_new": 1},
    )
    written = sent(asked)
    del written["input"]
    assert written == {
        "model": "gpt-5.4-pro",
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "high"},
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "The weather",
                "parameters": {"type": "object"},
                "strict": False,
            },
            {"type": "custom", "name": "raw"},
        ],
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "text": {
            "verbosity": "low",
            "format": {
                "type": "json_schema",
                "name": "city",
                "schema": {"type": "object"},
                "strict": True,
            },
        },
        "max_output_tokens": 7,
        "user": "u",
        "metadata": {"a": "b"},
    }


@pytest.mark.parametrize(
    "asked",
    [
        ChatRequest(HELLO.messages, logprobs=True),
        ChatRequest((shown("user", Opaque({"type": "input_audio"})),)),  # type: ignore[arg-type]
        ChatRequest(HELLO.messages, tools=(Opaque({"type": "web_search"}),)),
        ChatRequest(HELLO.messages, tools=(Opaque({"type": "x"}, dialect="anthropic"),)),
    ],
)
def test_what_cannot_be_said_is_unsupported(asked: ChatRequest) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        sent(asked)
    assert caught.value.kind is FailureKind.UNSUPPORTED


ITEMS = TypeAdapter(list[ResponseInputItemParam])
TEXTS = st.text(min_size=1)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)
MESSAGES = st.lists(
    st.one_of(
        st.builds(said, st.sampled_from(["user", "assistant", "system"]), TEXTS),
        st.builds(result, TEXTS, TEXTS),
        st.builds(lambda i, n, a: called((i, n, a)), TEXTS, NAMES, TEXTS),
        st.builds(lambda t: shown("user", TextPart(t), ImagePart(PNG)), TEXTS),
    ),
    min_size=1,
)


@given(messages=MESSAGES)
def test_a_conversation_read_back_is_the_same(messages: list[Message]) -> None:
    items = sent(ChatRequest(tuple(messages)))["input"]
    ITEMS.validate_python(items)
    assert [read_item(item) for item in items] == messages


def read_item(item: dict[str, Any]) -> Message:
    match item:
        case {"type": "function_call_output", "call_id": call_id, "output": output}:
            return result(call_id, output)
        case {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}:
            return called((call_id, name, arguments))
        case {"role": role, "content": str(content)}:
            return said(role, content)
        case {"role": role, "content": content}:
            parts = tuple(
                ImagePart(part["image_url"])
                if part["type"] == "input_image"
                else TextPart(part["text"])
                for part in content
            )
            return Message(role, parts, single_text=len(parts) == 1)
    raise AssertionError(item)


def test_a_family_is_known_by_its_whole_name() -> None:
    assert openai_traits("gpt-5.40").api == "chat"
    assert openai_traits("my-gpt-5.4").token_limit is None
