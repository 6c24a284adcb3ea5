"""An answer in Anthropic's words: events become the events of a Messages stream, or one message.

An Anthropic upstream that was asked word for word has said it in these words already
(`WireEvent`). Then those go out as they came, and nothing is translated.

**Source.** docs.anthropic.com/en/api/messages-streaming and errors, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic_core import to_json

from omen.core.errors import OmenError
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceEnd,
    ChoiceSwitch,
    Event,
    FinishReason,
    MessageFields,
    ReasoningEnd,
    Restart,
    Usage,
    WireEvent,
)
from omen.core.json_reading import read_json
from omen.front.anthropic.blocks import BlockWriter, WireObject
from omen.front.http.stream_lines import named_event

DIALECT = "anthropic"

_STOP_REASONS: Mapping[FinishReason, str] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
    }
)
_TOO_LONG = "prompt is too long"
_ERROR_TYPES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)


@dataclass(frozen=True, slots=True)
class Named:
    """What an answer is called, and the model that it says it is of.

    A client that asked for a model by another name than its own (an alias, `provider/model`) is
    told that name (`as_asked`): Claude Code leaves the thinking out of what it sends back when the
    model is not the one it asked for, and then the call of a tool is refused. Who did answer is in
    the headers.
    """

    message_id: str
    model: str
    as_asked: bool = False
    input_tokens: int = 0
    """The estimate of the prompt, which an answer begins with: Claude Code shows how full the
    context is by it. The count of the provider comes with the end."""

    def rename(self, wire: WireObject) -> WireObject:
        """Put our name into an upstream's `message_start`, if it is to be ours."""
        match wire:
            case {"type": "message_start", "message": dict(message)} if self.as_asked:
                return {**wire, "message": {**message, "model": self.model}}
        return wire


class Translator:
    """Turns events into the objects of a Messages stream. One per answer."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._blocks = BlockWriter()
        self._started = False

    def translate(self, event: Event) -> Iterator[WireObject]:
        """Translate one event."""
        if not self._started:
            yield self._start(event)
        match event:
            case AnswerStart() | MessageFields() | ReasoningEnd() | WireEvent():
                return
            case ChoiceSwitch() | ChoiceEnd() | Restart():
                return  # not to be had in this dialect: its requests for them are refused
            case AnswerEnd(usage=usage):
                yield from self._blocks.end()
                stop = _stop(event)
                yield {"type": "message_delta", "delta": stop, "usage": usage_object(usage)}
                yield {"type": "message_stop"}
            case _:
                yield from self._blocks.write(event)

    def _start(self, event: Event) -> WireObject:
        self._started = True
        said = event.model if isinstance(event, AnswerStart) else None
        message: WireObject = {
            "id": self._named.message_id,
            "type": "message",
            "role": "assistant",
            "model": self._named.model if self._named.as_asked else said or self._named.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": self._named.input_tokens, "output_tokens": 0},
        }
        return {"type": "message_start", "message": message}


def _stop(end: AnswerEnd) -> WireObject:
    """Say why an answer stopped; a stop sequence has a reason of its own here."""
    matched = end.stop_sequence
    reason = _STOP_REASONS[end.reason] if matched is None else "stop_sequence"
    return {"stop_reason": reason, "stop_sequence": matched}


class MessagesWriter:
    """Writes one streamed answer. `omen` goes into an event of that name, which SDKs skip."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._translator = Translator(named)
        self._verbatim = False

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together."""
        written = b"".join(map(self._write_one, events))
        return written if omen is None else written + named_event("omen", to_json(omen))

    def _write_one(self, event: Event) -> bytes:
        if isinstance(event, WireEvent) and event.dialect == DIALECT:
            self._verbatim = True
            if event.name != "message_start" or not self._named.as_asked:
                return named_event(event.name, event.data)
            return named_event(event.name, to_json(self._named.rename(read_json(event.data))))
        if self._verbatim:
            return b""
        objects = self._translator.translate(event)
        return b"".join(named_event(wire["type"], to_json(wire)) for wire in objects)


def usage_object(usage: Usage | None) -> WireObject:
    """Write usage as Anthropic counts it: what a cache gave and took is not part of the input."""
    if usage is None:
        return {"output_tokens": 0}
    read = usage.prompt_details.get("cached_tokens", 0)
    written = usage.prompt_details.get("cache_write_tokens", 0)
    return {
        "input_tokens": max(0, usage.prompt_tokens - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.completion_tokens,
    }


def status_of(error: OmenError) -> int:
    """Give the status of an error here; overload has one of its own."""
    return 529 if error.status == 503 else error.status


def error_body(error: OmenError, request_id: str) -> WireObject:
    """Write an error as Anthropic does."""
    kind = _ERROR_TYPES.get(status_of(error))
    if kind is None:
        kind = "invalid_request_error" if error.status < 500 else "api_error"
    told = {"type": kind, "message": _message(error)}
    return {"type": "error", "error": told, "request_id": request_id}


def _message(error: OmenError) -> str:
    """Return the message; of a prompt that does not fit, in the words of the vendor.

    Clients of this API shorten a conversation when they read these words, and by nothing else.

    **Source.** docs.anthropic.com/en/api/errors, and Claude Code's behaviour, 2026-11-30.
    """
    fits = error.code != "context_length_exceeded" or _TOO_LONG in error.message.lower()
    return error.message if fits else f"{_TOO_LONG}: {error.message}"


def error_event(error: OmenError, request_id: str) -> bytes:
    """Write the one in-band error with which a stream that has begun ends."""
    return named_event("error", to_json(error_body(error, request_id)))
