"""The conversation in Anthropic's shape: a system text, and turns that alternate.

**Source.** docs.anthropic.com/en/api/messages and its page on tool use, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile
from typing import Any

from omen.core.chat import FilePart, ImagePart, Message, Opaque, Part, RefusalPart, TextPart
from omen.providers.shared.failures import unsupported
from omen.providers.shared.images import inline_image
from omen.providers.shared.tool_arguments import arguments_object
from omen.providers.shared.tool_ids import strict_id

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_FILE_TYPES = frozenset({"application/pdf"})
_SHOWN = frozenset({"image", "document"})
_INSTRUCTING = frozenset({"system", "developer"})

Block = dict[str, Any]


def split_conversation(messages: Sequence[Message], model: str) -> tuple[str, list[dict[str, Any]]]:
    """Give the system text and the turns.

    Instructions at the start are the system text. Later ones have no role that every model knows
    and go into the user's turn where they stand. Neighbours of one role are one turn, in which
    the results of tool calls come first, as the API demands.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) for parts that have no block here, and when
    there is no turn at all.
    """
    opening = list(takewhile(lambda message: message.role in _INSTRUCTING, messages))
    system = "\n\n".join(message.text for message in opening if message.text.strip())
    turns = []
    for role, group in groupby(messages[len(opening) :], key=_turn_role):
        blocks = [block for message in group for block in _blocks(message, model)]
        if blocks:
            blocks.sort(key=lambda block: block["type"] != "tool_result")
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise unsupported("an answer to nothing but instructions")
    return system, turns


def _turn_role(message: Message) -> str:
    return "assistant" if message.role == "assistant" else "user"


def _blocks(message: Message, model: str) -> list[Block]:
    if message.role == "tool":
        return [_tool_result(message)]
    blocks = [*_thoughts(message, model), *_content(message.parts)]
    if message.role != "user" and any(block["type"] in _SHOWN for block in blocks):
        raise unsupported(f"an image in a message of the role {message.role}")
    for call in message.tool_calls:
        arguments = arguments_object(call)
        blocks.append(
            {"type": "tool_use", "id": strict_id(call.id), "name": call.name, "input": arguments}
        )
    return blocks


def _thoughts(message: Message, model: str) -> Iterable[Block]:
    """Give back what the model thought, unchanged; another model cannot read it."""
    for thought in message.reasoning:
        if (thought.kind, thought.model) == ("anthropic", model):
            yield dict(thought.value)


def _tool_result(message: Message) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": strict_id(message.tool_call_id or "")}
    content = _content(message.parts)
    if content:
        only_text = all(part["type"] == "text" for part in content)
        block["content"] = message.text if only_text else content
    if message.is_error:
        block["is_error"] = True
    return block


def _content(parts: Iterable[Part]) -> list[Block]:
    """Write parts as blocks. Blank text blocks are refused by the API and left out."""
    return [
        _block(part)
        for part in parts
        if not (isinstance(part, TextPart | RefusalPart) and not part.text.strip())
    ]


def _block(part: Part) -> Block:
    match part:
        case TextPart(text=text) | RefusalPart(text=text):
            return {"type": "text", "text": text}
        case ImagePart(url=url):
            return {"type": "image", "source": _source(url, _IMAGE_TYPES)}
        case FilePart(url=url):
            return {"type": "document", "source": _source(url, _FILE_TYPES)}
        case Opaque(value=value):
            raise unsupported(f"a content part of the type {value.get('type')!s:.40}")


def _source(url: str, types: frozenset[str]) -> dict[str, str]:
    inline = inline_image(url, types)
    if inline is not None:
        return {"type": "base64", "media_type": inline.media_type, "data": inline.data}
    if not url.startswith(("http://", "https://")):
        raise unsupported("an image or a file that is neither a data URL nor on the web")
    return {"type": "url", "url": url}
