"""The items of an answer: how each is added, filled and done. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic_core import from_json

from omen.core.custom_tools import CustomInputReader
from omen.core.events import ReasoningDelta, RefusalDelta, TextDelta
from omen.core.pieces import Pieces
from omen.front.responses._client_tools import ClientTool
from omen.front.responses._forms import FORMS, arguments_of
from omen.front.responses._object import Wire

Status = Literal["in_progress", "completed", "incomplete"]


class _Kind:
    """How a text of one kind is written."""

    def __init__(self, item: str, event: str, part: str, place: str, field: str) -> None:
        self.item, self.event, self.part, self.place, self.field = item, event, part, place, field


_MESSAGE = _Kind("msg", "output_text", "content_part", "content_index", "text")
_REFUSAL = _Kind("msg", "refusal", "content_part", "content_index", "refusal")
_REASONING = _Kind(
    "rs", "reasoning_summary_text", "reasoning_summary_part", "summary_index", "text"
)
KINDS: dict[type, _Kind] = {
    TextDelta: _MESSAGE,
    RefusalDelta: _REFUSAL,
    ReasoningDelta: _REASONING,
}


class TextItem:
    """An item whose one part is a text."""

    def __init__(self, kind: _Kind, place: int, race_id: str) -> None:
        self.kind = kind
        self.place = place
        self._id = f"{kind.item}_{race_id}_{place}"
        self._pieces: list[str] = []
        self._logprobs: list[Any] = []
        self._status: Status = "in_progress"
        self._at: Wire = {"item_id": self._id, "output_index": place, kind.place: 0}

    def item(self) -> Wire:
        """Return the item as it stands."""
        ended = self._status != "in_progress"
        parts = [self._part("".join(self._pieces))] if ended else []
        if self.kind is _REASONING:
            cut = {"status": self._status} if self._status == "incomplete" else {}
            return {"id": self._id, "type": "reasoning", "summary": parts, **cut}
        message = {"id": self._id, "type": "message", "status": self._status, "role": "assistant"}
        return {**message, "content": parts}

    def begin(self) -> Iterator[Wire]:
        """Add the item and its part."""
        yield item_event("added", self.place, self.item())
        yield {"type": f"response.{self.kind.part}.added", **self._at, "part": self._part("")}

    def add(self, text: str, logprobs: list[Any]) -> Wire:
        """Fill it with a piece."""
        self._pieces.append(text)
        self._logprobs += logprobs
        beside = {"logprobs": logprobs} if self.kind is _MESSAGE else {}
        return {"type": f"response.{self.kind.event}.delta", **self._at, "delta": text, **beside}

    def end(self, *, is_cut: bool = False) -> Iterator[Wire]:
        """End the item. `is_cut`: its text is not whole."""
        self._status = "incomplete" if is_cut else "completed"
        text = "".join(self._pieces)
        beside = {"logprobs": self._logprobs} if self.kind is _MESSAGE else {}
        whole = {self.kind.field: text, **beside}
        yield {"type": f"response.{self.kind.event}.done", **self._at, **whole}
        yield {"type": f"response.{self.kind.part}.done", **self._at, "part": self._part(text)}
        yield item_event("done", self.place, self.item())

    def cut_off(self) -> None:
        """Note that nothing more comes of it."""
        self._status = "incomplete" if self._status == "in_progress" else self._status

    def _part(self, text: str) -> Wire:
        match self.kind.event:
            case "output_text":
                logprobs = list(self._logprobs) if text else []
                written: Wire = {"type": "output_text", "text": text, "annotations": []}
                return {**written, "logprobs": logprobs}
            case "refusal":
                return {"type": "refusal", "refusal": text}
            case _:
                return {"type": "summary_text", "text": text}


class CallItem:
    """A call of a tool that the caller runs."""

    type, prefix = "function_call", "fc"

    def __init__(self, call_id: str, tool: ClientTool, place: int, race_id: str) -> None:
        self.place = place
        self._tool = tool
        self._call_id = call_id
        self._arguments = Pieces()
        self._status: Status = "in_progress"
        self._id = f"{self.prefix}_{race_id}_{place}"
        self._at: Wire = {"item_id": self._id, "output_index": place}

    def item(self) -> Wire:
        """Return the item as it stands."""
        known = {"id": self._id, "type": self.type, "status": self._status}
        return {**known, "call_id": self._call_id, **self._fields()}

    def add(self, arguments: str, *, is_text: bool = False) -> Iterator[Wire]:
        """Fill it with a fragment of a function's arguments, or of a custom tool's own text."""
        self._arguments.add(arguments)
        yield from self._added(arguments, is_text=is_text)

    def end(self, *, is_cut: bool = False) -> Iterator[Wire]:
        """End the item. `is_cut`: the answer is; the call is, if its arguments are not whole."""
        is_cut = is_cut and not _is_whole(self._arguments.text)
        self._status = "incomplete" if is_cut else "completed"
        yield from self._ended(is_cut=is_cut)
        yield item_event("done", self.place, self.item())

    def cut_off(self) -> None:
        """Note that nothing more comes of it."""
        self._status = "incomplete" if self._status == "in_progress" else self._status

    def _fields(self) -> Wire:
        return {**self._tool.names(), "arguments": self._arguments.text}

    def _added(self, fragment: str, *, is_text: bool) -> Iterator[Wire]:
        yield {"type": "response.function_call_arguments.delta", **self._at, "delta": fragment}

    def _ended(self, *, is_cut: bool) -> Iterator[Wire]:
        self._arguments.add("" if is_cut or self._arguments else "{}")
        whole = {"arguments": self._arguments.text, "name": self._tool.name}
        yield {"type": "response.function_call_arguments.done", **self._at, **whole}


class CustomCallItem(CallItem):
    """A call of a custom tool, whose text may stand in the arguments of a function."""

    type, prefix = "custom_tool_call", "ctc"

    def __init__(self, call_id: str, tool: ClientTool, place: int, race_id: str) -> None:
        super().__init__(call_id, tool, place, race_id)
        self._reader = CustomInputReader()
        self._is_text = False
        self._text = Pieces()

    def _fields(self) -> Wire:
        text = "" if self._status == "in_progress" else self._text.text
        return {**self._tool.names(), "input": text}

    def _added(self, fragment: str, *, is_text: bool) -> Iterator[Wire]:
        self._is_text = is_text
        yield from self._delta(fragment if is_text else self._reader.feed(fragment))

    def _ended(self, *, is_cut: bool) -> Iterator[Wire]:
        if not self._is_text:
            yield from self._delta(self._reader.end(is_cut=is_cut))
        whole = {"input": self._text.text}
        yield {"type": "response.custom_tool_call_input.done", **self._at, **whole}

    def _delta(self, text: str) -> Iterator[Wire]:
        self._text.add(text)
        if text:
            kind = "response.custom_tool_call_input.delta"
            yield {"type": kind, **self._at, "delta": text}


class BuiltInCallItem(CallItem):
    """A call of a tool that is known by its type. Only the whole of it is understood."""

    def __init__(self, call_id: str, tool: ClientTool, place: int, race_id: str) -> None:
        self._form = FORMS[tool.kind]
        self.type, self.prefix = self._form.call, self._form.prefix
        super().__init__(call_id, tool, place, race_id)

    def _fields(self) -> Wire:
        ended = self._status != "in_progress"
        return self._form.fields(arguments_of(self._arguments.text) if ended else {})

    def _added(self, fragment: str, *, is_text: bool) -> Iterator[Wire]:
        yield from ()

    def _ended(self, *, is_cut: bool) -> Iterator[Wire]:
        yield from ()


def call_item(call_id: str, tool: ClientTool, place: int, race_id: str) -> CallItem:
    """Make the item of a call in the form that its caller knows."""
    match tool.kind:
        case "function":
            return CallItem(call_id, tool, place, race_id)
        case "custom":
            return CustomCallItem(call_id, tool, place, race_id)
    return BuiltInCallItem(call_id, tool, place, race_id)


def item_event(what: str, place: int, item: Wire) -> Wire:
    """Write that an item was added, or is done."""
    return {"type": f"response.output_item.{what}", "output_index": place, "item": item}


def _is_whole(arguments: str) -> bool:
    try:
        from_json(arguments)
    except ValueError:
        return False
    return True
