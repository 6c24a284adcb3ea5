"""The conversation of a Messages request, in the vocabulary.

The results of tool calls are messages of their own here, and hold text only. Pictures among them
go into the user's message that follows, which is where other vendors take pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import to_json

from omen.core.chat import FilePart, ImagePart, Message, Opaque, Part, Role, TextPart, ToolCall
from omen.front.anthropic.schema import (
    BlockIn,
    DocumentIn,
    ImageIn,
    SourceIn,
    TextIn,
    ToolResultIn,
    ToolUseIn,
    TurnIn,
)

DIALECT = "anthropic"
_THOUGHTS = ("thinking", "redacted_thinking")
_ONLY_PICTURES = "The result is what the next message shows."


def system_message(system: str | Sequence[BlockIn] | None) -> Sequence[Message]:
    """Read the system text; its blocks are paragraphs."""
    if system is None:
        return ()
    if isinstance(system, str):
        return (Message("system", (TextPart(system),)),) if system.strip() else ()
    blocks = [block for block in system if isinstance(block, TextIn) and block.text.strip()]
    if not any(map(_mark, blocks)):
        text = "\n\n".join(block.text for block in blocks)
        return (Message("system", (TextPart(text),)),) if text else ()
    ends = ["\n\n"] * (len(blocks) - 1) + [""]
    parts = (TextPart(b.text + end, _mark(b)) for b, end in zip(blocks, ends, strict=True))
    return (Message("system", tuple(parts), single_text=False),)


def turn_messages(turn: TurnIn) -> Iterable[Message]:
    """Read one turn: results of tools first, as they come first in it, then what was said."""
    blocks = turn.content
    if isinstance(blocks, str):
        yield Message(turn.role, (TextPart(blocks),))
        return
    shown: list[Part] = []
    for block in blocks:
        if isinstance(block, ToolResultIn):
            texts, pictures = _result(block)
            shown += pictures
            yield Message(
                "tool",
                (TextPart(texts),),
                tool_call_id=block.tool_use_id,
                is_error=bool(block.is_error),
                extras=_mark(block),
            )
    yield from _said(turn.role, shown, blocks)


def _said(role: Role, shown: list[Part], blocks: Sequence[BlockIn]) -> Iterable[Message]:
    parts = shown + [
        _part(block)
        for block in blocks
        if not isinstance(block, ToolResultIn | ToolUseIn) and block.type not in _THOUGHTS
    ]
    calls = tuple(
        ToolCall(block.id, block.name, to_json(block.input).decode())
        for block in blocks
        if isinstance(block, ToolUseIn)
    )
    if parts or calls:
        single = len(parts) == 1 and isinstance(parts[0], TextPart)
        thoughts = _thoughts(blocks) if role == "assistant" else ""
        extras = {"reasoning_content": thoughts} if thoughts else {}
        yield Message(role, tuple(parts), tool_calls=calls, single_text=single, extras=extras)


def _thoughts(blocks: Sequence[BlockIn]) -> str:
    """Return what can be read of the reasoning that comes back; some vendors demand it."""
    texts = (getattr(block, "thinking", "") for block in blocks if block.type == "thinking")
    return "".join(text for text in texts if isinstance(text, str))


def _result(block: ToolResultIn) -> tuple[str, list[Part]]:
    if block.content is None or isinstance(block.content, str):
        return block.content or "", []
    parts = [_part(inner) for inner in block.content]
    text = "\n\n".join(part.text for part in parts if isinstance(part, TextPart))
    pictures: list[Part] = [part for part in parts if not isinstance(part, TextPart)]
    return text or (_ONLY_PICTURES if pictures else ""), pictures


def _part(block: BlockIn) -> Part:
    match block:
        case TextIn(text=text):
            return TextPart(text, _mark(block))
        case ImageIn(source=source):
            url = _url(source)
            return _opaque(block) if url is None else ImagePart(url)
        case DocumentIn(source=source, title=title):
            if source.type == "text" and source.data is not None:
                return TextPart(source.data)
            url = _url(source)
            return _opaque(block) if url is None else FilePart(url, title)
        case _:
            return _opaque(block)


def _mark(block: BlockIn) -> dict[str, Any]:
    """Return a block's mark for the prompt cache, for vendors that take it."""
    mark = (block.model_extra or {}).get("cache_control")
    return {} if mark is None else {"cache_control": mark}


def _url(source: SourceIn) -> str | None:
    """Give a picture or a document as a URL; None for one that is kept at the vendor."""
    if source.type == "url":
        return source.url
    if source.type == "base64" and source.media_type and source.data is not None:
        return f"data:{source.media_type};base64,{source.data}"
    return None


def _opaque(block: BlockIn) -> Opaque:
    return Opaque(block.model_dump(exclude_unset=True), dialect=DIALECT)
