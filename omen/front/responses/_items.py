"""The items of a conversation, as messages. Pure.

What the assistant wrote and the calls beside it are one message there, and several items here, in
any order. The results of calls follow the message that made them, even where the user spoke in
between: most APIs refuse a result that stands anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from pydantic_core import to_json

from omen.core.chat import (
    FilePart,
    ImagePart,
    Message,
    Opaque,
    Part,
    RefusalPart,
    TextPart,
    ToolCall,
)
from omen.core.custom_tools import custom_arguments
from omen.core.errors import RequestError
from omen.front.responses._client_tools import flat_name
from omen.front.responses._forms import BY_CALL, FORMS
from omen.front.responses._item_schema import (
    AgentMessageIn,
    BuiltInCallIn,
    BuiltInOutputIn,
    ContentIn,
    CustomCallIn,
    FoundToolsIn,
    FunctionCallIn,
    ItemIn,
    MessageIn,
    OtherItemIn,
    OutputIn,
    PartIn,
)
from omen.front.responses._tools import DIALECT

RECORDS = frozenset(
    {
        "reasoning",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_call",
        "program",
        "program_output",
    }
)
"""Items by which a vendor records what it did itself. Reasoning that has to come back with a call
is remembered here, by the call's id."""
SUMMARIES = frozenset({"compaction", "compaction_summary", "context_compaction"})
"""Items that stand for an earlier part of the conversation. Only the vendor can read them."""
_TEXTS = frozenset({"input_text", "output_text", "text"})


def conversation(items: str | Sequence[ItemIn]) -> tuple[Message, ...]:
    """Read the items. **Raises.** `RequestError` (400), naming the field."""
    if isinstance(items, str):
        return (Message("user", (TextPart(items),)),)
    read = _Conversation()
    for index, item in enumerate(items):
        read.add(item, f"input.{index}")
    read.end_turn()
    return tuple(read.messages)


class _Conversation:
    """The messages so far, and the assistant's turn that is being read."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._written: Message | None = None
        self._calls: list[ToolCall] = []
        self._call_ids: dict[str, str] = {}
        """By the id of the item: `local_shell` has nothing else in its result."""

    def add(self, item: ItemIn, where: str) -> None:
        match item:
            case FunctionCallIn() | CustomCallIn():
                self._calls.append(_named_call(item))
            case BuiltInCallIn():
                self._add_call(item)
            case MessageIn(role="assistant"):
                self._add_text(_message(item, where))
            case OutputIn():
                self._add_result(item.call_id, _parts(item.output, f"{where}.output"))
            case BuiltInOutputIn() | FoundToolsIn():
                self._add_built_in_result(item)
            case MessageIn() | AgentMessageIn() | OtherItemIn():
                self._add_other(item, where)

    def _add_other(self, item: MessageIn | AgentMessageIn | OtherItemIn, where: str) -> None:
        """Add an item that ends the assistant's turn; what a vendor keeps for itself is none."""
        if isinstance(item, OtherItemIn):
            if item.type in RECORDS | SUMMARIES:
                return
            message = Message("user", (_opaque(item),), single_text=False)
        elif isinstance(item, AgentMessageIn):
            message = _agents_message(item, where)
        else:
            message = _message(item, where)
        self.end_turn()
        self.messages.append(message)

    def end_turn(self) -> None:
        """Write the assistant's message, if one is being read."""
        if self._written is not None or self._calls:
            written = self._written or Message("assistant")
            self.messages.append(replace(written, tool_calls=tuple(self._calls)))
        self._written, self._calls = None, []

    def _add_text(self, message: Message) -> None:
        if not self._calls:
            self.end_turn()
            self._written = message
            return
        # Beside calls whose results are still to come there can be one message only.
        before = self._written
        if before is None or not before.parts:
            self._written = message
            return
        parts = (*before.parts, TextPart("\n\n"), *message.parts)
        single = before.single_text and message.single_text
        self._written = replace(before, parts=parts, single_text=single)

    def _add_call(self, item: BuiltInCallIn) -> None:
        where = (item.environment or {}).get("type", "local")
        if item.call_id is None or where != "local":
            return  # the vendor ran it
        kind = BY_CALL[item.type]
        arguments = FORMS[kind].read(item.model_extra or {})
        self._calls.append(ToolCall(item.call_id, kind, arguments))
        if item.id is not None:
            self._call_ids[item.id] = item.call_id

    def _add_built_in_result(self, item: BuiltInOutputIn | FoundToolsIn) -> None:
        if isinstance(item, FoundToolsIn):
            if item.call_id is not None:
                self._add_result(item.call_id, (TextPart(_found(item)),))
            return
        call_id = item.call_id or self._call_ids.get(item.id or "", item.id or "")
        self.end_turn()
        if item.type == "shell_call_output" and self._place_of(call_id) is None:
            return  # the vendor ran it
        text = item.output if isinstance(item.output, str) else _text_of(item.output)
        failed = item.type == "apply_patch_call_output" and item.status == "failed"
        self._add_result(call_id, (TextPart(text or item.status or ""),), is_error=failed)

    def _add_result(self, call_id: str, parts: tuple[Part, ...], *, is_error: bool = False) -> None:
        self.end_turn()
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        single = len(texts) == len(parts)
        if single:
            # Many servers take nothing but one text here.
            parts = (TextPart("\n".join(texts)),)
        message = Message(
            "tool", parts, tool_call_id=call_id, is_error=is_error, single_text=single
        )
        place = self._place_of(call_id)
        if place is None:
            self.messages.append(message)
            return
        results = takewhile(lambda other: other.role == "tool", self.messages[place + 1 :])
        self.messages.insert(place + 1 + sum(1 for _ in results), message)

    def _place_of(self, call_id: str) -> int | None:
        """Find the message that made a call."""
        for place in range(len(self.messages) - 1, -1, -1):
            if any(call.id == call_id for call in self.messages[place].tool_calls):
                return place
        return None


def _named_call(item: FunctionCallIn | CustomCallIn) -> ToolCall:
    name = flat_name(item.name, item.namespace)
    if isinstance(item, CustomCallIn):
        return ToolCall(item.call_id, name, custom_arguments(item.input))
    return ToolCall(item.call_id, name, item.arguments)


def _text_of(value: object) -> str:
    return "" if value is None else to_json(value).decode()


def _found(item: FoundToolsIn) -> str:
    names = [str(getattr(tool, "name", None) or tool.type) for tool in item.tools]
    return f"These tools can be called now: {', '.join(names)}." if names else "No tool was found."


def _message(item: MessageIn, where: str) -> Message:
    parts = _parts(item.content, f"{where}.content")
    single = isinstance(item.content, str) or (len(parts) == 1 and isinstance(parts[0], TextPart))
    return Message(item.role, parts, single_text=single)


def _agents_message(item: AgentMessageIn, where: str) -> Message:
    parts = _parts(item.content, f"{where}.content")
    if item.author:
        parts = (TextPart(f"Message from {item.author}:\n\n"), *parts)
    return Message("user", parts, single_text=all(isinstance(part, TextPart) for part in parts))


def _parts(content: ContentIn, where: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),)
    return tuple(_part(part, f"{where}.{index}") for index, part in enumerate(content))


def _part(part: PartIn, where: str) -> Part:
    match part.type:
        case kind if kind in _TEXTS and part.text is not None:
            return TextPart(part.text)
        case "refusal" if part.refusal is not None:
            return RefusalPart(part.refusal)
        case "input_image" if part.image_url is not None:
            return ImagePart(part.image_url, part.detail)
        case "input_file" if part.file_data is not None or part.file_url is not None:
            return FilePart(part.file_data or part.file_url or "", part.filename)
        case "input_file" if part.file_id is not None:
            return Opaque({"type": "file", "file": {"file_id": part.file_id}})
        case kind if kind in _TEXTS | {"refusal", "input_file"} or (
            kind == "input_image" and part.file_id is None
        ):
            words = f"{where}: a part of the type {kind!r} that is not complete"
            raise RequestError(words, param=where)
    return _opaque(part)


def _opaque(value: PartIn | OtherItemIn) -> Opaque:
    return Opaque(value.model_dump(exclude_unset=True), DIALECT)
