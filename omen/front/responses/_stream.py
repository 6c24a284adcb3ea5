"""The stream of a response: numbered events, translated or an OpenAI upstream's own. Pure.

An upstream that was asked word for word answers in this API's words already. Its events go on as
they came; only when OMEN has announced the response before, as a sign of life, do they get that
response's id and go on with its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from omen.core.errors import OmenError
from omen.core.events import Event, WireEvent
from omen.core.json_reading import read_json
from omen.front.http.stream_lines import named_event
from omen.front.responses._object import Wire, failed
from omen.front.responses._tools import DIALECT
from omen.front.responses._write import Translator

_BEGINNINGS = frozenset({"response.created", "response.in_progress", "response.queued"})
ENDS = frozenset({"response.completed", "response.incomplete"})

Piece = tuple[str, bytes]
"""One event of a stream: its name, and its JSON."""


class ResponseWriter:
    """Writes one streamed answer. `omen` goes into the response that ends it."""

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        self._written = 0
        self._is_changed = False
        """Whether there are events beside the upstream's own."""
        self._upstream: bytes | None = None
        """An event of the upstream's with its response; None while nothing came word for word."""

    def alive(self) -> bytes:
        """Write a sign of life: an event, because a comment does not count as one for Codex."""
        return _as_lines(self.alive_pieces())

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together."""
        return _as_lines(self.pieces(events, omen))

    def fail(self, error: OmenError) -> bytes:
        """End the stream: the response has failed."""
        return _as_lines(self.fail_pieces(error))

    def alive_pieces(self) -> list[Piece]:
        """Return the events of a sign of life."""
        self._is_changed = True
        if self._upstream is None and not self._translator.started:
            return [self._number(wire) for wire in self._translator.begin()]
        return [self._number({"type": "response.in_progress", "response": self._response()})]

    def pieces(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> list[Piece]:
        """Return what is written of the events that arrived together."""
        return [piece for event in events for piece in self._write_one(event, omen)]

    def fail_pieces(self, error: OmenError) -> list[Piece]:
        """Return the events that end the stream when the response has failed."""
        if self._upstream is None:
            return [self._number(wire) for wire in self._translator.fail(error)]
        response = self._response() | failed(error, ())
        return [self._number({"type": "response.failed", "response": response})]

    def _write_one(self, event: Event, omen: Mapping[str, Any] | None) -> list[Piece]:
        if isinstance(event, WireEvent) and event.dialect == DIALECT:
            return self._pass_on(event, omen)
        if self._upstream is not None:
            return []
        wires = list(self._translator.translate(event))
        if omen is not None and wires and wires[-1]["type"] in ENDS:
            wires[-1]["response"]["omen"] = omen
        return [self._number(wire) for wire in wires]

    def _pass_on(self, event: WireEvent, omen: Mapping[str, Any] | None) -> list[Piece]:
        is_first = self._upstream is None
        if is_first or event.name in _BEGINNINGS:
            self._upstream = event.data
        if self._translator.started and event.name in _BEGINNINGS:
            return []  # was announced
        if not self._is_changed and (omen is None or event.name not in ENDS):
            self._written += 1
            return [(event.name, event.data)]
        wire: Wire = read_json(event.data)
        response = wire.get("response")
        if isinstance(response, dict):
            if self._translator.started:
                response["id"] = self._translator.response["id"]
            if omen is not None and event.name in ENDS:
                response["omen"] = omen
        return [self._number(wire)]

    def _response(self) -> Wire:
        """Return the response as it was announced."""
        ours = self._translator.response
        if self._upstream is None:
            return ours
        theirs = read_json(self._upstream).get("response")
        if not isinstance(theirs, dict):
            return ours
        return {**theirs, "id": ours["id"]} if self._translator.started else theirs

    def _number(self, wire: Wire) -> Piece:
        numbered = {**wire, "sequence_number": self._written}
        self._written += 1
        return wire["type"], to_json(numbered, inf_nan_mode="null")


def _as_lines(pieces: Sequence[Piece]) -> bytes:
    return b"".join(named_event(name, data) for name, data in pieces)


def whole_response(events: Sequence[Event], translator: Translator) -> Wire:
    """Return the response that the events of a whole answer come to."""
    own = [event for event in events if isinstance(event, WireEvent) and event.dialect == DIALECT]
    if own:
        return _own_response(own)
    wires = [wire for event in events for wire in translator.translate(event)]
    response: Wire = wires[-1]["response"]
    return response


def _own_response(events: Sequence[WireEvent]) -> Wire:
    """Return an upstream's own response. Some servers leave its items to the events before."""
    end = next(event for event in reversed(events) if event.name in ENDS)
    response: Wire = read_json(end.data).get("response") or {}
    if not response.get("output"):
        done = (read_json(e.data) for e in events if e.name == "response.output_item.done")
        response["output"] = [wire["item"] for wire in done if isinstance(wire.get("item"), dict)]
    return response
