"""The chat-completions request.

Nothing is sent that the client did not say, and what the vocabulary has no word for goes through
as it came. What a model is known to refuse, and what would only have coloured its answer
(temperature, penalties, stop sequences, an effort it does not have), is left out.

**Source.** OpenAI's reference of POST /v1/chat/completions, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omen.core.candidates import PLAIN, Quirks
from omen.core.chat import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    NamedTool,
    Opaque,
    Part,
    RefusalPart,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
)
from omen.providers.chat_completions.traits import ChatTraits
from omen.providers.shared.failures import unsupported

_NEVER_FROM_EXTRAS = frozenset({"omen", "tags", "stream", "stream_options", "model", "n"})

_SAME_NAME = ("seed", "user")
_NO_CHOICE = ("auto", "none")
_SAMPLING = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
)
_SAMPLING_EXTRAS = frozenset({"logit_bias"})


def chat_body(
    request: ChatRequest, model: str, traits: ChatTraits, quirks: Quirks = PLAIN
) -> dict[str, Any]:
    """Write the body of a streamed request."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, quirks) for message in request.messages],
        "stream": True,
    }
    if quirks.stream_usage:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body |= _said({"parallel_tool_calls": request.parallel_tool_calls})
    # Without tools there is nothing to choose, and both fields are refused.
    if request.tool_choice is not None and (request.tools or request.tool_choice not in _NO_CHOICE):
        body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.response_format is not None:
        body["response_format"] = _response_format(request.response_format)
    if request.max_tokens is not None:
        body[quirks.token_limit or traits.token_limit] = request.max_tokens
    if request.stop and traits.stop:
        body["stop"] = list(request.stop)
    body |= _said({name: getattr(request, name) for name in _SAME_NAME})
    effort = effort_for(request.reasoning_effort, traits)
    if effort is not None:
        body["reasoning_effort"] = effort
    unwanted = set(quirks.drop | traits.refused)
    if samples(traits, effort):
        body |= _said({name: getattr(request, name) for name in _SAMPLING})
    else:
        unwanted |= _SAMPLING_EXTRAS
    foreign = request.extras_dialect not in (None, "openai")
    whole = _with_extras(body, {} if foreign else request.extras)
    return {name: value for name, value in whole.items() if name not in unwanted}


def effort_for(wanted: str | None, traits: ChatTraits) -> str | None:
    """Give the effort to send for the one that was asked for; None for none at all."""
    if wanted is None or not traits.effort:
        return None
    return traits.efforts.get(wanted, wanted)


def samples(traits: ChatTraits, effort: str | None) -> bool:
    """Whether the model takes sampling parameters, asked with this effort."""
    match traits.sampling:
        case "always":
            return True
        case "without_reasoning":
            return effort == "none"
        case "never":
            return False


def _message(message: Message, quirks: Quirks) -> dict[str, Any]:
    developer = message.role == "developer" and not quirks.developer_role
    role = "system" if developer else message.role
    written: dict[str, Any] = {"role": role, "content": _content(message)}
    if message.tool_calls:
        written["tool_calls"] = [_call(call) for call in message.tool_calls]
    refusals = [part.text for part in message.parts if isinstance(part, RefusalPart)]
    if refusals and not isinstance(written["content"], list):
        written["refusal"] = "".join(refusals)
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    return {**message.extras, **written}


def _call(call: ToolCall) -> dict[str, Any]:
    if call.custom:
        custom = {"name": call.name, "input": call.arguments}
        return {**call.extras, "id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {**call.extras, "id": call.id, "type": "function", "function": function}


def _content(message: Message) -> str | list[dict[str, Any]] | None:
    if message.role == "assistant" and not message.parts:
        return None
    if message.single_text and all(
        isinstance(part, TextPart | RefusalPart) for part in message.parts
    ):
        texts = [part.text for part in message.parts if isinstance(part, TextPart)]
        return "".join(texts) if texts or message.role != "assistant" else None
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
        case RefusalPart(text=text, extras=extras):
            return {**extras, "type": "refusal", "refusal": text}
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
    function = {"name": tool.name, **_said(optional)}
    return {**tool.extras, "type": "function", "function": function}


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
