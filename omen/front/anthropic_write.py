"""An answer in Anthropic's words: events become the events of a Messages stream, or one message.

An Anthropic upstream that was asked word for word has said it in these words already
(`WireEvent`). Then those go out as they came, and nothing is translated.

**Source.** docs.anthropic.com/en/api/messages-streaming and errors, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic_core import from_json, to_json

from omen.errors import OmenError
from omen.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceEnd,
    ChoiceSwitch,
    Event,
    FinishReason,
    ReasoningEnd,
    Restart,
    Usage,
    WireEvent,
)
from omen.front._messages_blocks import BlockWriter, WireObject

DIALECT = "anthropic"

_STOP_REASONS: Mapping[FinishReason, str] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
    }
)
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


class Translator:
    """Turns events into the objects of a Messages stream. One per answer."""

    def __init__(self, message_id: str, model: str) -> None:
        self._id = message_id
        self._model = model
        self._blocks = BlockWriter()
        self._started = False

    def translate(self, event: Event) -> Iterator[WireObject]:
        """Translate one event."""
        if not self._started:
            yield self._start(event)
        match event:
            case AnswerStart() | ReasoningEnd() | WireEvent():
                return
            case ChoiceSwitch() | ChoiceEnd() | Restart():
                return  # not to be had in this dialect: its requests for them are refused
            case AnswerEnd(reason=reason, usage=usage):
                yield from self._blocks.end()
                stop = {"stop_reason": _STOP_REASONS[reason], "stop_sequence": None}
                yield {"type": "message_delta", "delta": stop, "usage": usage_object(usage)}
                yield {"type": "message_stop"}
            case _:
                yield from self._blocks.write(event)

    def _start(self, event: Event) -> WireObject:
        self._started = True
        model = event.model if isinstance(event, AnswerStart) else None
        message: WireObject = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": model or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return {"type": "message_start", "message": message}


class MessagesWriter:
    """Writes one streamed answer. `omen` goes into an event of that name, which SDKs skip."""

    def __init__(self, message_id: str, model: str) -> None:
        self._translator = Translator(message_id, model)
        self._verbatim = False

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together."""
        written = b"".join(map(self._write_one, events))
        return written if omen is None else written + _event("omen", to_json(omen))

    def _write_one(self, event: Event) -> bytes:
        if isinstance(event, WireEvent) and event.dialect == DIALECT:
            self._verbatim = True
            return _event(event.name, event.data)
        if self._verbatim:
            return b""
        objects = self._translator.translate(event)
        return b"".join(_event(wire["type"], to_json(wire)) for wire in objects)


class Message:
    """Adds an answer up to one message, whichever way it came."""

    def __init__(self, message_id: str, model: str) -> None:
        self._translator = Translator(message_id, model)
        self._assembler = Assembler()
        self._verbatim = False

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, WireEvent) and event.dialect == DIALECT:
            self._verbatim = True
            self._assembler.add(from_json(event.data))
        elif not self._verbatim:
            for wire in self._translator.translate(event):
                self._assembler.add(wire)

    def body(self) -> WireObject:
        """Give the message; only after the answer has ended."""
        return self._assembler.message


class Assembler:
    """Puts a message together from the objects of its stream, those of unknown kinds included."""

    def __init__(self) -> None:
        self.message: WireObject = {}
        self._json: dict[int, str] = {}

    def add(self, wire: WireObject) -> None:
        """Take the next object."""
        match wire:
            case {"type": "message_start", "message": dict(message)}:
                self.message = {**message, "content": list(message.get("content") or ())}
            case {"type": "content_block_start", "content_block": dict(block)}:
                self.message["content"].append(dict(block))
            case {"type": "content_block_delta", "delta": dict(delta)}:
                self._add_delta(self.message["content"][-1], delta)
            case {"type": "content_block_stop"}:
                self._close(self.message["content"])
            case {"type": "message_delta"}:
                self._finish(wire)

    def _add_delta(self, block: WireObject, delta: WireObject) -> None:
        for name, value in delta.items():
            if name == "partial_json":
                place = len(self.message["content"])
                self._json[place] = self._json.get(place, "") + value
            elif name == "citation":
                block["citations"] = [*(block.get("citations") or ()), value]
            elif name != "type" and isinstance(value, str):
                block[name] = (block.get(name) or "") + value
            elif name != "type":
                block[name] = value

    def _close(self, content: list[WireObject]) -> None:
        """Read the input of a call that is complete.

        It has to be an object here. What another vendor's model wrote that is none stays readable
        under a name of its own, rather than being lost or failing a whole answer.
        """
        text = self._json.pop(len(content), "")
        if not text.strip():
            return
        try:
            value = from_json(text)
        except ValueError:
            value = None
        content[-1]["input"] = value if isinstance(value, dict) else {"unparsed_arguments": text}

    def _finish(self, wire: WireObject) -> None:
        """Take the message's end. Usage overwrites, as far as it says anything."""
        said = {
            name: value for name, value in (wire.get("usage") or {}).items() if value is not None
        }
        rest = {name: wire[name] for name in wire if name not in ("type", "delta", "usage")}
        usage = {**(self.message.get("usage") or {}), **said}
        self.message |= {**(wire.get("delta") or {}), **rest, "usage": usage}


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
    told = {"type": kind, "message": error.message}
    return {"type": "error", "error": told, "request_id": request_id}


def error_event(error: OmenError, request_id: str) -> bytes:
    """Write the one in-band error with which a stream that has begun ends."""
    return _event("error", to_json(error_body(error, request_id)))


def _event(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
