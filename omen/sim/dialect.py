"""What a dialect of the simulated upstreams offers: a request read, an answer written, no I/O.

The dialects are written from the vendors' documents and on purpose not from OMEN's own
`providers` and `wire`: a simulator that shared the code under test would prove nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from omen.sim.http import JSON_TYPE, HttpReply, HttpRequest

ProviderKind = Literal["openai", "anthropic", "ollama", "azure", "xai"]
FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The call a simulated model makes. `arguments` is JSON text fit for the tool's schema."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Call:
    """What a simulated model needs to know of a request that it is to answer.

    `key` is the text of the last user message, by which fates are drawn. `tool` is set when the
    answer is to be a tool call, `json_text` when it is to be JSON: then it is the whole of it.
    """

    model: str
    key: str = field(repr=False)
    stream: bool
    prompt_tokens: int
    max_tokens: int | None = None
    """Bounds reasoning and answer together."""
    tool: ToolUse | None = field(default=None, repr=False)
    include_usage: bool = True
    reasoning: int = 0
    """Tokens of reasoning that come before the answer."""
    json_text: str | None = field(default=None, repr=False)


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
    """Writes the frames of one answer, in the order in which its methods are named here.

    Frames are written as they are taken: one with a counter in it must not be made before its turn.
    Tokens that `end` and `whole` are told of are those of the answer itself; how many there were
    of reasoning stands in the call.
    """

    shows_thoughts: bool
    """Whether the reasoning is sent at all: some vendors only count it."""

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200, for a stream or not as the call wanted."""
        ...

    def start(self) -> bytes:
        """Announce the message: what a vendor sends before the first token is there."""
        ...

    def think(self, thoughts: Sequence[str]) -> Iterable[bytes]:
        """Write the reasoning, one piece for each thought; pieces that are not shown are empty."""
        ...

    def speak(self) -> bytes:
        """Open the visible text. Called only where reasoning came before it."""
        ...

    def token(self, text: str) -> bytes:
        """Write one piece of visible text."""
        ...

    def tool_call(self, tool: ToolUse) -> Iterable[bytes]:
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

    def whole(self, text: str, reason: FinishReason, tokens: int, thoughts: str) -> bytes:
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

    def failure(self, status: int, number: int, retry_after: float, cause: str) -> HttpReply:
        """Write the vendor's error for a status that is none of the request's doing.

        `cause` is one of `omen.sim.faults.Cause`, for the vendors that word a status in several
        ways.
        """
        ...

    def error_in_200(self) -> HttpReply | None:
        """Write the error that takes the place of a whole stream though the status is 200.

        None where the vendor has no such thing, and the error is a frame of the stream.
        """
        ...


def content_type(call: Call, streamed: str) -> str:
    """Return the content type of the answer to `call`."""
    return streamed if call.stream else JSON_TYPE
