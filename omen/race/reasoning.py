"""The memory of what a vendor wants back, between the two requests of a tool turn.

Some models reason before they call a tool, and need that reasoning back, unchanged, together with
the tool's result: Anthropic's signed thinking blocks, OpenAI's encrypted items. OpenAI's chat API
has no field for them, so its clients never get them. They are kept here, under the ids of the calls
that followed from them, and put in front of those calls when the conversation comes back. So are
the fields of calls and messages that some vendors sign (Gemini's `extra_content`, OpenRouter's
`reasoning_details`): a client that has a field for them brings them back itself, others cannot.

A call id is the vendor's, or 96 random bits of ours. A client that knew an id of another client
could make OMEN send that reasoning to the vendor that produced it, but could not read it: it is
encrypted, or signed for the text that it precedes. If blocks are lost (another replica, a restart
of the process, the size limit) the model only loses its earlier reasoning: providers encode such a
conversation without it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import replace
from sys import getsizeof
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic_core import to_json

from omen.core.chat import ChatRequest, Extras, Message, ReasoningBlock, ToolCall
from omen.core.events import (
    AnswerEnd,
    Event,
    MessageFields,
    ReasoningEnd,
    Restart,
    TextDelta,
    ToolCallDelta,
)
from omen.core.message_fields import FieldJoiner
from omen.core.plan import Output

OnEnd = Callable[[Sequence[str]], Awaitable[None]]
"""Called with the ids of an answer's tool calls."""
_Blocks = tuple[ReasoningBlock, ...]
_NO_EXTRAS: Mapping[str, Any] = MappingProxyType({})
_WANTED = "reasoning_details"
"""The field of a message that its vendor wants back (OpenRouter)."""
_BLOCK_OVERHEAD = 400
"""The measured bytes of a block and its entry without its texts; for a small block, most of it."""


class _Kept(NamedTuple):
    """What has to come back with one call."""

    blocks: _Blocks
    extras: Extras
    fields: Extras


class ReasoningMemory:
    """Keeps reasoning blocks by tool call id, up to `most_bytes`; drops the least recently used."""

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most_bytes = most_bytes
        self._by_call: OrderedDict[str, _Kept] = OrderedDict()
        """Least recently used first."""
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<ReasoningMemory {len(self._by_call)} calls, {self._bytes} bytes>"

    def watch(self, request: ChatRequest, output: Output, on_end: OnEnd) -> Output:
        """Return an output that keeps the reasoning of the answer that it passes on.

        It awaits `on_end` with the ids of the answer's tool calls before it sends the end, because
        the client may send its next request as soon as it has the end, possibly to another replica.

        The client of a verbatim request keeps the blocks of its own vendor itself, but cannot keep
        those of others.
        """
        own_kind = None if request.verbatim is None else request.verbatim.dialect
        return _ObservedOutput(self, output, own_kind, on_end)

    def recall(self, request: ChatRequest) -> ChatRequest:
        """Return the request with the kept blocks in front of their tool calls.

        It is the same object if no blocks are known.
        """
        if not self._by_call:
            return request
        ids = {call.id for message in request.messages for call in message.tool_calls}
        given: set[int] = set()
        messages = tuple(self._recall(message, ids, given) for message in request.messages)
        same = all(new is old for new, old in zip(messages, request.messages, strict=True))
        return request if same else replace(request, messages=messages)

    def keep(
        self,
        call_ids: Sequence[str],
        blocks: _Blocks,
        extras: Mapping[str, Extras] = _NO_EXTRAS,
        fields: Extras = _NO_EXTRAS,
    ) -> None:
        """Keep what has to come back with these calls, and drop old entries above the limit.

        `blocks` are those that the calls followed from, `extras` the vendor's fields by call, and
        `fields` those of the whole message.
        """
        for call_id in call_ids:
            self._drop(call_id)
            kept = _Kept(blocks, extras.get(call_id, _NO_EXTRAS), fields)
            self._by_call[call_id] = kept
            self._bytes += _size(call_id, kept)
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
            for block in self._by_call[call_id].blocks:
                elsewhere = block.before in ids and block.before not in own
                if id(block) not in given and not elsewhere:
                    given.add(id(block))
                    recalled.append(block)
        message = self._with_fields(message, own)
        return replace(message, reasoning=tuple(recalled)) if recalled else message

    def _with_fields(self, message: Message, own: Set[str]) -> Message:
        """Return a message with the vendor's fields that its client has not brought back."""
        kept = [self._by_call[call_id] for call_id in own & self._by_call.keys()]
        if any(one.extras for one in kept):
            calls = tuple(self._with_extras(call) for call in message.tool_calls)
            message = replace(message, tool_calls=calls)
        fields = next((one.fields for one in kept if one.fields), None)
        return replace(message, extras={**fields, **message.extras}) if fields else message

    def _with_extras(self, call: ToolCall) -> ToolCall:
        kept = self._by_call.get(call.id)
        return call if kept is None else replace(call, extras={**kept.extras, **call.extras})

    def _drop(self, call_id: str) -> None:
        kept = self._by_call.pop(call_id, None)
        if kept is not None:
            self._bytes -= _size(call_id, kept)


class _ObservedOutput:
    """An output that passes an answer on, and keeps its reasoning if it ends with tool calls."""

    def __init__(
        self, memory: ReasoningMemory, output: Output, own_kind: str | None, on_end: OnEnd
    ) -> None:
        self._memory = memory
        self._output = output
        self._on_end = on_end
        self._own_kind = own_kind
        """The kind of provider whose blocks the client keeps."""
        self._begin()

    def _begin(self) -> None:
        self._blocks: list[ReasoningBlock] = []
        self._call_ids: list[str] = []
        self._placed = 0
        """The number of blocks whose place is known."""

        self._extras: dict[int, dict[str, Any]] = {}
        """The vendor's fields of the calls, by the calls' index."""
        self._fields = FieldJoiner()

    async def send(self, events: Sequence[Event]) -> None:
        for event in events:
            self._take(event)
            if isinstance(event, AnswerEnd):
                await self._on_end(self._call_ids)
        await self._output.send(events)

    def _take(self, event: Event) -> None:
        match event:
            case Restart():
                self._begin()
            case ReasoningEnd(block=block) if block.kind != self._own_kind:
                self._blocks.append(block)
            case MessageFields(fields=fields) if _WANTED in fields:
                self._fields.add({_WANTED: fields[_WANTED]})
            case TextDelta(text=text) if text:
                self._place("")
            case ToolCallDelta():
                self._take_call(event)
            case AnswerEnd() if self._call_ids:
                # Before the send: the client may send the tool's result at once.
                self._keep()

    def _take_call(self, fragment: ToolCallDelta) -> None:
        if fragment.id is not None:
            self._place(fragment.id)
            self._call_ids.append(fragment.id)
        if fragment.extras:
            self._extras.setdefault(fragment.index, {}).update(fragment.extras)

    def _keep(self) -> None:
        # Calls are numbered in the order in which they appear.
        extras = {self._call_ids[index]: said for index, said in self._extras.items()}
        if self._blocks or extras or self._fields.joined:
            fields = self._fields.joined
            self._memory.keep(self._call_ids, tuple(self._blocks), extras, fields)

    def _place(self, before: str) -> None:
        """Note what the latest blocks preceded: a vendor wants each where it was."""
        for index in range(self._placed, len(self._blocks)):
            self._blocks[index] = replace(self._blocks[index], before=before)
        self._placed = len(self._blocks)


def _size(call_id: str, kept: _Kept) -> int:
    """Return an estimate of an entry's bytes. Blocks that calls share count once for each call."""
    values = (value for block in kept.blocks for value in block.value.values())
    texts = sum(getsizeof(value) for value in values if isinstance(value, str))
    fields = (len(to_json(said)) for said in (kept.extras, kept.fields) if said)
    count = max(1, len(kept.blocks)) + bool(kept.extras) + bool(kept.fields)
    return _BLOCK_OVERHEAD * count + getsizeof(call_id) + texts + sum(fields)
