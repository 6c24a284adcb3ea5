"""An answer in Ollama's words: a line for each event, or one object. Pure.

A tool call goes out whole, when it is complete, because that is the only form clients know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omen.core.pieces import Pieces
from omen.core.records import RaceRecord
from omen.front.http.stream_lines import ascii_line
from omen.isolation import loop_time

Line = dict[str, Any]
_NANOSECONDS = 10**9


class Lines:
    """Turns the events of one answer into the objects of its lines.

    `field` is where text stands: in a `message`, or in a `response`.
    """

    def __init__(self, race: RaceRecord, *, generate: bool) -> None:
        self._race = race
        self._generate = generate
        self._model = race.winner.candidate.model if race.winner else ""
        self._calls: dict[int, dict[str, Any]] = {}

    def write(self, event: Event) -> Iterator[Line]:
        """Write one event."""
        match event:
            case AnswerStart(model=model):
                self._model = model or self._model
            case TextDelta(text=text, extras=extras):
                logprobs = (extras.get("logprobs") or {}).get("content")
                yield self._line(text, **({"logprobs": logprobs} if logprobs else {}))
            case RefusalDelta(text=text):
                yield self._line(text)
            case ReasoningDelta(text=text):
                yield self._line("", thinking=text)
            case ToolCallDelta():
                self._gather(event)
            case AnswerEnd():
                if self._calls:
                    yield self._line("", tool_calls=[_call(c) for c in self._calls.values()])
                yield {**self._line(""), **self._end(event)}

    def _gather(self, fragment: ToolCallDelta) -> None:
        index = fragment.index
        call = self._calls.setdefault(
            index, {"index": index, "id": fragment.id, "name": fragment.name, "arguments": Pieces()}
        )
        call["arguments"].add(fragment.arguments)

    def _line(self, text: str, *, logprobs: Any = None, **more: Any) -> Line:
        line: Line = {
            "model": self._model,
            "created_at": written_time(datetime.now(UTC)),
        }
        if self._generate:
            line |= {"response": text, **more}
        else:
            line["message"] = {"role": "assistant", "content": text, **more}
        if logprobs is not None:
            line["logprobs"] = logprobs
        return {**line, "done": False}

    def _end(self, end: AnswerEnd) -> Line:
        race, now = self._race, loop_time()
        began = race.winner.first_token_at if race.winner else None
        first = now if began is None else began
        told: Line = {
            "done": True,
            "done_reason": "length" if end.reason == "length" else "stop",
            "total_duration": _duration(race.accepted_at, now),
            "load_duration": 0,
            "prompt_eval_duration": _duration(race.accepted_at, first),
            "eval_duration": _duration(first, now),
        }
        if end.usage is not None:
            told["prompt_eval_count"] = end.usage.prompt_tokens
            told["eval_count"] = end.usage.completion_tokens
        return told


class LineWriter:
    """Writes one streamed answer."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together. `omen` goes into the answer's last line."""
        lines = [line for event in events for line in self._lines.write(event)]
        if omen is not None and lines:
            lines[-1]["omen"] = omen
        return b"".join(map(as_line, lines))


def add_up(lines: Sequence[Line]) -> Line:
    """Make the one object of an answer that is not streamed: the last line, with all the text."""
    whole = dict(lines[-1])
    for name in ("response", "thinking"):
        if text := "".join(line.get(name) or "" for line in lines):
            whole[name] = text
    if "message" in whole:
        whole["message"] = _add_up_messages([line["message"] for line in lines])
    if logprobs := [entry for line in lines for entry in line.get("logprobs") or ()]:
        whole["logprobs"] = logprobs
    return whole


def _add_up_messages(messages: Sequence[Line]) -> Line:
    whole: Line = {"role": "assistant", "content": "".join(m["content"] for m in messages)}
    if thinking := "".join(m.get("thinking") or "" for m in messages):
        whole["thinking"] = thinking
    if calls := [call for m in messages for call in m.get("tool_calls") or ()]:
        whole["tool_calls"] = calls
    return whole


def empty_line(model: str, *, generate: bool) -> Line:
    """Write a line that says nothing."""
    empty = {"response": ""} if generate else {"message": {"role": "assistant", "content": ""}}
    return {"model": model, "created_at": written_time(datetime.now(UTC)), **empty, "done": False}


def written_time(moment: datetime) -> str:
    """Write a moment of UTC as Ollama does."""
    return moment.isoformat().replace("+00:00", "Z")


def as_line(line: Mapping[str, Any]) -> bytes:
    """Write an object as one line, escaped as Ollama's server does and further."""
    return ascii_line(to_json(line, inf_nan_mode="null"))


def _call(call: Mapping[str, Any]) -> Line:
    return {
        "id": call["id"],
        "function": {
            "index": call["index"],
            "name": call["name"],
            "arguments": _arguments(call["arguments"].text),
        },
    }


def _arguments(text: str) -> dict[str, Any]:
    """Read the arguments of a call. Here they are an object; what is none stays readable."""
    if not text.strip():
        return {}
    try:
        value = from_json(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"unparsed_arguments": text}


def _duration(start: float, end: float) -> int:
    return max(0, round((end - start) * _NANOSECONDS))
