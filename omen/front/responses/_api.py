"""The dialect of `POST /v1/responses`; see `omen.front.http.dialect.Dialect`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from omen.core.errors import OmenError
from omen.core.records import RaceRecord
from omen.front.http.dialect import ParsedRequest
from omen.front.http.event_collector import Gathering
from omen.front.http.race_report import explain, routing_metadata
from omen.front.http.stream_lines import named_event
from omen.front.openai.api import OpenAIErrors, model_name
from omen.front.responses._parse import parse_responses
from omen.front.responses._stream import ResponseWriter, whole_response
from omen.front.responses._write import Translator


class Responses(OpenAIErrors):
    """An answer as items."""

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
        """Read a request. **Raises.** `RequestError` (400), naming the field."""
        return parse_responses(body, headers)

    def writer(self, race: RaceRecord, asked: ParsedRequest) -> ResponseWriter:
        """Begin a stream of named events."""
        return ResponseWriter(_translator(race, asked))

    def early_writer(self, race: RaceRecord, asked: ParsedRequest) -> ResponseWriter:
        """Begin one before anybody has committed: Codex takes no failure but that of a response."""
        return self.writer(race, asked)

    def collector(self, asked: ParsedRequest) -> ResponseCollector:
        """Begin a response."""
        return ResponseCollector(asked)

    def error_event(self, error: OmenError, request_id: str) -> bytes:
        """Write an error of which no response has begun."""
        event = {
            "type": "error",
            "sequence_number": 0,
            "code": error.code,
            "message": error.message,
            "param": error.param,
        }
        return named_event("error", to_json(event))


class ResponseCollector(Gathering):
    """A whole answer, and beside it what the caller opted in to."""

    def __init__(self, asked: ParsedRequest) -> None:
        super().__init__()
        self._asked = asked

    def body(self, race: RaceRecord) -> Mapping[str, Any]:
        """Give the response object."""
        body = whole_response(self.events, _translator(race, self._asked))
        if self._asked.hints.explain:
            body["omen"] = explain(race)
        if self._asked.hints.tags is not None:
            body["routing_metadata"] = routing_metadata(race)
        return body


def _translator(race: RaceRecord, asked: ParsedRequest) -> Translator:
    model = model_name(race) or asked.model
    return Translator(race.race_id, int(time.time()), model, asked.said, asked.tools)
