"""The /api/chat stream: one object a line, the last of them `done`.

**Source.** github.com/ollama/ollama docs/api.md and server/routes.go, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.core.frames import Frame
from omen.providers.ollama_chat.errors import OLLAMA_ERRORS
from omen.providers.shared.counts import count_of
from omen.providers.shared.failures import classify_frame, truncated
from omen.providers.shared.json import compact, frame_object, not_the_wire_format, text_of, too_many
from omen.providers.shared.tool_ids import made_id

MOST_CALLS = 10_000


class ApiChatDecoder:
    """Turns the lines of one /api/chat stream into events. One per answer.

    Calls arrive whole. They are numbered here, because the server's index starts again with every
    line; an id that is missing or was given before is replaced.
    """

    __slots__ = ("_call_ids", "_ended", "_started")

    def __init__(self) -> None:
        self._started = False
        self._ended = False
        self._call_ids: dict[str, None] = {}
        """The ids that were given, in order."""

    def feed(self, frame: Frame) -> Sequence[Event]:
        """Translate one line. The last one may still hold content."""
        if self._ended:
            return ()
        line = frame_object(frame)
        if line.get("error"):
            raise classify_frame(OLLAMA_ERRORS, line)
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(AnswerStart(model=text_of(line.get("model")) or None))
        message = line.get("message")
        if isinstance(message, dict):
            self._read_message(message, line.get("logprobs"), events)
        if line.get("done"):
            self._ended = True
            events.append(AnswerEnd(self._finish_reason(line), _usage(line)))
        return events

    def end(self) -> Sequence[Event]:
        """Nothing is ever owed: the last line says everything at once."""
        if not self._ended:
            raise truncated()
        return ()

    def _read_message(self, message: dict[str, Any], logprobs: object, events: list[Event]) -> None:
        if thinking := text_of(message.get("thinking")):
            events.append(ReasoningDelta(thinking))
        if content := text_of(message.get("content")):
            # A list of tokens here, in an object by kind at OpenAI.
            extras = {"logprobs": {"content": logprobs}} if logprobs else {}
            events.append(TextDelta(content, extras))
        tool_calls = message.get("tool_calls")
        for call in tool_calls if isinstance(tool_calls, list) else ():
            if isinstance(call, dict) and isinstance(call.get("function"), dict):
                events.append(self._tool_call(text_of(call.get("id")), call["function"]))

    def _tool_call(self, given_id: str, function: dict[str, Any]) -> ToolCallDelta:
        name = text_of(function.get("name"))
        if not name:
            raise not_the_wire_format("a tool call has no name")
        call_id = given_id if given_id and given_id not in self._call_ids else made_id()
        if len(self._call_ids) >= MOST_CALLS:
            raise too_many(MOST_CALLS, "tool calls")
        self._call_ids[call_id] = None
        arguments = function.get("arguments") or {}
        text = arguments if isinstance(arguments, str) else compact(arguments)
        return ToolCallDelta(len(self._call_ids) - 1, call_id, name, text)

    def _finish_reason(self, line: dict[str, Any]) -> FinishReason:
        """The server says `stop` after tool calls too, and nothing when its runner went away."""
        if line.get("done_reason") == "length":
            return "length"
        return "tool_calls" if self._call_ids else "stop"


def _usage(line: dict[str, Any]) -> Usage | None:
    """Read the counts. A zero is left out by the server; both left out is no report at all."""
    prompt, completion = count_of(line.get("prompt_eval_count")), count_of(line.get("eval_count"))
    if prompt is None and completion is None:
        return None
    return Usage(prompt_tokens=prompt or 0, completion_tokens=completion or 0)
