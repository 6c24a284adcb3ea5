"""The dialect of `POST /v1/responses`; see `omen.front.http.dialect.Dialect`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from omen.core.errors import OmenError
from omen.core.events import Event
from omen.core.records import RaceRecord
from omen.front.http.dialect import ParsedRequest
from omen.front.http.event_collector import Gathering
from omen.front.http.race_report import explain, routing_metadata
from omen.front.openai.api import OpenAIErrors, model_name
from omen.front.responses._called import tools_by_flat_name
from omen.front.responses._object import Wire
from omen.front.responses._parse import parse_responses
from omen.front.responses._write import Translator


class Responses(OpenAIErrors):
    """An answer as items."""

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
        """Read a request. **Raises.** `RequestError` (400), naming the field."""
        return parse_responses(body, headers)

    def writer(self, race: RaceRecord, asked: ParsedRequest) -> ResponseWriter:
        """Begin a stream of named events."""
        return ResponseWriter(_translator(race, asked))

    def collector(self, asked: ParsedRequest) -> ResponseCollector:
        """Begin a response."""
        return ResponseCollector(asked)

    def error_event(self, error: OmenError, request_id: str) -> bytes:
        """Write an error of which no response has begun."""
        told = {"code": error.code, "message": error.message, "param": error.param}
        return _event({"type": "error", **told}, 0)


class ResponseWriter:
    """Writes one streamed answer. `omen` goes into the response that ends it."""

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        self._written = 0

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together."""
        wires = [wire for event in events for wire in self._translator.translate(event)]
        if omen is not None and wires:
            wires[-1]["response"]["omen"] = omen
        return b"".join(map(self._number, wires))

    def fail(self, error: OmenError) -> bytes:
        """End the stream: the response has failed."""
        told = {"code": error.code or error.type, "message": error.message}
        response = {**self._translator.response, "status": "failed", "error": told}
        return self._number({"type": "response.failed", "response": response})

    def _number(self, wire: Wire) -> bytes:
        self._written += 1
        return _event(wire, self._written - 1)


class ResponseCollector(Gathering):
    """A whole answer, and beside it what the caller opted in to."""

    def __init__(self, asked: ParsedRequest) -> None:
        super().__init__()
        self._asked = asked

    def body(self, race: RaceRecord) -> Mapping[str, Any]:
        """Give the response object."""
        translator = _translator(race, self._asked)
        wires = [wire for event in self.events for wire in translator.translate(event)]
        body: Wire = wires[-1]["response"]
        if self._asked.hints.explain:
            body["omen"] = explain(race)
        if self._asked.hints.tags is not None:
            body["routing_metadata"] = routing_metadata(race)
        return body


def _translator(race: RaceRecord, asked: ParsedRequest) -> Translator:
    said = asked.said
    tools = tools_by_flat_name(said.get("tools") or ())
    return Translator(race.race_id, int(time.time()), model_name(race), said, tools)


def _event(wire: Wire, number: int) -> bytes:
    numbered = {"type": wire["type"], "sequence_number": number, **wire}
    data = to_json(numbered, inf_nan_mode="null")
    return b"event: %s\ndata: %s\n\n" % (wire["type"].encode(), data)
