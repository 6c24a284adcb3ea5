"""The memory of reasoning blocks between the two requests of a tool turn.

Some models reason before they call a tool, and need that reasoning back, unchanged, together with
the tool's result: Anthropic's signed thinking blocks, OpenAI's encrypted items. OpenAI's chat API
has no field for them, so its clients never get them. They are kept here, under the ids of the calls
that followed from them, and put in front of those calls when the conversation comes back.

A call id is the vendor's, or 96 random bits of ours. A client that knew an id of another client
could make OMEN send that reasoning to the vendor that produced it, but could not read it: it is
encrypted, or signed for the text that it precedes. If blocks are lost (another replica, a restart
of the process, the size limit) the model only loses its earlier reasoning: providers encode such a
conversation without it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence, Set
from dataclasses import replace
from sys import getsizeof

from omen.core.chat import ChatRequest, Message, ReasoningBlock
from omen.core.events import AnswerEnd, Event, ReasoningEnd, TextDelta, ToolCallDelta
from omen.core.plan import Output

_Blocks = tuple[ReasoningBlock, ...]
_BLOCK_OVERHEAD = 400
"""The measured bytes of a block and its entry without its texts; for a small block, most of it."""


class ReasoningMemory:
    """Keeps reasoning blocks by tool call id, up to `most_bytes`; drops the least recently used."""

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most_bytes = most_bytes
        self._by_call: OrderedDict[str, _Blocks] = OrderedDict()
        """Least recently used first."""
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<ReasoningMemory {len(self._by_call)} calls, {self._bytes} bytes>"

    def watch(self, request: ChatRequest, output: Output) -> Output:
        """Return an output that keeps the reasoning of the answer that it passes on.

        It is `output` itself if the answer cannot contain tool calls, or if the request is verbatim
        and its client keeps the blocks itself.
        """
        if not request.tools or request.verbatim is not None:
            return output
        return _ObservedOutput(self, output)

    def recall(self, request: ChatRequest) -> ChatRequest:
        """Return the request with the kept blocks in front of their tool calls.

        It is the same object if no blocks are known.
        """
        if not self._by_call or request.verbatim is not None:
            return request
        ids = {call.id for message in request.messages for call in message.tool_calls}
        given: set[int] = set()
        messages = tuple(self._recall(message, ids, given) for message in request.messages)
        same = all(new is old for new, old in zip(messages, request.messages, strict=True))
        return request if same else replace(request, messages=messages)

    def keep(self, call_ids: Sequence[str], blocks: _Blocks) -> None:
        """Keep the blocks that these calls followed from, and drop old ones above the limit."""
        for call_id in call_ids:
            self._drop(call_id)
            self._by_call[call_id] = blocks
            self._bytes += _size(call_id, blocks)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._by_call)))

    def _recall(self, message: Message, ids: Set[str], given: set[int]) -> Message:
        """Return a message with the blocks of its calls, each once in a conversation.

        Clients may split the calls of one answer into several messages. A block that preceded a
        call goes to that call's message, and any other block to the first.
        """
        own = {call.id for call in message.tool_calls}
        recalled: list[ReasoningBlock] = []
        for call_id in own & self._by_call.keys():
            self._by_call.move_to_end(call_id)
            for block in self._by_call[call_id]:
                elsewhere = block.before in ids and block.before not in own
                if id(block) not in given and not elsewhere:
                    given.add(id(block))
                    recalled.append(block)
        return replace(message, reasoning=tuple(recalled)) if recalled else message

    def _drop(self, call_id: str) -> None:
        blocks = self._by_call.pop(call_id, None)
        if blocks is not None:
            self._bytes -= _size(call_id, blocks)


class _ObservedOutput:
    """An output that passes an answer on, and keeps its reasoning if it ends with tool calls."""

    def __init__(self, memory: ReasoningMemory, output: Output) -> None:
        self._memory = memory
        self._output = output
        self._blocks: list[ReasoningBlock] = []
        self._call_ids: list[str] = []
        self._placed = 0
        """The number of blocks whose place is known."""

    async def send(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case ReasoningEnd(block=block):
                    self._blocks.append(block)
                case TextDelta(text=text) if text:
                    self._place("")
                case ToolCallDelta(id=str(call_id)):
                    self._place(call_id)
                    self._call_ids.append(call_id)
                case AnswerEnd() if self._blocks and self._call_ids:
                    # Before the send: the client may send the tool's result at once.
                    self._memory.keep(self._call_ids, tuple(self._blocks))
        await self._output.send(events)

    def _place(self, before: str) -> None:
        """Note what the latest blocks preceded: a vendor wants each where it was."""
        for index in range(self._placed, len(self._blocks)):
            self._blocks[index] = replace(self._blocks[index], before=before)
        self._placed = len(self._blocks)


def _size(call_id: str, blocks: _Blocks) -> int:
    """Return an estimate of an entry's bytes. Blocks that calls share count once for each call."""
    texts = (value for block in blocks for value in block.value.values() if isinstance(value, str))
    return _BLOCK_OVERHEAD * len(blocks) + getsizeof(call_id) + sum(map(getsizeof, texts))
