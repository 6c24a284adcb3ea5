"""The /api/chat request.

What cannot be said here and changes the answer (a forced tool, a picture by its address) is
UNSUPPORTED; what is only a preference (`parallel_tool_calls`, `user`) is ignored. Options the
client left out are left out, so that the model file's own defaults hold.

**Source.** github.com/ollama/ollama docs/api.md, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from omen.core.chat import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Opaque,
    RefusalPart,
    ResponseFormat,
    TextPart,
    Tool,
)
from omen.providers.ollama_chat.traits import think
from omen.providers.shared.failures import unsupported
from omen.providers.shared.images import inline_image
from omen.providers.shared.tool_arguments import arguments_object
from omen.providers.shared.turns import in_order

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
_NO_PARAMETERS = {"type": "object", "properties": {}}

_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "num_predict",
        "temperature": "temperature",
        "top_p": "top_p",
        "seed": "seed",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
    }
)

_OWN_OPTIONS = ("num_ctx", "top_k", "min_p", "typical_p", "repeat_penalty")
"""Options that a client may send beside OpenAI's fields, as llama.cpp's and vLLM's clients send
most of them. Whoever names one of these means it, more than what stands in `options`."""

_OWN_FIELDS = ("keep_alive", "truncate", "shift", "think")
"""Fields of this API that a client may send beside OpenAI's; `options` is another."""


def api_chat_body(request: ChatRequest, model: str, *, thinks: bool) -> dict[str, Any]:
    """Write the body of a streamed request.

    A model that does not think (not `thinks`) is not asked to: it would refuse the whole request.
    """
    if not request.messages:
        # Here that means to load the model, and is answered by a line that ends before it begins.
        raise unsupported("an answer to nothing")
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(in_order(request.messages)),
        # Left out it would mean the same; other servers that speak this think otherwise.
        "stream": True,
        # A prompt that does not fit is an error, and not answered as if half of it had been read.
        "truncate": False,
    }
    if tools := _tools(request):
        body["tools"] = tools
    if request.response_format is not None and request.response_format.kind != "text":
        body["format"] = _format(request.response_format)
    if options := _options(request):
        body["options"] = options
    if request.reasoning_effort is not None:
        body |= think(request.reasoning_effort, model)
    if request.logprobs is not None:
        body["logprobs"] = request.logprobs
    if request.top_logprobs is not None:
        body["top_logprobs"] = request.top_logprobs
    body |= {name: request.extras[name] for name in _OWN_FIELDS if name in request.extras}
    if not thinks and body.get("think"):
        del body["think"]
    return body


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    return [_message(message, names) for message in messages]


def _message(message: Message, tool_names: Mapping[str, str]) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    written: dict[str, Any] = {"role": role, "content": message.text}
    if images := _images(message):
        written["images"] = images
    if message.tool_calls:
        # A model that thought its way to a call wants the thought back with it, and only then.
        # **Source.** docs.ollama.com/capabilities/tool-calling, read 2026-11-30.
        if thoughts := message.thoughts:
            written["thinking"] = thoughts
        written["tool_calls"] = [
            {
                "id": call.id,
                "function": {
                    "index": index,
                    "name": call.name,
                    "arguments": arguments_object(call),
                },
            }
            for index, call in enumerate(message.tool_calls)
        ]
    if message.tool_call_id is not None:
        # Older servers know the name only, newer ones the id.
        if message.tool_call_id in tool_names:
            written["tool_name"] = tool_names[message.tool_call_id]
        written["tool_call_id"] = message.tool_call_id
    return written


def _images(message: Message) -> list[str]:
    images = []
    for part in message.parts:
        match part:
            case ImagePart(url=url):
                inline = inline_image(url, _IMAGE_TYPES)
                if inline is None:
                    raise unsupported("an image it would have to fetch")
                images.append(inline.data)
            case FilePart():
                raise unsupported("a file")
            case Opaque(value=value):
                raise unsupported(f"a content part of the type {value.get('type')!s:.40}")
            case TextPart() | RefusalPart():
                pass
    return images


def _tools(request: ChatRequest) -> list[dict[str, Any]]:
    if request.tool_choice not in (None, "auto", "none"):
        raise unsupported("a forced tool call")
    # The only way to forbid calls is to name no tools.
    return [] if request.tool_choice == "none" else [_tool(tool) for tool in request.tools]


def _tool(tool: Tool | Opaque) -> dict[str, Any]:
    if isinstance(tool, Opaque):
        raise unsupported(f"a tool of the type {tool.value.get('type')!s:.40}")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    return {"type": "function", "function": function}


def _format(wanted: ResponseFormat) -> str | Mapping[str, Any]:
    return "json" if wanted.schema is None else wanted.schema


def _options(request: ChatRequest) -> dict[str, Any]:
    named = {theirs: getattr(request, ours) for ours, theirs in _OPTIONS.items()}
    options = {name: value for name, value in named.items() if value is not None}
    own = request.extras.get("options")
    beside = {name: request.extras.get(name) for name in _OWN_OPTIONS}
    options |= {name: value for name, value in beside.items() if value is not None}
    options = {**own, **options} if isinstance(own, Mapping) else options
    return {**options, "stop": list(request.stop)} if request.stop else options
