"""The conversation in Anthropic's shape: a system text, and turns that alternate.

**Source.** docs.anthropic.com/en/api/messages and its page on tool use, read 2026-11-22.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count, groupby, takewhile
from typing import Any
from urllib.parse import unquote_to_bytes

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


def split_conversation(
    messages: Sequence[Message], model: str
) -> tuple[str | list[Block], list[dict[str, Any]]]:
    """Return the system text and the turns.

    Instructions at the start are the system text, in blocks if parts of them are marked for the
    cache. Later ones have no role that every model knows and go into the user's turn where they
    stand. Neighbours of one role are one turn, in which the results of tool calls come first, as
    the API demands. The assistant's last text, if the turn goes on from it, has no blanks at its
    end: the API refuses them.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) for parts that have no block here, and when
    there is no turn at all.
    """
    opening = list(takewhile(lambda message: message.role in _INSTRUCTING, messages))
    rest = unique_calls(messages[len(opening) :])
    turns: list[dict[str, Any]] = []
    for role, group in groupby(rest, key=_turn_role):
        blocks = [block for message in group for block in _blocks(message, model)]
        if blocks:
            blocks.sort(key=lambda block: block["type"] != "tool_result")
            turns.append({"role": role, "content": blocks})
    if turns and turns[-1]["role"] == "assistant":
        _strip_end(turns)
    if not turns:
        raise unsupported("an answer to nothing but instructions")
    return _system(opening), turns


def _system(opening: Sequence[Message]) -> str | list[Block]:
    blocks = [
        _marked({"type": "text", "text": part.text}, part.extras, message.extras)
        for message in opening
        for part in message.parts
        if isinstance(part, TextPart) and part.text.strip()
    ]
    if any("cache_control" in block for block in blocks):
        return blocks
    return "\n\n".join(message.text for message in opening if message.text.strip())


def _strip_end(turns: list[dict[str, Any]]) -> None:
    last = turns[-1]["content"][-1]
    if last["type"] == "text":
        last["text"] = last["text"].rstrip()


def unique_calls(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the messages with no id of a call twice. A result belongs to the last call before it.

    Some servers number the calls of each answer from the start again.
    """
    ids = [call.id for message in messages for call in message.tool_calls]
    if len(set(ids)) == len(ids):
        return messages
    taken, current, written = set(ids), dict[str, str](), list[Message]()
    for message in messages:
        for call in message.tool_calls:
            current[call.id] = _free(call.id, taken) if call.id in current else call.id
        calls = tuple(replace(call, id=current[call.id]) for call in message.tool_calls)
        answered = current.get(message.tool_call_id or "", message.tool_call_id)
        written.append(replace(message, tool_calls=calls, tool_call_id=answered))
    return written


def _free(given: str, taken: set[str]) -> str:
    free = next(name for n in count(2) if (name := f"{given}_{n}") not in taken)
    taken.add(free)
    return free


def _turn_role(message: Message) -> str:
    return "assistant" if message.role == "assistant" else "user"


def _blocks(message: Message, model: str) -> list[Block]:
    if message.role == "tool":
        return [_tool_result(message)]
    thoughts = [t for t in message.reasoning if (t.kind, t.model) == ("anthropic", model)]
    ids = {call.id for call in message.tool_calls}
    said = _content(message.parts)
    if message.role != "user" and any(block["type"] in _SHOWN for block in said):
        raise unsupported(f"an image in a message of the role {message.role}")
    # Thinking goes back unchanged, and where it was. Another model cannot read it.
    blocks = [dict(thought.value) for thought in thoughts if thought.before not in ids]
    blocks += said
    for call in message.tool_calls:
        blocks += [dict(thought.value) for thought in thoughts if thought.before == call.id]
        called = {"id": strict_id(call.id), "name": call.name, "input": arguments_object(call)}
        blocks.append(_marked({"type": "tool_use", **called}, call.extras))
    if blocks and message.extras.get("cache_control"):
        blocks[-1] = _marked(blocks[-1], message.extras)
    return blocks


def _tool_result(message: Message) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": strict_id(message.tool_call_id or "")}
    content = _content(message.parts)
    if content:
        plain = all(part["type"] == "text" and "cache_control" not in part for part in content)
        block["content"] = message.text if plain else content
    if message.is_error:
        block["is_error"] = True
    return _marked(block, message.extras)


def _marked(block: Block, *extras: Mapping[str, Any]) -> Block:
    """Return a block with the mark for the cache that one of the extras has."""
    marks = (said["cache_control"] for said in extras if said.get("cache_control"))
    mark = next(marks, None)
    return block if mark is None else {**block, "cache_control": mark}


def _content(parts: Iterable[Part]) -> list[Block]:
    """Write parts as blocks. Blank text blocks are refused by the API and left out."""
    return [
        _marked(_block(part), getattr(part, "extras", {}))
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
            return {"type": "document", "source": text_source(url) or _source(url, _FILE_TYPES)}
        case Opaque(value=value):
            raise unsupported(f"a content part of the type {value.get('type')!s:.40}")


def text_source(url: str) -> dict[str, str] | None:
    """Return the source of a text file that travels in the request; None for any other file."""
    description, comma, data = url.partition(",")
    kind, *parameters = description.lower().removeprefix("data:").split(";")
    if not comma or not description.lower().startswith("data:text/") or not kind:
        return None
    try:
        raw = b64decode(data) if "base64" in parameters else unquote_to_bytes(data)
    except ValueError:
        return None
    return {"type": "text", "media_type": "text/plain", "data": raw.decode("utf-8", "replace")}


def _source(url: str, types: frozenset[str]) -> dict[str, str]:
    inline = inline_image(url, types)
    if inline is not None:
        return {"type": "base64", "media_type": inline.media_type, "data": inline.data}
    if not url.startswith(("http://", "https://")):
        raise unsupported("an image or a file that is neither a data URL nor on the web")
    return {"type": "url", "url": url}
