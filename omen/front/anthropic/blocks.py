"""Events become content blocks, strictly one after the other, as the Messages stream has them.

A block is open, and what belongs to it goes out at once. Fragments of tool calls may come
interleaved, though, and a block that was closed cannot be opened again. So once a call has begun,
whatever belongs to another block waits until the answer has ended; then it goes out block by block,
in the order in which the blocks began. Nothing is lost that way and nothing is guessed; the price
is that of several calls only the first one streams.

**Source.** docs.anthropic.com/en/api/messages-streaming, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from omen.core.events import Delta, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta

OWN_SIGNATURE = "omen"
"""What stands as the signature of a thinking block that we made of another vendor's reasoning. No
vendor signs like this; such a block is dropped when it comes back."""

WireObject = dict[str, Any]
_Key = str | int
"""Which block a delta belongs to: `text`, `thinking`, or the index of a tool call."""


@dataclass(slots=True)
class _Waiting:
    """A block that may not begin yet."""

    first: Delta
    pieces: list[str] = field(default_factory=list)


class BlockWriter:
    """Writes the blocks of one answer."""

    __slots__ = ("_index", "_open", "_waiting")

    def __init__(self) -> None:
        self._index = -1
        self._open: _Key | None = None
        self._waiting: dict[_Key, _Waiting] = {}

    def write(self, delta: Delta) -> Iterator[WireObject]:
        """Write one delta, or keep it for later."""
        key = _key(delta)
        if self._open == key:
            yield from self._piece(delta, _text(delta))
        elif isinstance(self._open, int):
            self._waiting.setdefault(key, _Waiting(delta)).pieces.append(_text(delta))
        else:
            yield from self.close()
            yield from self._begin(key, delta)
            yield from self._piece(delta, _text(delta))

    def end(self) -> Iterator[WireObject]:
        """Close what is open and write what waited."""
        yield from self.close()
        for key, waiting in self._waiting.items():
            yield from self._begin(key, waiting.first)
            yield from self._piece(waiting.first, "".join(waiting.pieces))
            yield from self.close()

    def close(self) -> Iterator[WireObject]:
        """Close the open block, if any."""
        if self._open is None:
            return
        if self._open == "thinking":
            yield self._delta({"type": "signature_delta", "signature": OWN_SIGNATURE})
        self._open = None
        yield {"type": "content_block_stop", "index": self._index}

    def _begin(self, key: _Key, delta: Delta) -> Iterator[WireObject]:
        self._open = key
        self._index += 1
        block = _empty_block(delta)
        yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _piece(self, delta: Delta, text: str) -> Iterator[WireObject]:
        if not text:
            return
        match delta:
            case ReasoningDelta():
                yield self._delta({"type": "thinking_delta", "thinking": text})
            case ToolCallDelta():
                yield self._delta({"type": "input_json_delta", "partial_json": text})
            case _:
                yield self._delta({"type": "text_delta", "text": text})

    def _delta(self, delta: WireObject) -> WireObject:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}


def _key(delta: Delta) -> _Key:
    match delta:
        case ToolCallDelta(index=index):
            return index
        case ReasoningDelta():
            return "thinking"
        case TextDelta() | RefusalDelta():
            return "text"


def _text(delta: Delta) -> str:
    return delta.arguments if isinstance(delta, ToolCallDelta) else delta.text


def _empty_block(delta: Delta) -> WireObject:
    match delta:
        case ToolCallDelta():
            return {"type": "tool_use", "id": delta.id, "name": delta.name, "input": {}}
        case ReasoningDelta():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case TextDelta() | RefusalDelta():
            return {"type": "text", "text": ""}
