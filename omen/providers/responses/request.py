"""The Responses request: a conversation as a list of items.

Nothing is kept at the vendor (`store: false`); reasoning comes encrypted instead, to be brought
back by whoever keeps the conversation. A summary of it is not asked for: organisations that are not
verified are refused it, and with it the whole request. What this API does not have and what would
only have coloured the answer (seed, stop sequences, penalties) is left out.

**Source.** OpenAI's reference of POST /v1/responses, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

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
from omen.providers.chat_completions.traits import ChatTraits, effort_for, samples
from omen.providers.responses.passthrough import fitted, own_words
from omen.providers.shared.failures import unsupported

_PASSED_ON = (
    "metadata",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
)
"""Extras of a chat request that have the same name and meaning here."""

Item = dict[str, Any]


def responses_body(
    request: ChatRequest, model: str, traits: ChatTraits, max_output: int | None = None
) -> dict[str, Any]:
    """Write the body of a streamed request.

    A client that speaks this API has written it already. It goes as it came, but for what the model
    is known to refuse and what is ours to decide. `max_output` is the most tokens that the model
    generates, where that is known.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) for what cannot be said here.
    """
    said = own_words(request)
    if said is not None:
        return {**fitted(said, traits, max_output), "model": model, "stream": True}
    if request.logprobs:
        raise unsupported("logprobs with this model")
    custom = {c.id for message in request.messages for c in message.tool_calls if c.custom}
    body: dict[str, Any] = {
        "model": model,
        "input": [item for message in request.messages for item in _items(message, model, custom)],
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    effort = effort_for(request.reasoning_effort, traits)
    if effort is not None:
        body["reasoning"] = {"effort": effort}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body |= _said({"parallel_tool_calls": request.parallel_tool_calls})
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice)
    if text := _text_fields(request):
        body["text"] = text
    body |= _said(
        {
            "max_output_tokens": request.max_tokens,
            "user": request.user,
        }
    )
    if samples(traits, effort):
        body |= _said({"temperature": request.temperature, "top_p": request.top_p})
    return body | _said({name: request.extras.get(name) for name in _PASSED_ON})


def _items(message: Message, model: str, custom: Set[str | None]) -> Iterator[Item]:
    if message.role == "tool":
        output = message.text if message.single_text else _output(message)
        is_custom = message.tool_call_id in custom
        yield {
            "type": "custom_tool_call_output" if is_custom else "function_call_output",
            "call_id": message.tool_call_id,
            "output": output,
        }
        return
    for block in message.reasoning:
        # Another model cannot read it.
        if (block.kind, block.model) == ("openai", model):
            yield dict(block.value)
    # Clients that add a stream up have an empty text beside the calls: that is nothing said.
    if any(not isinstance(part, TextPart) or part.text for part in message.parts):
        yield {"role": message.role, "content": _content(message)}
    for call in message.tool_calls:
        yield _call(call)


def _call(call: ToolCall) -> Item:
    called = {"call_id": call.id, "name": call.name}
    if call.custom:
        return {"type": "custom_tool_call", **called, "input": call.arguments}
    return {"type": "function_call", **called, "arguments": call.arguments}


def _content(message: Message) -> str | list[Item]:
    """Write what was said; of the assistant as one text, for parts of its need an id here."""
    if message.role != "assistant":
        return [_part(part, "input_text") for part in message.parts]
    if all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return [_part(part, "output_text") for part in message.parts]


def _output(message: Message) -> str | list[Item]:
    if all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return [_part(part, "input_text") for part in message.parts]


def _part(part: Part, said: str) -> Item:
    match part:
        case TextPart(text=text):
            return {"type": said, "text": text}
        case ImagePart(url=url, detail=detail):
            return {"type": "input_image", "image_url": url, "detail": detail or "auto"}
        case FilePart():
            return _file(part)
        case RefusalPart(text=text):
            return {"type": "refusal", "refusal": text}
        case Opaque(value=value):
            return _opaque_part(value)


def _file(part: FilePart) -> Item:
    where = "file_data" if part.url.startswith("data:") else "file_url"
    return {"type": "input_file", where: part.url, **_said({"filename": part.name})}


def _opaque_part(value: Mapping[str, Any]) -> Item:
    match value:
        case {"type": "file", "file": {"file_id": str(file_id)}}:
            return {"type": "input_file", "file_id": file_id}
    raise unsupported(f"a content part of the type {value.get('type')!s:.40}")


def _tool(tool: Tool | Opaque) -> Item:
    if isinstance(tool, Tool):
        written: Item = {"type": "function", "name": tool.name}
        return {
            **written,
            **_said({"description": tool.description}),
            # Both have to be there, if only to say nothing. Left out in a chat, `strict` is false.
            "parameters": tool.parameters,
            "strict": bool(tool.strict),
        }
    match tool.value:
        case {"type": "custom", "custom": dict(custom)}:
            return {"type": "custom", **custom}
    raise unsupported(f"a tool of the type {tool.value.get('type')!s:.40}")


def _tool_choice(choice: ToolChoice) -> str | Item:
    match choice:
        case NamedTool(name=name):
            return {"type": "function", "name": name}
        case Opaque(value={"type": "custom", "custom": {"name": str(name)}}):
            return {"type": "custom", "name": name}
        case Opaque(value={"type": "allowed_tools", "allowed_tools": dict(allowed)}):
            tools = [_allowed(tool) for tool in allowed.get("tools") or ()]
            return {"type": "allowed_tools", "mode": allowed.get("mode", "auto"), "tools": tools}
        case Opaque(value=value):
            raise unsupported(f"a tool choice of the type {value.get('type')!s:.40}")
        case _:
            return choice


def _allowed(tool: Any) -> Item:
    match tool:
        case {"type": str(kind), "function": {"name": str(name)}}:
            return {"type": kind, "name": name}
    return dict(tool) if isinstance(tool, dict) else {}


def _text_fields(request: ChatRequest) -> Item:
    fields = _said({"verbosity": request.extras.get("verbosity")})
    if request.response_format is not None:
        fields["format"] = _format(request.response_format)
    return fields


def _format(wanted: ResponseFormat) -> Item:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    optional = {"description": wanted.description, "strict": wanted.strict}
    schema = wanted.schema or {}
    return {"type": "json_schema", "name": wanted.name, "schema": schema, **_said(optional)}


def _said(fields: Mapping[str, Any]) -> Item:
    return {name: value for name, value in fields.items() if value is not None}
