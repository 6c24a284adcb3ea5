"""The chat-completions request.

Nothing is sent that the client did not say, and what the vocabulary has no word for goes through
as it came.

**Source.** OpenAI's reference of POST /v1/chat/completions, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omen.chat import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    NamedTool,
    Opaque,
    Part,
    ResponseFormat,
    TextPart,
    Tool,
    ToolChoice,
)
from omen.providers._failures import unsupported
from omen.providers._openai_models import ChatTraits

_NEVER_FROM_EXTRAS = frozenset({"omen", "tags", "stream", "stream_options", "model", "n"})

_SAME_NAME = (
    "parallel_tool_calls",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "user",
)


def chat_body(request: ChatRequest, model: str, traits: ChatTraits) -> dict[str, Any]:
    """Write the body of a streamed request."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.response_format is not None:
        body["response_format"] = _response_format(request.response_format)
    if request.max_tokens is not None:
        body[traits.token_limit] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    body |= _said({name: getattr(request, name) for name in _SAME_NAME})
    return _with_extras(body, request.extras)


def _message(message: Message) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    return {**message.extras, **written}


def _content(message: Message) -> str | list[dict[str, Any]] | None:
    if not message.parts and message.role == "assistant":
        return None
    if message.single_text and all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return [_part(part) for part in message.parts]


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart(text=text, extras=extras):
            return {**extras, "type": "text", "text": text}
        case ImagePart(url=url, detail=detail, extras=extras):
            image = {"url": url, **_said({"detail": detail})}
            return {**extras, "type": "image_url", "image_url": image}
        case FilePart():
            return _file(part)
        case Opaque():
            return _opaque(part, "content part")


def _opaque(what: Opaque, called: str) -> dict[str, Any]:
    if what.dialect != "openai":
        raise unsupported(f"a {called} of the type {what.value.get('type')!s:.40}")
    return dict(what.value)


def _file(part: FilePart) -> dict[str, Any]:
    if not part.url.startswith("data:"):
        raise unsupported("a file by its address")
    said = {"file_data": part.url, **_said({"filename": part.name})}
    return {**part.extras, "type": "file", "file": said}


def _tool(tool: Tool | Opaque) -> dict[str, Any]:
    if isinstance(tool, Opaque):
        return _opaque(tool, "tool")
    optional = {
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    return {"type": "function", "function": {"name": tool.name, **_said(optional)}}


def _tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    match choice:
        case NamedTool(name=name):
            return {"type": "function", "function": {"name": name}}
        case Opaque():
            return _opaque(choice, "tool choice")
        case _:
            return choice


def _response_format(wanted: ResponseFormat) -> dict[str, Any]:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    optional = {
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    return {"type": "json_schema", "json_schema": {"name": wanted.name, **_said(optional)}}


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _with_extras(body: dict[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    passed = {name: value for name, value in extras.items() if name not in _NEVER_FROM_EXTRAS}
    return {**passed, **body}
