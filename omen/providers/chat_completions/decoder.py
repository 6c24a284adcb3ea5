"""The chat-completions stream, as OpenAI and everybody who imitates it sends it.

**Source.** OpenAI's reference of the chat completion chunk object, Azure's of content filtering,
xAI's and others' streams as observed, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from omen.core.errors import UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Usage,
)
from omen.core.frames import Frame
from omen.providers.chat_completions.think_tags import ThinkTags
from omen.providers.chat_completions.tool_calls import ToolCallMerger
from omen.providers.chat_completions.usage import read_usage
from omen.providers.shared.error_table import ErrorTable
from omen.providers.shared.failures import classify_frame, truncated
from omen.providers.shared.json import frame_object, not_the_wire_format, text_of

_FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {
        "stop": "stop",
        "length": "length",
        "model_length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    }
)
_OTHER_FINISH: FinishReason = "stop"

_SHOWN_AT_START = ("system_fingerprint", "service_tier")


class ChatDecoder:
    """Turns the frames of one chat-completions stream into events. One per answer.

    A chunk that has nothing we read (Azure's filter annotations, pings, padding) gives nothing.
    Usage may come before the finish reason, with it or after it, or on every chunk; the answer
    ends as soon as usage has come that is not older than the finish reason.
    """

    __slots__ = ("_ended", "_errors", "_finish", "_started", "_think_tags", "_tools", "_usage")

    def __init__(self, errors: ErrorTable, *, think_tags: bool = False) -> None:
        self._errors = errors
        self._think_tags = ThinkTags() if think_tags else None
        self._tools = ToolCallMerger()
        self._started = False
        self._finish: FinishReason | None = None
        self._usage: Usage | None = None
        self._ended = False

    @property
    def is_working(self) -> bool | None:
        """Whether a call has begun of which no event has told yet; else None: the events tell."""
        return self._tools.holds_back or None

    def feed(self, frame: Frame) -> Sequence[Event]:
        """Translate one chunk."""
        if self._ended:
            return ()
        if frame.data.startswith(b"[DONE]"):
            return self.end()
        chunk = frame_object(frame)
        if chunk.get("error") or frame.event == "error" or chunk.get("object") == "error":
            raise self._failure(chunk)

        events: list[Event] = []
        choices = chunk.get("choices")
        if not self._started and (choices or chunk.get("model")):
            events.append(self._start(chunk))
        for choice in choices if isinstance(choices, list) else ():
            # We never ask for more than one; index may be missing.
            if isinstance(choice, dict) and not choice.get("index"):
                self._read_choice(choice, events)
        usage = chunk.get("usage")
        if usage:
            self._usage = read_usage(usage) or self._usage
            if self._finish is not None:
                events.append(self._end(self._finish))
        return events

    def end(self) -> Sequence[Event]:
        """Give the `AnswerEnd` that is owed when usage never came."""
        if self._ended:
            return ()
        if self._finish is None:
            raise truncated()
        return (self._end(self._finish),)

    def _start(self, chunk: dict[str, Any]) -> AnswerStart:
        self._started = True
        extras = {name: chunk[name] for name in _SHOWN_AT_START if chunk.get(name)}
        return AnswerStart(model=text_of(chunk.get("model")) or None, extras=extras)

    def _read_choice(self, choice: dict[str, Any], events: list[Event]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._read_delta(delta, choice.get("logprobs"), events)
        reason = text_of(choice.get("finish_reason"))
        if reason:
            if reason == "error":
                raise self._failure(choice)
            self._finish = _FINISH_REASONS.get(reason, _OTHER_FINISH)
            if self._think_tags is not None:
                events.extend(self._think_tags.give_up())
            events.extend(self._tools.finish())

    def _read_delta(
        self, delta: dict[str, Any], logprobs: dict[str, Any] | None, events: list[Event]
    ) -> None:
        if reasoning := text_of(delta.get("reasoning_content") or delta.get("reasoning")):
            events.append(ReasoningDelta(reasoning))
        content = delta.get("content")
        if content and not isinstance(content, str):
            raise not_the_wire_format("the content of a chunk is not text")
        extras = {"logprobs": logprobs} if logprobs else {}
        if self._think_tags is not None:
            events.extend(_with_extras(self._think_tags.feed(content or ""), extras))
        elif content or extras:
            events.append(TextDelta(content or "", extras))
        refusal, tool_calls = text_of(delta.get("refusal")), delta.get("tool_calls")
        if self._think_tags is not None and (refusal or tool_calls):
            events.extend(self._think_tags.give_up())
        if refusal:
            events.append(RefusalDelta(refusal))
        if tool_calls:
            events.extend(self._tools.feed(tool_calls))

    def _failure(self, value: dict[str, Any]) -> UpstreamFailure:
        return classify_frame(self._errors, value)

    def _end(self, reason: FinishReason) -> AnswerEnd:
        self._ended = True
        return AnswerEnd(reason, self._usage)


def _with_extras(
    deltas: Iterable[TextDelta | ReasoningDelta], extras: Mapping[str, Any]
) -> Iterator[TextDelta | ReasoningDelta]:
    """Give text the logprobs of its chunk.

    Reasoning and tags have no place for theirs, and a piece that waited for the next has lost them.
    """
    for delta in deltas:
        yield replace(delta, extras=extras) if extras and isinstance(delta, TextDelta) else delta
