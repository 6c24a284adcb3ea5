"""The conversation of an Ollama chat, in the vocabulary.

Ollama's clients mostly know no ids: a result belongs to a call by the tool's name, or by order
alone. And Ollama takes the result of a call that is not in the conversation at all (its server only
writes a template), where every other API demands one. Such a result gets its call here, with no
arguments, so that it can be told to anybody.

**Source.** github.com/ollama/ollama docs/api.md, read 2026-11-22.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import count, takewhile

from pydantic_core import to_json

from omen.core.chat import ImagePart, Message, Part, Role, TextPart, ToolCall
from omen.front.ollama._schema import CallIn, MessageIn

_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"))
"""What the bytes of a picture begin with."""
_UNNAMED = "tool"
"""What a tool is called of which neither the result nor a call says the name."""


def conversation(said: Sequence[MessageIn]) -> tuple[Message, ...]:
    """Read a conversation."""
    turns = _Turns(taken={name for message in said for name in _ids(message)})
    for message in said:
        turns.add(message)
    return tuple(turns.messages)


def user_message(text: str, images: Sequence[str] | None) -> Message:
    """Make the one message of a prompt."""
    return _message("user", [TextPart(text), *_pictures(images)])


class _Turns:
    """What was read so far, every call in it by its id, and those whose results have not come."""

    def __init__(self, taken: Collection[str]) -> None:
        self.messages: list[Message] = []
        self._calls: dict[str, ToolCall] = {}
        self._waiting: list[str] = []
        self._ids = (name for name in map("call_{}".format, count()) if name not in taken)

    def add(self, said: MessageIn) -> None:
        parts: list[Part] = []
        if said.content or said.role != "assistant":
            parts.append(TextPart(said.content or ""))
        parts += _pictures(said.images)
        message = _message(said.role, parts)
        if said.role == "tool":
            message = replace(message, tool_call_id=self._answered(said).id)
        elif said.tool_calls:
            message = replace(message, tool_calls=tuple(map(self._called, said.tool_calls)))
        self.messages.append(message)

    def _called(self, said: CallIn) -> ToolCall:
        arguments = to_json(said.function.arguments or {}).decode()
        call = ToolCall(said.id or next(self._ids), said.function.name, arguments)
        self._calls[call.id] = call
        self._waiting.append(call.id)
        return call

    def _answered(self, said: MessageIn) -> ToolCall:
        """Find the call that a result is of, and take it from those that wait for theirs."""
        waiting = (self._calls[name] for name in self._waiting)
        if said.tool_call_id is not None:
            found = self._calls.get(said.tool_call_id)
        else:
            found = next((c for c in waiting if said.tool_name in (None, c.name)), None)
        if found is None:
            return self._put_before(said)
        self._waiting = [name for name in self._waiting if name != found.id]
        return found

    def _put_before(self, said: MessageIn) -> ToolCall:
        """Make the call of a result that has none, in the turn whose results these are."""
        call = ToolCall(said.tool_call_id or next(self._ids), said.tool_name or _UNNAMED, "{}")
        self._calls[call.id] = call
        results = sum(1 for _ in takewhile(lambda m: m.role == "tool", reversed(self.messages)))
        at = len(self.messages) - results - 1
        if at >= 0 and (turn := self.messages[at]).role == "assistant":
            self.messages[at] = replace(turn, tool_calls=(*turn.tool_calls, call))
        else:
            self.messages.append(Message("assistant", tool_calls=(call,)))
        return call


def _ids(said: MessageIn) -> Iterator[str]:
    """Give the ids that a client uses itself."""
    if said.tool_call_id is not None:
        yield said.tool_call_id
    yield from (call.id for call in said.tool_calls or () if call.id is not None)


def _message(role: Role, parts: Sequence[Part]) -> Message:
    return Message(role, tuple(parts), single_text=all(isinstance(p, TextPart) for p in parts))


def _pictures(images: Sequence[str] | None) -> Iterator[ImagePart]:
    """Read pictures. Lines, as some encoders make them, are joined."""
    for image in images or ():
        data = image.replace("\r", "").replace("\n", "")
        begins = base64.b64decode(data[:16])
        kind = next((kind for magic, kind in _KINDS if begins.startswith(magic)), "png")
        yield ImagePart(f"data:image/{kind};base64,{data}")
