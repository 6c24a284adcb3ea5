"""The dialects of `/api/chat` and `/api/generate`; see `omen.front.http.dialect.Dialect`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from omen.core.errors import OmenError
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.front.http.asgi import Headers
from omen.front.http.dialect import ImmediateAnswer, ParsedRequest
from omen.front.http.event_collector import Gathering
from omen.front.http.hints import read_hints
from omen.front.http.race_report import explain, routing_metadata
from omen.front.http.schema_reader import read_body
from omen.front.ollama._names import Resolve
from omen.front.ollama._parse import chat_asked, generate_asked
from omen.front.ollama._schema import AskIn, ChatIn, GenerateIn
from omen.front.ollama._write import Lines, LineWriter, add_up, as_line, empty_line


class OllamaErrors:
    """An error is one sentence."""

    def status(self, error: OmenError) -> int:
        """Give the error's own status."""
        return error.status

    def error_body(self, error: OmenError, request_id: str) -> Mapping[str, Any]:
        """Write `{"error": "…"}`."""
        return {"error": error.message}

    def error_event(self, error: OmenError, request_id: str) -> bytes:
        """Write the same as a line."""
        return as_line({"error": error.message})

    def headers(self, request_id: str) -> Headers:
        """Name the request."""
        return [(b"x-request-id", request_id.encode())]


@dataclass(frozen=True, slots=True)
class _Ollama(OllamaErrors):
    resolve: Resolve = field(default=lambda name: name)
    """Finds a name as it is listed here."""

    stream_type: ClassVar[bytes] = b"application/x-ndjson"
    generate: ClassVar[bool] = False

    @property
    def keep_alive(self) -> bytes:
        """Write a line with nothing in it: an empty one breaks Ollama's own client."""
        return as_line(empty_line("", generate=self.generate))

    def writer(self, race: RaceRecord, asked: ParsedRequest) -> LineWriter:
        """Begin a stream of lines."""
        return LineWriter(Lines(race, generate=self.generate))

    def collector(self, asked: ParsedRequest) -> LineCollector:
        """Begin one object."""
        return LineCollector(asked.hints, generate=self.generate)

    def _loaded(self, said: AskIn, headers: Mapping[str, str]) -> ImmediateAnswer:
        """Answer who only wants a model to be loaded: here there is nothing to load."""
        reason = "unload" if said.keep_alive in (0, "0", "0s") else "load"
        empty = empty_line(said.model, generate=self.generate)
        body = {**empty, "done": True, "done_reason": reason}
        hints = read_hints(said.omen, said.tags, headers)
        return ImmediateAnswer(body, self.resolve(said.model), hints)


class OllamaChat(_Ollama):
    """`POST /api/chat`."""

    __slots__ = ()

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest | ImmediateAnswer:
        """Read a request. **Raises.** `RequestError` (400), naming the field."""
        said = read_body(ChatIn, body)
        if not said.messages:
            return self._loaded(said, headers)
        return chat_asked(said, headers, self.resolve)


class OllamaGenerate(_Ollama):
    """`POST /api/generate`."""

    __slots__ = ()
    generate = True

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest | ImmediateAnswer:
        """Read a request. **Raises.** `RequestError` (400), naming the field."""
        said = read_body(GenerateIn, body)
        if not said.prompt and not said.images:
            return self._loaded(said, headers)
        return generate_asked(said, headers, self.resolve)


class LineCollector(Gathering):
    """A whole answer, and beside it what the caller opted in to."""

    def __init__(self, hints: RaceHints, *, generate: bool) -> None:
        super().__init__()
        self._hints = hints
        self._generate = generate

    def body(self, race: RaceRecord) -> Mapping[str, Any]:
        """Give the object."""
        lines = Lines(race, generate=self._generate)
        body = add_up([line for event in self.events for line in lines.write(event)])
        if self._hints.explain:
            body["omen"] = explain(race)
        if self._hints.tags is not None:
            body["routing_metadata"] = routing_metadata(race)
        return body
