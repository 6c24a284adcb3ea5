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

from omen.core.errors import OmenError
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceEnd,
    ChoiceSwitch,
    Event,
    MessageFields,
    ReasoningDelta,
    ReasoningEnd,
    RefusalDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
    Usage,
    WireEvent,
)
from omen.front.http.stream_lines import data_event, one_line

DONE = b"data: [DONE]\n\n"

Chunk = dict[str, Any]


class ChunkWriter:
    """Writes one streamed answer.

    `created` is a Unix time in whole seconds; `model` is what answers until the upstream says it
    more exactly. `vendor_fields`: write what the provider has beside OpenAI's schema, too.
    """

    def __init__(
        self,
        completion_id: str,
        created: int,
        model: str,
        include_usage: bool,
        *,
        vendor_fields: bool = False,
    ) -> None:
        self._base: dict[str, Any] = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._first = dict(self._base)
        self._include_usage = include_usage
        self._vendor_fields = vendor_fields
        self._choice_index = 0
        self._spoken: set[int] = set()
        """The choices that have their role."""
        self._several = False
        self._around: tuple[bytes, bytes] | None = None
        """The bytes before and after the text in an event of a `TextDelta`. Nothing else in it
        changes within one choice."""

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together. `omen` goes into the answer's last chunk."""
        pieces: list[bytes] = []
        texts: list[str] = []
        for event in events:
            if type(event) is TextDelta and not event.extras and self._choice_index in self._spoken:
                texts.append(event.text)
                continue
            if texts:
                pieces.append(self._write_texts(texts))
                texts = []
            pieces.append(self._write_one(event, omen))
        if texts:
            pieces.append(self._write_texts(texts))
        return b"".join(pieces)

    def _write_texts(self, texts: list[str]) -> bytes:
        """Write an event for each text. Only the text differs between them."""
        before, after = self._around or self._prepare()
        if len(texts) == 1 or any('"' in text or text == "," for text in texts):
            return b"".join([before + one_line(to_json(text)) + after for text in texts])
        # One call for all texts. None has a quote or is a comma, so `","` is a border of two.
        written = one_line(to_json(texts))[1:-1]
        return before + written.replace(b'","', b'"' + after + before + b'"') + after

    def _write_one(self, event: Event, omen: Mapping[str, Any] | None) -> bytes:
        written = b"".join([_as_event(chunk) for chunk in self.chunks(event, omen)])
        return written + DONE if isinstance(event, AnswerEnd) else written

    def _prepare(self) -> tuple[bytes, bytes]:
        """Return the bytes around a text. They are kept until what is in them changes."""
        (chunk,) = self._delta({"content": ""})
        # The last empty text of the chunk: the content stands behind every field of the answer.
        before, _, after = _as_event(chunk).rpartition(b'""')
        self._around = before, after
        return before, after

    def chunks(self, event: Event, omen: Mapping[str, Any] | None = None) -> Sequence[Chunk]:
        """Say an event in chunks: mostly one, sometimes none."""
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
            case MessageFields(fields=fields):
                return self._delta(dict(fields))
            case ChoiceSwitch() | ChoiceEnd() | Restart():
                return self._turn(event)
            case ReasoningEnd() | WireEvent():
                return ()

    def _turn(self, event: ChoiceSwitch | ChoiceEnd | Restart) -> Sequence[Chunk]:
        self._around = None
        match event:
            case ChoiceSwitch(index=index):
                self._choice_index = index
                return ()
            case ChoiceEnd(reason=reason):
                self._several = True
                return (self._chunk({"choices": [self._choice({}, reason)]}),)
            case Restart():
                self._spoken.clear()
                self._base = dict(self._first)
                return (self._chunk({"choices": [], "omen": {"event": "restart"}}),)

    def _start(self, start: AnswerStart) -> Sequence[Chunk]:
        self._around = None
        self._base["model"] = start.model or self._base["model"]
        self._base.update(start.extras)
        return self._delta({"content": ""})

    def _delta(
        self, delta: dict[str, Any], extras: Mapping[str, Any] | None = None
    ) -> Sequence[Chunk]:
        return (self._chunk({"choices": [self._choice(delta, None, extras)]}),)

    def _choice(
        self, delta: dict[str, Any], finish: str | None, extras: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        if self._choice_index not in self._spoken:
            self._spoken.add(self._choice_index)
            delta = {"role": "assistant", **delta}
        choice = {
            "index": self._choice_index,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish,
        }
        return {**choice, **extras} if extras else choice

    def _end(self, end: AnswerEnd, omen: Mapping[str, Any] | None) -> Sequence[Chunk]:
        chunks: list[Chunk] = []
        if not self._several:
            chunks.append(self._chunk({"choices": [self._choice({}, end.reason)]}))
        if self._include_usage and end.usage is not None:
            chunks.append(self._chunk({"choices": [], "usage": usage_object(end.usage)}))
        beside = dict(end.extras) if self._vendor_fields else {}
        if omen is not None:
            beside["omen"] = omen
        if beside and not chunks:
            chunks.append(self._chunk({"choices": []}))
        if beside:
            chunks[-1].update(beside)
        return chunks

    def _chunk(self, rest: Mapping[str, Any]) -> Chunk:
        return {**self._base, **rest}


def _as_event(chunk: Chunk) -> bytes:
    # An upstream's logprob may be minus infinity, which JSON cannot say.
    return data_event(to_json(chunk, inf_nan_mode="null"))


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
    return data_event(to_json(error_object(error)))


def _fragment(delta: ToolCallDelta) -> dict[str, Any]:
    kind, text = ("custom", "input") if delta.custom else ("function", "arguments")
    if delta.id is None and delta.name is None:
        return {**delta.extras, "index": delta.index, kind: {text: delta.arguments}}
    called = {"name": delta.name, text: delta.arguments}
    head = {**delta.extras, "index": delta.index, "id": delta.id, "type": kind}
    return {**head, kind: called}
