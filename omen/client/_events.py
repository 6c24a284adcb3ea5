"""What a stream yields: the vocabulary's own events, and how attempts go. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceEnd,
    ChoiceSwitch,
    Event,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something happened to an attempt; only streams that were asked to `explain` have any.

    `kind` is `started`, `committed`, `lost`, `failed`, `timed_out`, `denied` or, if it was asked
    for, `progressed`. `t_ms` counts from when the gateway accepted the request. `role` tells a
    hedge from an entrant.
    """

    kind: str
    provider: str
    model: str
    t_ms: float
    attempt: int = 0
    role: str = "primary"
    tokens: int = 0
    reason: str | None = None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Attempt:
        """Read an `event`; what a newer gateway says besides is left out."""
        return cls(**{name: said[name] for name in cls.__slots__ if name in said})


StreamEvent = Event | Attempt


class ChunkReader:
    """Turns the chunks of one answer into events. `end` gives the last one."""

    def __init__(self) -> None:
        self._started = False
        self._choice = 0
        self._reason: FinishReason = "stop"
        self._usage: Usage | None = None

    def read(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """Read one chunk."""
        if not self._started:
            self._started = True
            yield AnswerStart(chunk.get("model"))
        for choice in chunk.get("choices") or ():
            yield from self._read_choice(choice)
        if chunk.get("usage"):
            self._usage = read_usage(chunk["usage"])

    def _read_choice(self, choice: Mapping[str, Any]) -> Iterator[Event]:
        index = choice.get("index") or 0
        if index != self._choice:
            self._choice = index
            yield ChoiceSwitch(index)
        yield from _read_delta(choice.get("delta") or {})
        reason = choice.get("finish_reason")
        if reason and index == 0:
            self._reason = reason
        elif reason:
            yield ChoiceEnd(reason)

    def end(self) -> AnswerEnd:
        """Give the answer's end, when the gateway has said that it is complete."""
        return AnswerEnd(self._reason, self._usage)


def read_usage(said: Mapping[str, Any]) -> Usage:
    """Read OpenAI's usage object."""
    return Usage(
        said.get("prompt_tokens") or 0,
        said.get("completion_tokens") or 0,
        said.get("prompt_tokens_details") or {},
        said.get("completion_tokens_details") or {},
    )


def _read_delta(delta: Mapping[str, Any]) -> Iterator[Event]:
    if delta.get("reasoning_content"):
        yield ReasoningDelta(delta["reasoning_content"])
    if delta.get("content"):
        yield TextDelta(delta["content"])
    if delta.get("refusal"):
        yield RefusalDelta(delta["refusal"])
    for call in delta.get("tool_calls") or ():
        custom = call.get("custom")
        called = custom or call.get("function") or {}
        yield ToolCallDelta(
            call.get("index") or 0,
            call.get("id"),
            called.get("name"),
            called.get("input" if custom else "arguments") or "",
            custom=bool(custom),
        )
