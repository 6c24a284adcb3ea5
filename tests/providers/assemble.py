"""Adds events up to an answer, and insists on the order that `omen/core/events.py` promises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)


@dataclass
class Answer:
    """What a client that adds everything up has in the end."""

    model: str | None = None
    content: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: list[dict[str, str]] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    events: int = 0

    def add(self, event: Event) -> None:
        assert self.finish_reason is None, "nothing comes after AnswerEnd"
        match event:
            case AnswerStart(model=model):
                assert self.events == 0, "AnswerStart comes first, and once"
                self.model = model
            case TextDelta(text=text):
                self.content += text
            case ReasoningDelta(text=text):
                self.reasoning += text
            case RefusalDelta(text=text):
                self.refusal += text
            case ToolCallDelta():
                self._add_tool_call(event)
            case AnswerEnd(reason=reason, usage=usage):
                self.finish_reason = reason
                self.usage = usage
        self.events += 1

    def _add_tool_call(self, delta: ToolCallDelta) -> None:
        if delta.index == len(self.tool_calls):
            assert delta.id, "a call's first fragment has its id"
            assert delta.name, "a call's first fragment has its name"
            assert delta.id not in [call["id"] for call in self.tool_calls], "ids are unique"
            self.tool_calls.append({"id": delta.id, "name": delta.name, "arguments": ""})
        else:
            assert delta.index < len(self.tool_calls), "indexes are dense, in order of appearance"
            assert delta.id is None, "only a call's first fragment has its id"
            assert delta.name is None, "only a call's first fragment has its name"
        self.tool_calls[delta.index]["arguments"] += delta.arguments


def assemble(events: Iterable[Event]) -> Answer:
    """Add up events."""
    answer = Answer()
    for event in events:
        answer.add(event)
    return answer


def usage_fields(usage: Usage | None) -> dict[str, Any] | None:
    """Write usage as OpenAI would, which is how fixtures state it."""
    if usage is None:
        return None
    written: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.prompt_details:
        written["prompt_tokens_details"] = usage.prompt_details
    if usage.completion_details:
        written["completion_tokens_details"] = usage.completion_details
    return written
