"""The Messages stream.

**Source.** docs.anthropic.com/en/api/messages-streaming, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omen.core.chat import ReasoningBlock
from omen.core.errors import UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    FinishReason,
    ReasoningDelta,
    ReasoningEnd,
    TextDelta,
    ToolCallDelta,
    WireEvent,
)
from omen.core.frames import Frame
from omen.core.pieces import Pieces
from omen.providers.messages.errors import ANTHROPIC_ERRORS
from omen.providers.messages.usage import UsageSoFar
from omen.providers.messages.whole import stream_of
from omen.providers.shared.failures import classify_frame, truncated
from omen.providers.shared.finish import finish_with_calls, read_finish
from omen.providers.shared.json import (
    compact,
    frame_object,
    json_bytes,
    not_the_wire_format,
    text_of,
    too_many,
)
from omen.providers.shared.tool_ids import made_id

_MEANT = frozenset({"pause_turn", "stop_sequence", "compaction"})
"""Ends that are answers with nothing visible before them, too."""
_WORK = ("thinking", "tool_use")
"""Ends of the types of blocks in which a model or the server works, perhaps in silence."""


MOST_CALLS = 10_000
"""Calls of one answer. What a limit of the gateway allows is less."""


class _Thought:
    """A block of thinking, and the texts in it that grow."""

    __slots__ = ("block", "grown")

    def __init__(self, block: dict[str, Any]) -> None:
        self.block = block
        self.grown: dict[str, Pieces] = {}

    def whole(self) -> dict[str, Any]:
        """Return the block with its texts."""
        return {**self.block, **{name: pieces.text for name, pieces in self.grown.items()}}


class _ToolBlock:
    """A tool_use block. Its index is ours: dense over calls, where theirs counts all blocks."""

    __slots__ = ("has_arguments", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self.has_arguments = False


class MessagesDecoder:
    """Turns the frames of one Messages stream into events. One per answer.

    Events, blocks and deltas of unknown types give nothing, as the vendor asks of clients; so do
    the calls of tools that the server ran itself. Asked `verbatim`, every event goes along as it
    came besides, for a client to whom all of that means something. `may_be_empty` if an answer
    that ends its turn and says nothing is one: a client of this API takes it so after a tool's
    result.
    """

    __slots__ = (
        "_awaits_result",
        "_calls",
        "_ended",
        "_finish",
        "_may_be_empty",
        "_meant",
        "_model",
        "_open",
        "_started",
        "_stop_sequence",
        "_thoughts",
        "_usage",
        "_verbatim",
        "_working",
    )

    def __init__(self, model: str, *, verbatim: bool = False, may_be_empty: bool = False) -> None:
        self._may_be_empty = may_be_empty
        self._meant = False
        self._model = model
        self._verbatim = verbatim
        self._thoughts: dict[int, _Thought] = {}
        self._usage = UsageSoFar()
        self._open: dict[int, _ToolBlock] = {}
        self._calls = 0
        self._started = False
        self._finish: FinishReason | None = None
        self._stop_sequence: str | None = None
        self._ended = False
        self._working: dict[int, str] = {}
        """The types of the open blocks of thinking and of tools, by place."""
        self._awaits_result = False
        """Whether the block of a server's tool has ended, and the next one is to bring a result."""

    @property
    def is_working(self) -> bool:
        """Whether a block of thinking or of a tool is open, or a server's tool is at work."""
        return bool(self._working) or self._awaits_result

    def feed(self, frame: Frame) -> Sequence[Event]:
        """Translate one event."""
        if self._ended:
            return ()
        event = frame_object(frame)
        kind = text_of(event.get("type"))
        if kind == "message":
            frames = [Frame(json_bytes(one), one["type"]) for one in stream_of(event)]
            return [read for one in frames for read in self.feed(one)]
        events = self._read(kind, event)
        return [WireEvent("anthropic", kind, frame.data), *events] if self._verbatim else events

    def _read(self, kind: str, event: dict[str, Any]) -> Sequence[Event]:
        match kind:
            case "content_block_delta":
                return self._delta(event)
            case "content_block_start":
                return self._block_start(event)
            case "content_block_stop":
                return self._block_stop(event)
            case "message_start":
                return self._message_start(event.get("message"))
            case "message_delta":
                return self._message_delta(event)
            case "message_stop":
                self._finish = self._finish or "stop"
                return self.end()
            case "error":
                raise classify_frame(ANTHROPIC_ERRORS, event)
        return ()

    def end(self) -> Sequence[Event]:
        """Return what the end of the answer owes: calls without arguments, and `AnswerEnd`."""
        if self._ended:
            return ()
        if self._finish is None:
            raise truncated()
        self._ended = True
        owed = [_no_arguments(call) for call in self._open.values() if not call.has_arguments]
        end = AnswerEnd(
            finish_with_calls(self._finish, called=self._calls > 0),
            self._usage.total(),
            meant=self._meant,
            stop_sequence=self._stop_sequence,
        )
        return [*owed, end]

    def _delta(self, event: dict[str, Any]) -> Sequence[Event]:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            return ()
        match delta.get("type"):
            case "text_delta":
                text = text_of(delta.get("text"))
                return (TextDelta(text),) if text else ()
            case "thinking_delta":
                return self._thinking(event, "thinking", text_of(delta.get("thinking")))
            case "signature_delta":
                self._thinking(event, "signature", text_of(delta.get("signature")))
            case "input_json_delta":
                return self._arguments(event, text_of(delta.get("partial_json")))
        return ()

    def _thinking(self, event: dict[str, Any], part: str, text: str) -> Sequence[Event]:
        """Gather a thinking block, which has to come back as it was; show what of it is text."""
        thought = self._thoughts.get(_index(event))
        if thought is not None:
            if part not in thought.grown:
                thought.grown[part] = Pieces(text_of(thought.block.get(part)))
            thought.grown[part].add(text)
        return (ReasoningDelta(text),) if text and part == "thinking" else ()

    def _arguments(self, event: dict[str, Any], text: str) -> Sequence[Event]:
        block = self._open.get(_index(event))
        if block is None or not text:
            return ()
        block.has_arguments = True
        return (ToolCallDelta(block.index, arguments=text),)

    def _block_start(self, event: dict[str, Any]) -> Sequence[Event]:
        block = event.get("content_block")
        if not isinstance(block, dict):
            return ()
        kind = text_of(block.get("type"))
        self._awaits_result = False
        if kind.endswith(_WORK):
            self._working[_index(event)] = kind
        if kind == "tool_use":
            return self._tool_start(_index(event), block)
        if kind == "text" and (text := text_of(block.get("text"))):
            return (TextDelta(text),)
        if kind in ("thinking", "redacted_thinking"):
            self._thoughts[_index(event)] = _Thought(dict(block))
            text = text_of(block.get("thinking"))
            return (ReasoningDelta(text),) if text else ()
        return ()

    def _tool_start(self, index: int, content: dict[str, Any]) -> Sequence[Event]:
        name = text_of(content.get("name"))
        if not name:
            raise not_the_wire_format("a tool call has no name")
        if self._calls >= MOST_CALLS:
            raise too_many(MOST_CALLS, "tool calls")
        block = self._open[index] = _ToolBlock(self._calls)
        self._calls += 1
        # Anthropic starts with an empty object always; others who speak this give it whole.
        given = content.get("input")
        block.has_arguments = bool(given)
        call_id = text_of(content.get("id")) or made_id()
        return (ToolCallDelta(block.index, call_id, name, compact(given) if given else ""),)

    def _block_stop(self, event: dict[str, Any]) -> Sequence[Event]:
        work = self._working.pop(_index(event), "")
        self._awaits_result = work.endswith("tool_use") and work != "tool_use"
        thought = self._thoughts.pop(_index(event), None)
        if thought is not None:
            return (ReasoningEnd(ReasoningBlock("anthropic", self._model, thought.whole())),)
        block = self._open.pop(_index(event), None)
        if block is None or block.has_arguments:
            return ()
        return (_no_arguments(block),)

    def _message_start(self, message: object) -> Sequence[Event]:
        if self._started or not isinstance(message, dict):
            return ()
        self._started = True
        self._usage.update(message.get("usage"))
        return (AnswerStart(model=text_of(message.get("model")) or None),)

    def _meaning(self, reason: str) -> FinishReason | None:
        try:
            return read_finish(reason) or self._finish
        except UpstreamFailure:
            # A client of this API reads the vendor's own word, which may be newer than our table.
            if not self._verbatim:
                raise
            return "stop"

    def _message_delta(self, event: dict[str, Any]) -> Sequence[Event]:
        self._usage.update(event.get("usage"))
        delta = event.get("delta")
        if not isinstance(delta, dict):
            return ()
        reason = text_of(delta.get("stop_reason"))
        if reason:
            self._finish = self._meaning(reason)
            self._meant = reason in _MEANT or (self._may_be_empty and reason == "end_turn")
            self._stop_sequence = text_of(delta.get("stop_sequence")) or None
        return ()


def _no_arguments(call: _ToolBlock) -> ToolCallDelta:
    """A call without arguments streams no JSON, and clients parse what they were given."""
    return ToolCallDelta(call.index, arguments="{}")


def _index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else -1
