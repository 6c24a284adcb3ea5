"""An answer in the words of Responses: items that are added, filled and done. Pure.

Text and reasoning are items that are open one at a time. Calls stay open until the answer ends,
because a vendor may write fragments of several in turn, and each fragment names its item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omen.front.responses._called import Called, custom_input
from omen.front.responses._object import Wire, ended, response_object


class Translator:
    """Turns the events of one answer into those of a stream. Each has its `type`."""

    def __init__(
        self,
        race_id: str,
        created: int,
        model: str,
        asked: Mapping[str, Any],
        tools: Mapping[str, Called],
    ) -> None:
        self.race_id = race_id
        self._asked = asked
        self._created = created
        self._model = model
        self._tools = tools
        self._output: list[Wire] = []
        self._open: _Text | None = None
        self._calls: dict[int, _Call] = {}
        self._started = False

    @property
    def response(self) -> Wire:
        """The response as it stands, without an answer."""
        response_id = f"resp_{self.race_id}"
        return response_object(response_id, self._created, self._model, self._asked, "in_progress")

    def translate(self, event: Event) -> Iterator[Wire]:
        """Translate one event."""
        if not self._started:
            yield from self._start(event)
        match event:
            case TextDelta() | RefusalDelta() | ReasoningDelta():
                yield from self._write_text(event)
            case ToolCallDelta():
                yield from self._write_call(event)
            case AnswerEnd():
                yield from self._end(event)

    def _start(self, event: Event) -> Iterator[Wire]:
        self._started = True
        if isinstance(event, AnswerStart):
            self._model = event.model or self._model
        yield {"type": "response.created", "response": self.response}
        yield {"type": "response.in_progress", "response": self.response}

    def _write_text(self, delta: TextDelta | RefusalDelta | ReasoningDelta) -> Iterator[Wire]:
        kind = _KINDS[type(delta)]
        if self._open is None or self._open.kind is not kind:
            yield from self._close()
            self._open = _Text(kind, len(self._output), self.race_id)
            self._output.append(self._open.item())
            yield from self._open.begin()
        logprobs = delta.extras.get("logprobs") if isinstance(delta, TextDelta) else None
        yield self._open.add(delta.text, (logprobs or {}).get("content") or [])

    def _close(self) -> Iterator[Wire]:
        if self._open is not None:
            yield from self._open.end()
            self._output[self._open.place] = self._open.item()
            self._open = None

    def _write_call(self, delta: ToolCallDelta) -> Iterator[Wire]:
        call = self._calls.get(delta.index)
        if call is None:
            yield from self._close()
            name = delta.name or ""
            tool = self._tools.get(name, Called(name))
            call = _Call(delta.id or "", tool, len(self._output), self.race_id)
            self._calls[delta.index] = call
            self._output.append(call.item())
            yield _item_event("added", call.place, call.item())
        if delta.arguments:
            yield from call.add(delta.arguments)

    def _end(self, end: AnswerEnd) -> Iterator[Wire]:
        yield from self._close()
        for call in self._calls.values():
            yield from call.end()
            self._output[call.place] = call.item()
        response = self.response | ended(end.reason, self._output, end.usage)
        yield {"type": f"response.{response['status']}", "response": response}


class _Kind:
    """How a text of one kind is written."""

    def __init__(self, item: str, event: str, part: str, place: str, field: str) -> None:
        self.item, self.event, self.part, self.place, self.field = item, event, part, place, field


_MESSAGE = _Kind("msg", "output_text", "content_part", "content_index", "text")
_REFUSAL = _Kind("msg", "refusal", "content_part", "content_index", "refusal")
_REASONING = _Kind(
    "rs", "reasoning_summary_text", "reasoning_summary_part", "summary_index", "text"
)
_KINDS: Mapping[type, _Kind] = {
    TextDelta: _MESSAGE,
    RefusalDelta: _REFUSAL,
    ReasoningDelta: _REASONING,
}


class _Text:
    """An item whose one part is a text."""

    def __init__(self, kind: _Kind, place: int, race_id: str) -> None:
        self.kind = kind
        self.place = place
        self._id = f"{kind.item}_{race_id}_{place}"
        self._pieces: list[str] = []
        self._logprobs: list[Any] = []
        self._status = "in_progress"
        self._at: Wire = {"item_id": self._id, "output_index": place, kind.place: 0}

    def item(self) -> Wire:
        done = self._status == "completed"
        parts = [self._part("".join(self._pieces))] if done else []
        if self.kind is _REASONING:
            return {"id": self._id, "type": "reasoning", "summary": parts}
        message = {"id": self._id, "type": "message", "status": self._status, "role": "assistant"}
        return {**message, "content": parts}

    def begin(self) -> Iterator[Wire]:
        yield _item_event("added", self.place, self.item())
        yield {"type": f"response.{self.kind.part}.added", **self._at, "part": self._part("")}

    def add(self, text: str, logprobs: list[Any]) -> Wire:
        self._pieces.append(text)
        self._logprobs += logprobs
        beside = {"logprobs": logprobs} if self.kind is _MESSAGE else {}
        return {"type": f"response.{self.kind.event}.delta", **self._at, "delta": text, **beside}

    def end(self) -> Iterator[Wire]:
        self._status = "completed"
        text = "".join(self._pieces)
        beside = {"logprobs": self._logprobs} if self.kind is _MESSAGE else {}
        whole = {self.kind.field: text, **beside}
        yield {"type": f"response.{self.kind.event}.done", **self._at, **whole}
        yield {"type": f"response.{self.kind.part}.done", **self._at, "part": self._part(text)}
        yield _item_event("done", self.place, self.item())

    def _part(self, text: str) -> Wire:
        match self.kind.event:
            case "output_text":
                logprobs = list(self._logprobs) if text else []
                told: Wire = {"type": "output_text", "text": text, "annotations": []}
                return {**told, "logprobs": logprobs}
            case "refusal":
                return {"type": "refusal", "refusal": text}
            case _:
                return {"type": "summary_text", "text": text}


class _Call:
    """A call of a function, or of a custom tool, whose text is known only when it is whole."""

    def __init__(self, call_id: str, tool: Called, place: int, race_id: str) -> None:
        self.place = place
        self._tool = tool
        self._call_id = call_id
        self._arguments = ""
        self._status = "in_progress"
        self._id = f"fc_{race_id}_{place}"
        self._at: Wire = {"item_id": self._id, "output_index": place}

    def item(self) -> Wire:
        said: Wire = {"id": self._id, "status": self._status}
        called = {"call_id": self._call_id, **self._tool.names()}
        if self._tool.custom:
            text = custom_input(self._arguments) if self._status == "completed" else ""
            return {**said, "type": "custom_tool_call", **called, "input": text}
        return {**said, "type": "function_call", **called, "arguments": self._arguments}

    def add(self, arguments: str) -> Iterator[Wire]:
        self._arguments += arguments
        if not self._tool.custom:
            kind = "response.function_call_arguments.delta"
            yield {"type": kind, **self._at, "delta": arguments}

    def end(self) -> Iterator[Wire]:
        self._status = "completed"
        if self._tool.custom:
            text, kind = custom_input(self._arguments), "response.custom_tool_call_input"
            yield {"type": f"{kind}.delta", **self._at, "delta": text}
            yield {"type": f"{kind}.done", **self._at, "input": text}
        else:
            self._arguments = self._arguments or "{}"
            kind = "response.function_call_arguments.done"
            whole = {"arguments": self._arguments, "name": self._tool.name}
            yield {"type": kind, **self._at, **whole}
        yield _item_event("done", self.place, self.item())


def _item_event(what: str, place: int, item: Wire) -> Wire:
    return {"type": f"response.output_item.{what}", "output_index": place, "item": item}
