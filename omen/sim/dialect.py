"""What a dialect of the simulated upstreams offers: a request read, an answer written, no I/O.

The three dialects are written from the vendors' documents and on purpose not from OMEN's own
`providers` and `wire`: a simulator that shared the code under test would prove nothing about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

ProviderKind = Literal["openai", "anthropic", "ollama"]
FinishReason = Literal["stop", "length", "tool_calls"]

JSON_TYPE = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"

_ENCODER = json.JSONEncoder(separators=(",", ":"))
"""Made once: `json.dumps` would make one for every token."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, read whole. Header names are lower case, `path` comes without its query."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    number: int = 0
    """Counts the requests of a server; request ids are made of it."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole response; its length is added where it is sent."""

    status: int
    body: bytes
    headers: Sequence[tuple[str, str]] = (("content-type", JSON_TYPE),)


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The call a simulated model makes. `arguments` is JSON text fit for the tool's schema."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Call:
    """What a simulated model needs to know of a chat request.

    `key` is the text of the last user message, by which fates are drawn. `tool` is set when the
    answer is to be a tool call.
    """

    model: str
    key: str = field(repr=False)
    stream: bool
    prompt_tokens: int
    max_tokens: int | None = None
    tool: ToolUse | None = field(default=None, repr=False)
    include_usage: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """What is the same in all frames of an answer."""

    number: int
    """The number of the request."""
    created: float
    """Unix time, seconds."""
    thinking_time: float = 0.0
    """Seconds to the first token, for dialects that report it."""
    writing_time: float = 0.0
    """Seconds from the first token to the last."""


class Answer(Protocol):
    """Writes the frames of one answer, in the order in which its methods are named here."""

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200, for a stream or not as the call wanted."""
        ...

    def start(self) -> bytes:
        """Announce the message: what a vendor sends before the first token is there."""
        ...

    def token(self, text: str) -> bytes:
        """Write one piece of visible text."""
        ...

    def tool_call(self, tool: ToolUse) -> Sequence[bytes]:
        """Write a tool call, in as many pieces as the dialect allows."""
        ...

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Finish the answer properly, reporting `tokens` generated."""
        ...

    def ping(self) -> bytes:
        """Write something that keeps a connection alive and means nothing."""
        ...

    def error(self) -> bytes:
        """Report, inside the 200, that the model broke."""
        ...

    def whole(self, text: str, reason: FinishReason, tokens: int) -> bytes:
        """Write the body of an answer that is not streamed."""
        ...


class Dialect(Protocol):
    """One vendor's API. `models` are the ids it serves, `api_key` the only key it takes.

    Without an `api_key` any key will do, and none.
    """

    head_waits: ClassVar[bool]
    """Whether not even the status line goes out before the first token is there."""

    def read(self, request: HttpRequest) -> HttpReply | Call:
        """Understand a request, or answer it: with what was asked for, or an error."""
        ...

    def answer(self, call: Call, identity: Identity) -> Answer:
        """Begin the answer to `call`."""
        ...

    def failure(self, status: int, retry_after: float, number: int) -> HttpReply:
        """Write the vendor's error for a status that is none of the request's doing."""
        ...


def to_json(value: Any) -> bytes:
    """Write compact JSON, ASCII only: no reader can trip over a raw line separator."""
    return _ENCODER.encode(value).encode("ascii")


def json_object(body: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None when the bytes are anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def json_reply(status: int, value: Any, *headers: tuple[str, str]) -> HttpReply:
    """Make a response of a JSON value."""
    return HttpReply(status, to_json(value), (("content-type", JSON_TYPE), *headers))


def content_type(call: Call, streamed: str) -> str:
    """Return the content type of the answer to `call`."""
    return streamed if call.stream else JSON_TYPE


def bearer(request: HttpRequest) -> str:
    """Return the key of an `Authorization: Bearer` header, empty when there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
