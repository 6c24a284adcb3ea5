"""An answer in OpenAI's words: events become chunks, or one completion. Pure.

What is written follows what the official SDK survives: `data:` lines only, the role once and in
the first chunk, one `finish_reason` after all deltas, usage only for those who asked and in a
chunk of its own without choices, then `[DONE]`. Reasoning goes as `reasoning_content`, the name
most clients know. Without opt-in nothing is written that OpenAI would not write.

**Source.** OpenAI API reference, chat completions streaming, and openai 3.54.0, 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from omen.errors import OmenError
from omen.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    ReasoningEnd,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    WireEvent,
)

DONE = b"data: [DONE]\n\n"


class ChunkWriter:
    """Writes one streamed answer.

    `created` is a Unix time in whole seconds; `model` is what answers until the upstream says it
    more exactly.
    """

    def __init__(self, completion_id: str, created: int, model: str, include_usage: bool) -> None:
        self._base: dict[str, Any] = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._include_usage = include_usage
        self._role_due = True

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together. `omen` goes into the answer's last chunk."""
        return b"".join(self._write_one(event, omen) for event in events)

    def _write_one(self, event: Event, omen: Mapping[str, Any] | None) -> bytes:
        match event:
            case AnswerStart():
                return self._start(event)
            case AnswerEnd():
                return self._end(event, omen)
            case TextDelta(text=text, extras=extras):
                return self._delta({"content": text}, extras)
            case ReasoningDelta(text=text):
                return self._delta({"reasoning_content": text})
            case RefusalDelta(text=text):
                return self._delta({"refusal": text})
            case ToolCallDelta():
                return self._delta({"tool_calls": [_fragment(event)]})
            case ReasoningEnd() | WireEvent():
                return b""

    def _start(self, start: AnswerStart) -> bytes:
        self._base["model"] = start.model or self._base["model"]
        self._base.update(start.extras)
        return self._delta({"content": ""})

    def _delta(self, delta: dict[str, Any], extras: Mapping[str, Any] | None = None) -> bytes:
        return self._chunk({"choices": [self._choice(delta, None, extras)]})

    def _choice(
        self, delta: dict[str, Any], finish: str | None, extras: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        if self._role_due:
            self._role_due = False
            delta = {"role": "assistant", **delta}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**choice, **extras} if extras else choice

    def _end(self, end: AnswerEnd, omen: Mapping[str, Any] | None) -> bytes:
        chunks: list[dict[str, Any]] = [{"choices": [self._choice({}, end.reason)]}]
        if self._include_usage and end.usage is not None:
            chunks.append({"choices": [], "usage": usage_object(end.usage)})
        if omen is not None:
            chunks[-1]["omen"] = omen
        return b"".join(map(self._chunk, chunks)) + DONE

    def _chunk(self, rest: Mapping[str, Any]) -> bytes:
        # An upstream's logprob may be minus infinity, which JSON cannot say.
        return b"data: " + to_json({**self._base, **rest}, inf_nan_mode="null") + b"\n\n"


class Completion:
    """Adds an answer's events up to one `chat.completion`, for callers that do not stream."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._logprobs: list[Any] = []
        self._start = AnswerStart()
        self._end: AnswerEnd | None = None

    async def send(self, events: Sequence[Event]) -> None:
        """Take the next events, as an output of a race."""
        for event in events:
            self._add(event)

    def _add(self, event: Event) -> None:
        match event:
            case AnswerStart():
                self._start = event
            case AnswerEnd():
                self._end = event
            case TextDelta(text=text, extras=extras):
                self._text.append(text)
                self._logprobs += (extras.get("logprobs") or {}).get("content") or ()
            case ReasoningDelta(text=text):
                self._reasoning.append(text)
            case RefusalDelta(text=text):
                self._refusal.append(text)
            case ToolCallDelta():
                self._add_call(event)

    def _add_call(self, fragment: ToolCallDelta) -> None:
        call = self._calls.setdefault(
            fragment.index,
            {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
        )
        call["id"] = call["id"] or fragment.id or ""
        call["function"]["name"] = call["function"]["name"] or fragment.name or ""
        call["function"]["arguments"] += fragment.arguments

    @property
    def text(self) -> str:
        """The visible text so far."""
        return "".join(self._text)

    def body(self, completion_id: str, created: int, model: str) -> dict[str, Any]:
        """The `chat.completion` object; only after the answer has ended."""
        if self._end is None:
            raise RuntimeError("the answer has not ended")
        choice = {
            "index": 0,
            "message": self._message(),
            "logprobs": {"content": self._logprobs} if self._logprobs else None,
            "finish_reason": self._end.reason,
        }
        body = {
            "id": completion_id,
            "object": "chat.completion",
            "created": created,
            "model": self._start.model or model,
            **self._start.extras,
            "choices": [choice],
        }
        if self._end.usage is not None:
            body["usage"] = usage_object(self._end.usage)
        return body

    def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self.text or (None if self._calls or self._refusal else ""),
            "refusal": "".join(self._refusal) or None,
        }
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls:
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        return message


def usage_object(usage: Usage) -> dict[str, Any]:
    """Write usage as OpenAI does: details only where there are any, and no vendor's extras."""
    body: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.prompt_details:
        body["prompt_tokens_details"] = dict(usage.prompt_details)
    if usage.completion_details:
        body["completion_tokens_details"] = dict(usage.completion_details)
    return body


def error_object(error: OmenError) -> dict[str, Any]:
    """Write an error as OpenAI does, for a body and for a stream alike."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }


def error_event(error: OmenError) -> bytes:
    """Write the one in-band error with which a stream that has begun ends."""
    return b"data: " + to_json(error_object(error)) + b"\n\n"


def _fragment(delta: ToolCallDelta) -> dict[str, Any]:
    if delta.id is None and delta.name is None:
        return {"index": delta.index, "function": {"arguments": delta.arguments}}
    return {
        "index": delta.index,
        "id": delta.id,
        "type": "function",
        "function": {"name": delta.name, "arguments": delta.arguments},
    }
