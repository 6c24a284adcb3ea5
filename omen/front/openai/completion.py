"""Adds an answer's events up to one `chat.completion`, for callers that do not stream. Pure.

**Source.** OpenAI API reference, the chat completion object, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceEnd,
    ChoiceSwitch,
    Event,
    FinishReason,
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.core.message_fields import FieldJoiner
from omen.core.pieces import Pieces
from omen.front.openai.write import usage_object


class Completion:
    """One answer, of one choice or of several.

    `vendor_fields`: show what the provider has beside OpenAI's schema, too.
    """

    def __init__(self, *, vendor_fields: bool = False) -> None:
        self._vendor_fields = vendor_fields
        self._begin()

    def _begin(self) -> None:
        self._choices = {0: _Choice()}
        self._current = self._choices[0]
        self._start = AnswerStart()
        self._usage: Usage | None = None
        self._beside: Mapping[str, Any] = {}
        self._ended = False

    async def send(self, events: Sequence[Event]) -> None:
        """Take the next events, as an output of a race."""
        for event in events:
            if type(event) is TextDelta and not event.extras:
                self._current.add_text(event.text)  # nearly every event of nearly every answer
            else:
                self._add(event)

    def _add(self, event: Event) -> None:
        match event:
            case Restart():
                self._begin()
            case AnswerStart():
                self._start = event
            case ChoiceSwitch(index=index):
                self._current = self._choices.setdefault(index, _Choice())
            case AnswerEnd(reason=reason, usage=usage, extras=extras):
                self._usage, self._ended = usage, True
                self._beside = extras if self._vendor_fields else {}
                self._current.reason = self._current.reason or reason
            case _:
                self._current.add(event)

    @property
    def text(self) -> str:
        """The visible text so far, of the first choice."""
        return self._choices[0].text

    def body(self, completion_id: str, created: int, model: str) -> dict[str, Any]:
        """The `chat.completion` object; only after the answer has ended."""
        if not self._ended:
            raise RuntimeError("the answer has not ended")
        body = {
            **self._beside,
            "id": completion_id,
            "object": "chat.completion",
            "created": created,
            "model": self._start.model or model,
            **self._start.extras,
            "choices": [choice.body(index) for index, choice in sorted(self._choices.items())],
        }
        if self._usage is not None:
            body["usage"] = usage_object(self._usage)
        return body


class _Choice:
    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._arguments: dict[int, Pieces] = {}
        self._fields = FieldJoiner()
        self._logprobs: list[Any] = []
        self.reason: FinishReason | None = None
        self.add_text = self._text.append

    @property
    def text(self) -> str:
        return "".join(self._text)

    def add(self, event: Event) -> None:
        match event:
            case TextDelta(text=text, extras=extras):
                self._text.append(text)
                self._logprobs += (extras.get("logprobs") or {}).get("content") or ()
            case ReasoningDelta(text=text):
                self._reasoning.append(text)
            case RefusalDelta(text=text):
                self._refusal.append(text)
            case ToolCallDelta():
                self._add_call(event)
            case MessageFields(fields=fields):
                self._fields.add(fields)
            case ChoiceEnd(reason=reason):
                self.reason = reason

    def _add_call(self, fragment: ToolCallDelta) -> None:
        kind, text = ("custom", "input") if fragment.custom else ("function", "arguments")
        call = self._calls.setdefault(
            fragment.index, {"id": "", "type": kind, kind: {"name": "", text: ""}}
        )
        call["id"] = call["id"] or fragment.id or ""
        call[kind]["name"] = call[kind]["name"] or fragment.name or ""
        self._arguments.setdefault(fragment.index, Pieces()).add(fragment.arguments)
        call.update(fragment.extras)

    def body(self, index: int) -> dict[str, Any]:
        return {
            "index": index,
            "message": self._message(),
            "logprobs": {"content": self._logprobs} if self._logprobs else None,
            "finish_reason": self.reason,
        }

    def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = {
            **self._fields.joined,
            "role": "assistant",
            "content": self.text or (None if self._calls or self._refusal else ""),
            "refusal": "".join(self._refusal) or None,
        }
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls:
            message["tool_calls"] = [self._call(index) for index in sorted(self._calls)]
        return message

    def _call(self, index: int) -> dict[str, Any]:
        call = self._calls[index]
        kind, name = ("custom", "input") if "custom" in call else ("function", "arguments")
        call[kind][name] = self._arguments[index].text
        return call
