"""An OpenAI chat request, from its bytes to the vocabulary. Pure.

Every mistake is a `RequestError` that names the field in the caller's own spelling. Values never
enter an error's text: they may be prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

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
from omen.core.errors import RequestError
from omen.front.http.dialect import ParsedRequest
from omen.front.http.hints import read_hints
from omen.front.http.schema_reader import read_body
from omen.front.openai.schema import (
    ChatIn,
    ContentIn,
    CustomCallIn,
    FunctionToolIn,
    ImagePartIn,
    MessageIn,
    OtherIn,
    PartIn,
    ResponseFormatIn,
    TextPartIn,
    ToolCallIn,
    ToolIn,
)

_URLS = ("data:", "http://", "https://")


def parse_chat(body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
    """Read a request's body, and the hints in its headers (lower-case names).

    **Raises.** `RequestError` (400), naming the field.
    """
    chat = read_body(ChatIn, body)
    _check(chat)
    return ParsedRequest(
        request=_request(chat),
        model=chat.model,
        hints=read_hints(chat.omen, chat.tags, headers),
        stream=bool(chat.stream),
        include_usage=bool(chat.stream_options and chat.stream_options.include_usage),
    )


_NOT_OFFERED = {
    "functions": "the older form of tools is not offered; use tools",
    "function_call": "the older form of tools is not offered; use tool_choice",
    "audio": "answers are text and pictures; audio is not offered",
    "modalities": "answers are text and pictures; audio is not offered",
}
"""What would be lost on the way or paid for in vain, and what to do instead."""
_NOTHING: tuple[Any, ...] = (None, [], {}, "none", "auto")
"""What some of these may say and ask for nothing by it."""
_MODALITIES = frozenset({"text", "image"})
"""What may come in an answer: pictures are passed on as the upstream has them (`images`)."""


def _check(chat: ChatIn) -> None:
    if chat.n not in (None, 1):
        raise RequestError("n: only 1 is supported", param="n")
    if chat.stream_options is not None and not chat.stream:
        raise RequestError("stream_options: needs stream to be true", param="stream_options")
    for name, instead in _NOT_OFFERED.items():
        wanted = (chat.model_extra or {}).get(name)
        is_offered = isinstance(wanted, list) and _MODALITIES.issuperset(map(str, wanted))
        if wanted not in _NOTHING and not (name == "modalities" and is_offered):
            raise RequestError(f"{name}: {instead}", param=name, code="unsupported_parameter")
    for index, message in enumerate(chat.messages):
        _check_message(message, f"messages.{index}")


def _check_message(message: MessageIn, where: str) -> None:
    if message.content is None and not (message.role == "assistant"):
        raise RequestError(f"{where}.content: is required", param=f"{where}.content")
    if message.role == "tool" and message.tool_call_id is None:
        raise RequestError(f"{where}.tool_call_id: is required", param=f"{where}.tool_call_id")


def _request(chat: ChatIn) -> ChatRequest:
    stop = (chat.stop,) if isinstance(chat.stop, str) else tuple(chat.stop or ())
    messages = tuple(map(_message, chat.messages))
    return ChatRequest(
        messages=messages,
        tools=tuple(_tool(tool) for tool in chat.tools or ()),
        tool_choice=_tool_choice(chat.tool_choice),
        parallel_tool_calls=chat.parallel_tool_calls,
        response_format=_response_format(chat.response_format),
        max_tokens=chat.max_completion_tokens or chat.max_tokens,
        token_limit_name="max_completion_tokens" if chat.max_completion_tokens else None,
        temperature=chat.temperature,
        top_p=chat.top_p,
        presence_penalty=chat.presence_penalty,
        frequency_penalty=chat.frequency_penalty,
        stop=stop,
        seed=chat.seed,
        logprobs=chat.logprobs,
        top_logprobs=chat.top_logprobs,
        reasoning_effort=chat.reasoning_effort,
        user=chat.user,
        extras=_extras(chat),
    )


def _message(message: MessageIn) -> Message:
    parts = _parts(message.content)
    if message.refusal:
        # As the answer had it, which clients give back as it came.
        parts = (*parts, RefusalPart(message.refusal))
    return Message(
        role=message.role,
        parts=parts,
        tool_calls=tuple(_tool_call(call) for call in message.tool_calls or ()),
        tool_call_id=message.tool_call_id,
        single_text=not isinstance(message.content, list),
        extras=_extras(message),
    )


def _parts(content: ContentIn | None) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (TextPart(content),)
    return tuple(_part(part) for part in content)


def _part(part: PartIn) -> Part:
    match part:
        case TextPartIn():
            return TextPart(part.text, _extras(part))
        case ImagePartIn():
            return ImagePart(part.image_url.url, part.image_url.detail, _extras(part))
        case _:
            return _refusal(part) or _file(part) or Opaque(part.model_dump())


def _refusal(part: OtherIn) -> RefusalPart | None:
    match part.model_dump():
        case {"type": "refusal", "refusal": str(text), **extras}:
            return RefusalPart(text, extras)
    return None


def _file(part: OtherIn) -> FilePart | None:
    """Read a file that is in the request, or at an address.

    One that is kept at OpenAI means nothing to others, nor does data whose type is not said; and
    what else is said of a file would be lost.
    """
    match part.model_dump():
        case {"type": "file", "file": {"file_data": str(url), **said}, **extras}:
            name = said.pop("filename", None)
            if url.startswith(_URLS) and not said:
                return FilePart(url, name if isinstance(name, str) else None, extras)
    return None


def _tool_call(call: ToolCallIn | CustomCallIn) -> ToolCall:
    if isinstance(call, CustomCallIn):
        return ToolCall(call.id, call.custom.name, call.custom.input, _extras(call), custom=True)
    return ToolCall(call.id, call.function.name, call.function.arguments, _extras(call))


def _tool(tool: ToolIn) -> Tool | Opaque:
    if isinstance(tool, FunctionToolIn):
        function = tool.function
        return Tool(
            function.name, function.description, function.parameters, function.strict, _extras(tool)
        )
    return Opaque(tool.model_dump())


def _tool_choice(choice: str | dict[str, Any] | None) -> ToolChoice | None:
    match choice:
        case None | "none" | "auto" | "required":
            return choice
        case {"type": "function", "function": {"name": str(name)}}:
            return NamedTool(name)
        case dict():
            return Opaque(choice)
    raise AssertionError(choice)  # the schema admits no other


def _response_format(format_: ResponseFormatIn | None) -> ResponseFormat | None:
    if format_ is None:
        return None
    schema = format_.json_schema
    if schema is None:
        beside = _extras(format_).get("schema")
        return ResponseFormat(format_.type, schema=beside if isinstance(beside, dict) else None)
    return ResponseFormat(
        format_.type, schema.name, schema.schema_, schema.strict, schema.description
    )


def _extras(model: BaseModel) -> Mapping[str, Any]:
    return model.model_extra or {}
