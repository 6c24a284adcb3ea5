"""What a client dialect offers: a request read, an answer written, an error told. Pure.

The road of a request is the same for every dialect (`chat.py`); what differs is in here, one
module a dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from omen.core.chat import ChatRequest
from omen.core.errors import OmenError
from omen.core.events import Event
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.front.http.asgi import Headers


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """What one request asked for: the question, of whom, and how to answer it."""

    request: ChatRequest
    model: str
    hints: RaceHints
    stream: bool
    include_usage: bool = False
    said: Mapping[str, Any] = field(default_factory=dict)
    """What of the request an answer repeats, in dialects where it does."""
    tools: Mapping[str, Any] = field(default_factory=dict)
    """By the names of functions that went out: the tools whose calls the dialect writes in a form
    of their own, or under another name."""


@dataclass(frozen=True, slots=True)
class ImmediateAnswer:
    """An answer that nobody has to be asked for. Its request has to be one all the same."""

    body: Mapping[str, Any]
    model: str
    hints: RaceHints


class Writer(Protocol):
    """Writes one streamed answer."""

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together. `omen` goes into the answer's last piece."""
        ...


@runtime_checkable
class FailingWriter(Writer, Protocol):
    """A writer whose stream has a word of its own for an answer that fails half way."""

    def fail(self, error: OmenError) -> bytes:
        """Write the one in-band error with which the stream ends."""
        ...


@runtime_checkable
class LivingWriter(Writer, Protocol):
    """A writer whose stream has a sign of life of its own."""

    def alive(self) -> bytes:
        """Write something that tells the client nothing but that the answer is still coming."""
        ...


class Collector(Protocol):
    """Adds one answer up, for a client that does not stream."""

    async def send(self, events: Sequence[Event]) -> None:
        """Take the next events, as an output of a race."""
        ...

    def body(self, race: RaceRecord) -> Mapping[str, Any]:
        """Give the whole answer; only after its end."""
        ...


class Dialect(Protocol):
    """One API that clients speak."""

    @property
    def stream_type(self) -> bytes:
        """The content type of a stream."""
        ...

    @property
    def keep_alive(self) -> bytes:
        """What may be sent on a stream, at any time, and means nothing."""
        ...

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest | ImmediateAnswer:
        """Read a request's body, and the hints in its headers (lower-case names).

        **Raises.** `RequestError`, naming the field.
        """
        ...

    def writer(self, race: RaceRecord, asked: ParsedRequest) -> Writer:
        """Begin a streamed answer; somebody has committed by now."""
        ...

    def collector(self, asked: ParsedRequest) -> Collector:
        """Begin a whole answer."""
        ...

    def status(self, error: OmenError) -> int:
        """Say with which HTTP status an error is told."""
        ...

    def error_body(self, error: OmenError, request_id: str) -> Mapping[str, Any]:
        """Tell an error as the body of a response."""
        ...

    def error_event(self, error: OmenError, request_id: str) -> bytes:
        """Tell the one in-band error with which a stream that has begun ends."""
        ...

    def headers(self, request_id: str) -> Headers:
        """Give the headers that every response has."""
        ...


@runtime_checkable
class EarlyDialect(Protocol):
    """A dialect whose stream can begin before anybody has committed, with a sign of life."""

    def early_writer(self, race: RaceRecord, asked: ParsedRequest) -> LivingWriter:
        """Begin a stream whose answer is still to come."""
        ...
