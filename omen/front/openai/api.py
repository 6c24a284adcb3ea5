"""OpenAI's chat completions, as clients speak them: the parts of the dialect, put together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from omen.core.errors import OmenError
from omen.core.events import Event
from omen.core.records import RaceRecord
from omen.front.http.asgi import Headers
from omen.front.http.dialect import ParsedRequest
from omen.front.http.race_report import explain, routing_metadata
from omen.front.openai.completion import Completion
from omen.front.openai.parse import parse_chat
from omen.front.openai.write import ChunkWriter, error_event, error_object


class OpenAIErrors:
    """What all of OpenAI's APIs have in common: errors, a comment as a sign of life, a header."""

    stream_type = b"text/event-stream; charset=utf-8"
    keep_alive = b": waiting for a useful token\n\n"

    def status(self, error: OmenError) -> int:
        """Give the error's own status."""
        return error.status

    def error_body(self, error: OmenError, request_id: str) -> Mapping[str, Any]:
        """Write `{"error": {…}}`."""
        return error_object(error)

    def error_event(self, error: OmenError, request_id: str) -> bytes:
        """Write the same as an event."""
        return error_event(error)

    def headers(self, request_id: str) -> Headers:
        """Name the request."""
        return [(b"x-request-id", request_id.encode())]


class ChatCompletions(OpenAIErrors):
    """`POST /v1/chat/completions`; see `omen.front.http.dialect.Dialect`."""

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
        """Read a request."""
        return parse_chat(body, headers)

    def writer(self, race: RaceRecord, asked: ParsedRequest) -> ChunkWriter:
        """Begin a stream of chunks."""
        return ChunkWriter(
            completion_id(race),
            int(time.time()),
            model_name(race),
            asked.include_usage,
            vendor_fields=asked.hints.vendor_fields,
        )

    def collector(self, asked: ParsedRequest) -> CompletionCollector:
        """Begin a `chat.completion`."""
        return CompletionCollector(asked)


class CompletionCollector:
    """A whole answer, and beside it what the caller opted in to."""

    def __init__(self, asked: ParsedRequest) -> None:
        self._hints = asked.hints
        self._completion = Completion(vendor_fields=asked.hints.vendor_fields)

    async def send(self, events: Sequence[Event]) -> None:
        """Take the next events."""
        await self._completion.send(events)

    def body(self, race: RaceRecord) -> Mapping[str, Any]:
        """Give the `chat.completion` object."""
        body = self._completion.body(completion_id(race), int(time.time()), model_name(race))
        if self._hints.explain:
            body["omen"] = explain(race)
        if self._hints.tags is not None:
            body["routing_metadata"] = routing_metadata(race)
        return body


def completion_id(race: RaceRecord) -> str:
    """Make the id of the answer to a race."""
    return f"chatcmpl-{race.race_id}"


def model_name(race: RaceRecord) -> str:
    """Give the model that answers, until the upstream names it more exactly."""
    return race.winner.candidate.model if race.winner else ""
