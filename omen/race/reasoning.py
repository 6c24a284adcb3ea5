"""Reasoning that has to come back: kept between the two requests of a tool turn.

Some models reason before they call a tool, and want that reasoning back, unchanged, when the
tool's result comes: Anthropic's signed thinking blocks, OpenAI's encrypted items. A client of
OpenAI's chat API has no place for them and never sees them. So they are kept here, by the ids of
the calls that followed from them, and put in front of those calls when the conversation comes back.

An id is the vendor's, or 96 random bits of ours. Who knew somebody else's could send that
conversation's reasoning to its own vendor, and read nothing of it: it is encrypted, or signed for
the text it stands before. What has been forgotten (another replica, a restart, a bound) costs the
model its train of thought and nothing else: providers do without where they have to.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from sys import getsizeof

from omen.core.chat import ChatRequest, Message, ReasoningBlock
from omen.core.events import AnswerEnd, Event, ReasoningEnd, ToolCallDelta
from omen.core.plan import Output

_Blocks = tuple[ReasoningBlock, ...]
_AROUND = 400
"""Bytes that a block and its place take beside its texts, as measured; of a small one, most."""


class ReasoningMemory:
    """Keeps blocks by tool call id, the most recently used ones, up to `most_bytes` of them."""

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, _Blocks] = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<ReasoningMemory {len(self._kept)} calls, {self._bytes} bytes>"

    def watch(self, request: ChatRequest, output: Output) -> Output:
        """Give an output that remembers on the way; the same one where nothing could come."""
        if not request.tools or request.verbatim is not None:
            return output
        return _Watched(self, output)

    def recall(self, request: ChatRequest) -> ChatRequest:
        """Put what is known of the calls in a conversation in front of them."""
        if not self._kept or request.verbatim is not None:
            return request
        messages = tuple(map(self._recall, request.messages))
        same = all(one is other for one, other in zip(messages, request.messages, strict=True))
        return request if same else replace(request, messages=messages)

    def keep(self, call_ids: Sequence[str], blocks: _Blocks) -> None:
        """Remember the blocks that these calls followed from."""
        for call_id in call_ids:
            self._forget(call_id)
            self._kept[call_id] = blocks
            self._bytes += _size(call_id, blocks)
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._kept)))

    def _recall(self, message: Message) -> Message:
        for call in message.tool_calls:
            blocks = self._kept.get(call.id)
            if blocks is not None:
                self._kept.move_to_end(call.id)
                return replace(message, reasoning=blocks)
        return message

    def _forget(self, call_id: str) -> None:
        blocks = self._kept.pop(call_id, None)
        if blocks is not None:
            self._bytes -= _size(call_id, blocks)


class _Watched:
    """Passes an answer on and remembers its reasoning, if it ends in calls."""

    def __init__(self, memory: ReasoningMemory, output: Output) -> None:
        self._memory = memory
        self._output = output
        self._blocks: list[ReasoningBlock] = []
        self._call_ids: list[str] = []

    async def send(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case ReasoningEnd(block=block):
                    self._blocks.append(block)
                case ToolCallDelta(id=str(call_id)):
                    self._call_ids.append(call_id)
                case AnswerEnd() if self._blocks and self._call_ids:
                    # Before the client can have it: it may be quick to answer.
                    self._memory.keep(self._call_ids, tuple(self._blocks))
        await self._output.send(events)


def _size(call_id: str, blocks: _Blocks) -> int:
    """Estimate the bytes that an entry takes; blocks that several calls share count for each."""
    texts = (value for block in blocks for value in block.value.values() if isinstance(value, str))
    return _AROUND * len(blocks) + getsizeof(call_id) + sum(map(getsizeof, texts))
