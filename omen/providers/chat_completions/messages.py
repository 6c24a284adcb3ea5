"""The messages of a chat-completions request, as one server takes them.

What the vocabulary has no word for goes through as it came, but for what is known to be refused:
reasoning that OMEN itself wrote into an earlier answer, marks for another vendor's cache, ids that
are too long.

**Source.** OpenAI's reference of POST /v1/chat/completions, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omen.core.chat import (
    REASONING_FIELDS,
    FilePart,
    ImagePart,
    Message,
    Opaque,
    Part,
    RefusalPart,
    TextPart,
    ToolCall,
)
from omen.providers.chat_completions.servers import ServerTraits
from omen.providers.shared.failures import unsupported
from omen.providers.shared.tool_ids import nine_id, short_id

_VENDOR_FIELDS = frozenset(
    {"reasoning_details", "extra_content", "provider_specific_fields", "thought_signature"}
    | {"thinking_blocks", "images", *REASONING_FIELDS}
)
_CACHE_CONTROL = frozenset({"cache_control"})


def write_message(message: Message, server: ServerTraits) -> dict[str, Any]:
    """Write one message."""
    developer = message.role == "developer" and not server.developer_role
    role = "system" if developer else message.role
    written: dict[str, Any] = {"role": role, "content": _content(message, server)}
    if message.tool_calls:
        written["tool_calls"] = [_call(call, server) for call in message.tool_calls]
    refusals = [part.text for part in message.parts if isinstance(part, RefusalPart)]
    if refusals and not isinstance(written["content"], list):
        written["refusal"] = "".join(refusals)
    if message.tool_call_id is not None:
        written["tool_call_id"] = _call_id(message.tool_call_id, server)
    return {**_extras(message, server), **written}


def _extras(message: Message, server: ServerTraits) -> dict[str, Any]:
    """Return the unknown fields of a message that go through, reasoning among them."""
    if message.role != "assistant":
        return _passed(message.extras, server)
    back = server.reasoning_back
    wanted = back == "always" or (back == "with_calls" and bool(message.tool_calls))
    passed = {k: v for k, v in _passed(message.extras, server).items() if k not in REASONING_FIELDS}
    if wanted and (thoughts := message.thoughts):
        name = "reasoning" if message.extras.get("reasoning") == thoughts else "reasoning_content"
        passed[name] = thoughts
    return passed


def _passed(extras: Mapping[str, Any], server: ServerTraits) -> dict[str, Any]:
    """Leave out the extras that this server is known to refuse."""
    refused = frozenset() if server.vendor_fields else _VENDOR_FIELDS
    if not server.cache_control:
        refused |= _CACHE_CONTROL
    return {name: value for name, value in extras.items() if name not in refused}


def _call(call: ToolCall, server: ServerTraits) -> dict[str, Any]:
    extras = {**_passed(call.extras, server), "id": _call_id(call.id, server)}
    if call.custom:
        custom = {"name": call.name, "input": call.arguments}
        return {**extras, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {**extras, "type": "function", "function": function}


def _call_id(call_id: str, server: ServerTraits) -> str:
    if server.call_id_alphabet == "nine_alphanumerics":
        return nine_id(call_id)
    limit = server.longest_call_id
    return call_id if limit is None else short_id(call_id, limit)


def _content(message: Message, server: ServerTraits) -> str | list[dict[str, Any]] | None:
    if message.role == "assistant" and not message.parts:
        return None
    plain = all(_is_plain(part, server) for part in message.parts)
    if message.single_text and plain:
        texts = [part.text for part in message.parts if isinstance(part, TextPart)]
        return "".join(texts) if texts or message.role != "assistant" else None
    return [_part(part, server) for part in message.parts]


def _is_plain(part: Part, server: ServerTraits) -> bool:
    """Whether nothing of a part is lost in a string."""
    marked = server.cache_control and "cache_control" in getattr(part, "extras", ())
    return isinstance(part, TextPart | RefusalPart) and not marked


def _part(part: Part, server: ServerTraits) -> dict[str, Any]:
    match part:
        case TextPart(text=text, extras=extras):
            return {**_passed(extras, server), "type": "text", "text": text}
        case ImagePart(url=url, detail=detail, extras=extras):
            image = {"url": url} if detail is None else {"url": url, "detail": detail}
            return {**_passed(extras, server), "type": "image_url", "image_url": image}
        case FilePart():
            return _file(part, server)
        case RefusalPart(text=text, extras=extras):
            return {**_passed(extras, server), "type": "refusal", "refusal": text}
        case Opaque():
            return write_opaque(part, "content part")


def write_opaque(what: Opaque, called: str) -> dict[str, Any]:
    """Write an object of a kind that the vocabulary lacks, if it is in OpenAI's words."""
    if what.dialect != "openai":
        raise unsupported(f"a {called} of the type {what.value.get('type')!s:.40}")
    return dict(what.value)


def _file(part: FilePart, server: ServerTraits) -> dict[str, Any]:
    if not part.url.startswith("data:"):
        raise unsupported("a file by its address")
    said = {"file_data": part.url}
    if part.name is not None:
        said["filename"] = part.name
    return {**_passed(part.extras, server), "type": "file", "file": said}
