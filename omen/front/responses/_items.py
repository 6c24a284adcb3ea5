"""The items of a conversation, as messages. Pure.

What an assistant said and the calls that follow it are one message there, and several items here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
from omen.core.errors import RequestError
from omen.front.responses._called import custom_arguments, flat_name
from omen.front.responses._schema import (
    RECORDS,
    ContentIn,
    CustomCallIn,
    FunctionCallIn,
    ItemIn,
    MessageIn,
    OtherItemIn,
    OutputIn,
    PartIn,
)


def conversation(items: str | Sequence[ItemIn]) -> Iterable[Message]:
    """Read the items. **Raises.** `RequestError` (400), naming the field."""
    if isinstance(items, str):
        yield Message("user", (TextPart(items),))
        return
    said: Message | None = None
    calls: list[ToolCall] = []
    for index, item in enumerate(items):
        match item:
            case FunctionCallIn(call_id=call_id, arguments=arguments):
                calls.append(ToolCall(call_id, flat_name(item.name, item.namespace), arguments))
            case CustomCallIn(call_id=call_id):
                name = flat_name(item.name, item.namespace)
                calls.append(ToolCall(call_id, name, custom_arguments(item.input)))
            case OtherItemIn(type=kind):
                if kind not in RECORDS:
                    where = f"input.{index}.type"
                    words = f"{where}: items of the type {kind[:40]!r} are not understood"
                    raise RequestError(words, param=where)
            case _:
                yield from _assistant(said, calls)
                said, calls = None, []
                message = _message(item, f"input.{index}")
                if message.role == "assistant":
                    said = message
                else:
                    yield message
    yield from _assistant(said, calls)


def _assistant(said: Message | None, calls: Sequence[ToolCall]) -> Iterable[Message]:
    if said is None and not calls:
        return
    parts, single = (said.parts, said.single_text) if said is not None else ((), True)
    yield Message("assistant", parts, tool_calls=tuple(calls), single_text=single)


def _message(item: MessageIn | OutputIn, where: str) -> Message:
    if isinstance(item, OutputIn):
        parts = _parts(item.output, f"{where}.output")
        single = isinstance(item.output, str)
        return Message("tool", parts, tool_call_id=item.call_id, single_text=single)
    parts = _parts(item.content, f"{where}.content")
    single = isinstance(item.content, str) or (len(parts) == 1 and isinstance(parts[0], TextPart))
    return Message(item.role, parts, single_text=single)


def _parts(content: ContentIn, where: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),)
    return tuple(_part(part, f"{where}.{index}") for index, part in enumerate(content))


def _part(part: PartIn, where: str) -> Part:
    match part.type:
        case "input_text" | "output_text" | "text" if part.text is not None:
            return TextPart(part.text)
        case "refusal" if part.refusal is not None:
            return RefusalPart(part.refusal)
        case "input_image" if part.image_url is not None:
            return ImagePart(part.image_url, part.detail)
        case "input_file" if part.file_data is not None or part.file_url is not None:
            return FilePart(part.file_data or part.file_url or "", part.filename)
        case "input_file" if part.file_id is not None:
            return Opaque({"type": "file", "file": {"file_id": part.file_id}})
    words = f"{where}: a part of the type {part.type[:40]!r} is not understood, or not complete"
    raise RequestError(words, param=where)
