"""The conversation of a Messages request, in the vocabulary.

The results of tool calls are messages of their own here, and hold text only. Pictures among them
go into the user's message that follows, which is where other vendors take pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic_core import to_json

from omen.core.chat import SHOWN_NEXT, Message, Part, Role, TextPart, ToolCall
from omen.front.anthropic.block_parts import cache_mark, own_parts_of, parts_of
from omen.front.anthropic.schema import BlockIn, ToolResultIn, ToolUseIn, TurnIn

_THOUGHTS = ("thinking", "redacted_thinking")
_BILLING_LINE = re.compile(r"\s*x-anthropic-billing-header:[^\n]*\n*", re.IGNORECASE)
"""Claude Code's first line of the system text. It changes with the request or the conversation, so
that nothing behind it could come out of another vendor's prompt cache."""
_SAYS_ERROR = re.compile(r"\W*(?:\w+[ _])?\w*(?:error|failed|failure|exception)", re.IGNORECASE)


def system_message(system: str | Sequence[BlockIn] | None) -> Sequence[Message]:
    """Read the system text; its blocks are paragraphs."""
    parts = tuple(_paragraphs(_system_parts(system)))
    return (Message("system", parts),) if parts else ()


def turn_messages(turn: TurnIn) -> Iterable[Message]:
    """Read one turn: results of tools first, as they come first in it, then what was said."""
    blocks = turn.content
    if turn.role == "system":
        yield from system_message(blocks)
        return
    if isinstance(blocks, str):
        yield Message(turn.role, (TextPart(blocks),))
        return
    shown: list[Part] = []
    for block in blocks:
        if isinstance(block, ToolResultIn):
            text, pictures = _result(block)
            shown += pictures
            yield Message(
                "tool",
                (text,),
                tool_call_id=block.tool_use_id,
                is_error=bool(block.is_error),
                extras=cache_mark(block),
            )
    yield from _said(turn.role, shown, blocks)


def _system_parts(system: str | Sequence[BlockIn] | None) -> Iterator[TextPart]:
    blocks = [TextPart(system)] if isinstance(system, str) else _text_parts(system or ())
    for part in blocks:
        text = _BILLING_LINE.sub("", part.text, count=1) if _bills(part.text) else part.text
        if text.strip():
            yield replace(part, text=text)


def _bills(text: str) -> bool:
    return _BILLING_LINE.match(text) is not None


def _text_parts(blocks: Sequence[BlockIn]) -> Iterator[TextPart]:
    parts = (part for block in blocks for part in parts_of(block))
    yield from (part for part in parts if isinstance(part, TextPart))


def _paragraphs(parts: Iterable[TextPart]) -> Iterator[TextPart]:
    """Put parts together as paragraphs of one text; one that is marked ends a part."""
    text, between = "", ""
    for part in parts:
        text, between = f"{text}{between}{part.text}", "\n\n"
        if part.extras:
            yield TextPart(text, part.extras)
            text = ""
    if text:
        yield TextPart(text)


def _said(role: Role, shown: list[Part], blocks: Sequence[BlockIn]) -> Iterable[Message]:
    read = own_parts_of if role == "assistant" else parts_of
    parts = shown + [
        part
        for block in blocks
        if not isinstance(block, ToolResultIn | ToolUseIn) and block.type not in _THOUGHTS
        for part in read(block)
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


def _result(block: ToolResultIn) -> tuple[TextPart, list[Part]]:
    """Return the text of a result, and what else it holds.

    Other vendors have no field for a call that failed, so the text says so, if it does not yet.
    """
    content = block.content
    if content is None or isinstance(content, str):
        parts: list[Part] = [TextPart(content or "")]
    else:
        parts = [part for inner in content for part in parts_of(inner)]
    texts = [part for part in parts if isinstance(part, TextPart)]
    pictures: list[Part] = [part for part in parts if not isinstance(part, TextPart)]
    text = "\n\n".join(part.text for part in texts) or (SHOWN_NEXT if pictures else "")
    if block.is_error and not _SAYS_ERROR.match(text):
        text = f"Error: {text}".rstrip()
    mark = next((part.extras for part in reversed(texts) if part.extras), {})
    return TextPart(text, mark), pictures
