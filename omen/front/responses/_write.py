"""An answer in the words of Responses: items that are added, filled and done. Pure.

Text and reasoning are items that are open one at a time. Calls stay open until the answer ends,
because a vendor may write fragments of several in turn, and each fragment names its item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omen.core.errors import OmenError
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omen.front.responses._client_tools import ClientTool
from omen.front.responses._object import CUT, Wire, ended, failed, response_object
from omen.front.responses._written_items import KINDS, CallItem, TextItem, call_item, item_event


class Translator:
    """Turns the events of one answer into those of a stream. Each has its `type`.

    `model` is what the response says until the upstream names itself.
    """

    def __init__(
        self,
        race_id: str,
        created: int,
        model: str,
        asked: Mapping[str, Any],
        tools: Mapping[str, ClientTool],
    ) -> None:
        self.race_id = race_id
        self.started = False
        """Whether the response was announced."""
        self._asked = asked
        self._created = created
        self._model = model
        self._tools = tools
        self._items: list[TextItem | CallItem] = []
        self._open: TextItem | None = None
        self._calls: dict[int, CallItem] = {}

    @property
    def response(self) -> Wire:
        """The response as it stands, without an answer."""
        response_id = f"resp_{self.race_id}"
        return response_object(response_id, self._created, self._model, self._asked, "in_progress")

    def begin(self) -> Iterator[Wire]:
        """Announce the response, which may be long before its answer begins."""
        self.started = True
        yield {"type": "response.created", "response": self.response}
        yield {"type": "response.in_progress", "response": self.response}

    def translate(self, event: Event) -> Iterator[Wire]:
        """Translate one event."""
        if isinstance(event, AnswerStart):
            self._model = event.model or self._model
        if not self.started:
            yield from self.begin()
        match event:
            case TextDelta() | RefusalDelta() | ReasoningDelta():
                yield from self._write_text(event)
            case ToolCallDelta():
                yield from self._write_call(event)
            case AnswerEnd():
                yield from self._end(event)

    def fail(self, error: OmenError) -> Iterator[Wire]:
        """End the response: it has failed, and what was being written is cut."""
        if not self.started:
            yield from self.begin()
        for item in self._items:
            item.cut_off()
        output = [item.item() for item in self._items]
        yield {"type": "response.failed", "response": self.response | failed(error, output)}

    def _write_text(self, delta: TextDelta | RefusalDelta | ReasoningDelta) -> Iterator[Wire]:
        kind = KINDS[type(delta)]
        if self._open is None or self._open.kind is not kind:
            yield from self._close()
            self._open = TextItem(kind, len(self._items), self.race_id)
            self._items.append(self._open)
            yield from self._open.begin()
        logprobs = delta.extras.get("logprobs") if isinstance(delta, TextDelta) else None
        yield self._open.add(delta.text, (logprobs or {}).get("content") or [])

    def _close(self, *, is_cut: bool = False) -> Iterator[Wire]:
        if self._open is not None:
            yield from self._open.end(is_cut=is_cut)
            self._open = None

    def _write_call(self, delta: ToolCallDelta) -> Iterator[Wire]:
        call = self._calls.get(delta.index)
        if call is None:
            yield from self._close()
            name = delta.name or ""
            kind = "custom" if delta.custom else "function"
            tool = self._tools.get(name, ClientTool(name, kind=kind))
            call = call_item(delta.id or "", tool, len(self._items), self.race_id)
            self._calls[delta.index] = call
            self._items.append(call)
            yield item_event("added", call.place, call.item())
        if delta.arguments:
            yield from call.add(delta.arguments, is_text=delta.custom)

    def _end(self, end: AnswerEnd) -> Iterator[Wire]:
        is_cut = end.reason in CUT
        yield from self._close(is_cut=is_cut)
        for call in self._calls.values():
            yield from call.end(is_cut=is_cut)
        output = [item.item() for item in self._items]
        response = self.response | ended(end.reason, output, end.usage)
        yield {"type": f"response.{response['status']}", "response": response}
