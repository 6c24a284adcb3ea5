"""Anthropic's Messages API, as clients speak it: the parts of the dialect, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omen.core.errors import OmenError
from omen.core.prompt_size import measure_prompt
from omen.core.records import RaceRecord
from omen.front.anthropic.message import Message
from omen.front.anthropic.parse import parse_messages
from omen.front.anthropic.write import (
    MessagesWriter,
    Named,
    error_body,
    error_event,
    status_of,
)
from omen.front.http.asgi import Headers
from omen.front.http.dialect import ParsedRequest
from omen.front.http.event_collector import Gathering
from omen.front.http.race_report import explain


class Messages:
    """`POST /v1/messages`; see `omen.front.http.dialect.Dialect`."""

    stream_type = b"text/event-stream; charset=utf-8"
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
        """Read a request."""
        return parse_messages(body, headers)

    def writer(self, race: RaceRecord, asked: ParsedRequest) -> MessagesWriter:
        """Begin a Messages stream."""
        return MessagesWriter(_named(race, asked))

    def collector(self, asked: ParsedRequest) -> MessageCollector:
        """Begin a whole message."""
        return MessageCollector(asked)

    def status(self, error: OmenError) -> int:
        """Give the status Anthropic has for an error."""
        return status_of(error)

    def error_body(self, error: OmenError, request_id: str) -> Mapping[str, Any]:
        """Write `{"type": "error", …}`."""
        return error_body(error, request_id)

    def error_event(self, error: OmenError, request_id: str) -> bytes:
        """Write the same as an event."""
        return error_event(error, request_id)

    def headers(self, request_id: str) -> Headers:
        """Name the request, by both vendors' names for it."""
        name = request_id.encode()
        return [(b"request-id", name), (b"x-request-id", name)]


class MessageCollector(Gathering):
    """A whole answer, and beside it what the caller opted in to."""

    def __init__(self, asked: ParsedRequest) -> None:
        super().__init__()
        self._asked = asked

    def body(self, race: RaceRecord) -> Mapping[str, Any]:
        """Give the message."""
        message = Message(_named(race, self._asked))
        for event in self.events:
            message.add(event)
        body = message.body()
        return {**body, "omen": explain(race)} if self._asked.hints.explain else body


def _named(race: RaceRecord, asked: ParsedRequest) -> Named:
    own = race.winner.candidate.model if race.winner else ""
    prompt = race.prompt or measure_prompt(asked.request)
    return Named(
        f"msg_{race.race_id}",
        asked.model,
        as_asked=asked.model != own,
        input_tokens=prompt.likely,
    )
