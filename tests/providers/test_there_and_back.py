"""What is translated can be read back: nothing is lost that a wire format has a place for.

Each reader here is written from the vendor's page, not from our translation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given

from omen.core.chat import ChatRequest, ImagePart, Message, ResponseFormat, TextPart, Tool, ToolCall
from tests.providers.asking import PNG, body, called, result, said
from tests.providers.requests import compact, requests

Body = dict[str, Any]


def single(parts: list[Any]) -> bool:
    return len(parts) == 1 and isinstance(parts[0], TextPart)


# OpenAI's chat completions

SAME_NAME = ("temperature", "top_p", "seed", "user", "reasoning_effort")


def read_openai(sent: Body) -> ChatRequest:
    schema = sent.get("response_format", {}).get("json_schema")
    return ChatRequest(
        messages=tuple(map(_openai_message, sent["messages"])),
        tools=tuple(Tool(**tool["function"]) for tool in sent.get("tools", ())),
        tool_choice=sent.get("tool_choice"),
        response_format=schema and ResponseFormat("json_schema", schema["name"], schema["schema"]),
        stop=tuple(sent.get("stop", ())),
        max_tokens=sent.get("max_tokens", sent.get("max_completion_tokens")),
        **{name: sent.get(name) for name in SAME_NAME},
    )


def _openai_message(message: Body) -> Message:
    content = message["content"]
    parts: list[Any] = [TextPart(content)] if isinstance(content, str) else []
    for part in content if isinstance(content, list) else ():
        picture = part["type"] == "image_url"
        parts.append(ImagePart(part["image_url"]["url"]) if picture else TextPart(part["text"]))
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    )
    return Message(
        message["role"],
        tuple(parts),
        calls,
        message.get("tool_call_id"),
        single_text=single(parts) or not parts,
    )


# Anthropic's Messages


def read_anthropic(sent: Body) -> ChatRequest:
    system = [said("system", sent["system"])] if "system" in sent else []
    turns = [message for turn in sent["messages"] for message in _anthropic_turn(turn)]
    schema = sent.get("output_config", {}).get("format")
    return ChatRequest(
        messages=(*system, *turns),
        tools=tuple(
            Tool(tool["name"], tool.get("description"), tool["input_schema"])
            for tool in sent.get("tools", ())
        ),
        tool_choice=sent.get("tool_choice", {}).get("type"),
        response_format=schema and ResponseFormat("json_schema", schema=schema["schema"]),
        max_tokens=sent["max_tokens"],
        temperature=sent.get("temperature"),
        top_p=sent.get("top_p"),
        stop=tuple(sent.get("stop_sequences", ())),
        reasoning_effort=_anthropic_effort(sent),
        user=sent.get("metadata", {}).get("user_id"),
    )


def _anthropic_effort(sent: Body) -> str | None:
    match sent.get("thinking"):
        case {"type": "disabled"}:
            return "none"
        case {"type": "adaptive"}:
            return str(sent["output_config"]["effort"])
    return None


def _anthropic_turn(turn: Body) -> Iterator[Message]:
    parts: list[Any] = []
    calls: list[ToolCall] = []
    for block in turn["content"]:
        match block:
            case {"type": "tool_result", "tool_use_id": call_id, "content": text}:
                yield result(call_id, text)
            case {"type": "text", "text": text}:
                parts.append(TextPart(text))
            case {"type": "image", "source": {"media_type": media, "data": data}}:
                parts.append(ImagePart(f"data:{media};base64,{data}"))
            case {"type": "tool_use", "id": call_id, "name": name, "input": given_input}:
                calls.append(ToolCall(call_id, name, compact(given_input)))
            case _:
                raise AssertionError(block)
    if parts or calls:
        single_text = single(parts) or not parts
        yield Message(turn["role"], tuple(parts), tuple(calls), single_text=single_text)


# Ollama's /api/chat


def read_ollama(sent: Body) -> ChatRequest:
    options = sent.get("options", {})
    schema = sent.get("format")
    return ChatRequest(
        messages=tuple(map(_ollama_message, sent["messages"])),
        tools=tuple(Tool(**tool["function"]) for tool in sent.get("tools", ())),
        response_format=schema and ResponseFormat("json_schema", schema=schema),
        max_tokens=options.get("num_predict"),
        temperature=options.get("temperature"),
        top_p=options.get("top_p"),
        seed=options.get("seed"),
        stop=tuple(options.get("stop", ())),
        reasoning_effort="none" if sent.get("think") is False else sent.get("think"),
    )


def _ollama_message(message: Body) -> Message:
    pictures = [ImagePart(f"data:image/png;base64,{data}") for data in message.get("images", ())]
    texts = [TextPart(message["content"])] if message["content"] else []
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], compact(call["function"]["arguments"]))
        for call in message.get("tool_calls", ())
    )
    parts = [*texts, *pictures]
    single_text = single(parts) or not parts
    return Message(
        message["role"], tuple(parts), calls, message.get("tool_call_id"), single_text=single_text
    )


# What a format has no place for, or says in another way


def as_is(request: ChatRequest) -> ChatRequest:
    return request


def plain(request: ChatRequest) -> ChatRequest:
    """A model that does not reason has no effort."""
    return replace(request, reasoning_effort=None)


def reasoning(request: ChatRequest) -> ChatRequest:
    """A model that reasons takes no sampling and no stop sequences, and cannot but reason."""
    return replace(reasoning_grok(request), temperature=None, top_p=None)


def reasoning_grok(request: ChatRequest) -> ChatRequest:
    """It takes sampling, and cannot but reason."""
    least = "low" if request.reasoning_effort == "none" else request.reasoning_effort
    return replace(request, stop=(), reasoning_effort=least)


def for_anthropic(request: ChatRequest) -> ChatRequest:
    """No seed; one sampling parameter, none while it thinks; a limit; turns that alternate."""
    messages: list[Message] = []
    for message in request.messages:
        last = messages[-1] if messages else None
        if last and message.role == last.role == "user":
            parts = (*last.parts, *message.parts)
            messages[-1] = Message("user", parts, single_text=False)
        else:
            messages.append(message)
    limit = 128_000 if request.max_tokens is None else request.max_tokens
    kept = replace(request, messages=tuple(messages), seed=None, max_tokens=limit)
    kept = kept if request.temperature is None else replace(kept, top_p=None)
    thinks = request.reasoning_effort not in (None, "none")
    return replace(kept, temperature=None, top_p=None) if thinks else kept


def for_ollama(request: ChatRequest) -> ChatRequest:
    """No user, no choice of tools, and one text a message."""
    messages = []
    for message in request.messages:
        pictures = tuple(p for p in message.parts if isinstance(p, ImagePart))
        parts = ((TextPart(message.text),) if message.text else ()) + pictures
        messages.append(replace(message, parts=parts, single_text=not pictures))
    tools = tuple(
        replace(tool, strict=None) if isinstance(tool, Tool) else tool for tool in request.tools
    )
    return replace(request, messages=tuple(messages), tools=tools, user=None, tool_choice=None)


FORMATS: dict[str, tuple[str, Callable[[Body], ChatRequest], Callable[[ChatRequest], ChatRequest]]]
FORMATS = {
    "openai": ("gpt-4o", read_openai, plain),
    "openai, reasoning": ("o3", read_openai, reasoning),
    "xai": ("grok-3", read_openai, plain),
    "xai, reasoning": ("grok-3-mini", read_openai, reasoning_grok),
    "azure": ("gpt-4o", read_openai, plain),
    "openai_compatible": ("any", read_openai, as_is),
    "anthropic": ("claude-sonnet-4-6", read_anthropic, for_anthropic),
    "ollama": ("qwen3:8b", read_ollama, for_ollama),
}


@pytest.mark.parametrize("format_", FORMATS)
@given(request=requests())
def test_a_request_read_back_is_the_same(format_: str, request: ChatRequest) -> None:
    model, read, kept = FORMATS[format_]
    # An id that comes again is written as another one.
    ids = [call.id for message in request.messages for call in message.tool_calls]
    assume(format_ != "anthropic" or len(set(ids)) == len(ids))
    assert read(body(format_.partition(",")[0], request, model)) == kept(request)


# An image, a tool and a schema, in each vendor's words

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
ASKED = ChatRequest(
    (
        Message("user", (TextPart("Where?"), ImagePart(PNG)), single_text=False),
        called(("t1", "look", '{"at":"it"}')),
        result("t1", "a tower"),
    ),
    tools=(Tool("look", "Looks", SCHEMA),),
    response_format=ResponseFormat("json_schema", "place", SCHEMA, strict=True),
)
DATA = PNG.partition(",")[2]
FUNCTION = {"name": "look", "description": "Looks", "parameters": SCHEMA}
WORDS: dict[str, tuple[str, list[Any]]] = {
    "openai": (
        "gpt-4o",
        [
            {"type": "image_url", "image_url": {"url": PNG}},
            {"type": "function", "function": FUNCTION},
            {
                "type": "json_schema",
                "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
            },
        ],
    ),
    "anthropic": (
        "claude-sonnet-4-6",
        [
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": DATA},
            },
            {"name": "look", "description": "Looks", "input_schema": SCHEMA},
            {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}},
        ],
    ),
    "ollama": ("qwen3:8b", [DATA, {"type": "function", "function": FUNCTION}, SCHEMA]),
    "openai by Responses": (
        "gpt-5.4-pro",
        [
            {"type": "input_image", "image_url": PNG, "detail": "auto"},
            {"type": "function", **FUNCTION, "strict": False},
            {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True},
        ],
    ),
}
for same in ("azure", "xai", "openai_compatible"):
    WORDS[same] = ("m", WORDS["openai"][1])


@pytest.mark.parametrize("vendor", WORDS)
def test_an_image_a_tool_and_a_schema_have_each_vendors_form(vendor: str) -> None:
    model, wanted = WORDS[vendor]
    sent = body(vendor.partition(" ")[0], ASKED, model)
    inside = [json.dumps(value, sort_keys=True) for value in _values(sent)]
    for value in wanted:
        assert json.dumps(value, sort_keys=True) in inside


def _values(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _values(one)
