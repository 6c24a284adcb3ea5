"""The Responses stream: named events about items that are added, filled and done.

**Source.** OpenAI's reference of the Responses streaming events, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from omen.core.chat import ReasoningBlock
from omen.core.errors import UpstreamFailure
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    FinishReason,
    ReasoningDelta,
    ReasoningEnd,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.core.frames import Frame
from omen.providers.chat_completions.errors import OPENAI_ERRORS
from omen.providers.responses.whole import stream_of
from omen.providers.shared.failures import classify_frame, truncated
from omen.providers.shared.json import frame_object, json_bytes, not_the_wire_format, text_of
from omen.providers.shared.tool_ids import made_id

_TEXTS: Mapping[str, type[TextDelta] | type[RefusalDelta] | type[ReasoningDelta]] = (
    MappingProxyType(
        {
            "response.output_text": TextDelta,
            "response.refusal": RefusalDelta,
            "response.reasoning_summary_text": ReasoningDelta,
            "response.reasoning_text": ReasoningDelta,
        }
    )
)
_INCOMPLETE: Mapping[str, FinishReason] = MappingProxyType(
    {"max_output_tokens": "length", "content_filter": "content_filter"}
)
_OTHER_INCOMPLETE: FinishReason = "length"


class _Call:
    """A function call: its index is ours, dense over calls, where theirs counts all items."""

    __slots__ = ("index", "seen")

    def __init__(self, index: int) -> None:
        self.index = index
        self.seen = ""


class ResponsesDecoder:
    """Turns the events of one Responses stream into ours. One per answer.

    Each piece of text comes twice, in deltas and then whole. Deltas are read; of what is whole only
    what no delta has said yet, because some servers leave the deltas out. Events of unknown types
    give nothing.
    """

    __slots__ = ("_calls", "_ended", "_model", "_seen", "_started")

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls: dict[int, _Call] = {}
        self._seen: dict[tuple[str, Any, Any], int] = {}
        self._started = False
        self._ended = False

    def feed(self, frame: Frame) -> Sequence[Event]:
        """Translate one event."""
        if self._ended or frame.data.startswith(b"[DONE]"):
            return ()
        event = frame_object(frame)
        if event.get("object") == "response":
            whole = [Frame(json_bytes(one)) for one in stream_of(event)]
            return [read for one in whole for read in self.feed(one)]
        return self._read(text_of(event.get("type")), event)

    def _read(self, kind: str, event: dict[str, Any]) -> Sequence[Event]:
        base, _, step = kind.rpartition(".")
        if base in _TEXTS and step in ("delta", "done"):
            return self._text(base, step, event)
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                return self._start(event.get("response"))
            case "response.output_item.added" | "response.output_item.done":
                return self._item(event, done=step == "done")
            case "response.function_call_arguments.delta":
                return self._arguments(event, text_of(event.get("delta")))
            case "response.function_call_arguments.done":
                return self._rest(event, text_of(event.get("arguments")))
            case "response.completed" | "response.incomplete":
                return self._end(event.get("response"), complete=kind == "response.completed")
            case "response.failed":
                raise self._failure(event.get("response"))
            case "error":
                raise self._failure(event)
            case "" if event.get("error"):
                raise self._failure(event)
        return ()

    def end(self) -> Sequence[Event]:
        """Nothing is ever owed: the last event says everything at once."""
        if not self._ended:
            raise truncated()
        return ()

    def _start(self, response: object) -> Sequence[Event]:
        if self._started or not isinstance(response, dict):
            return ()
        self._started = True
        tier = response.get("service_tier")
        extras = {"service_tier": tier} if isinstance(tier, str) and tier != "auto" else {}
        return (AnswerStart(text_of(response.get("model")) or None, extras),)

    def _text(self, base: str, step: str, event: dict[str, Any]) -> Sequence[Event]:
        part = event.get("summary_index") if "summary" in base else event.get("content_index")
        place = (base, event.get("output_index"), part)
        seen = self._seen.get(place, 0)
        if step == "delta":
            text = text_of(event.get("delta"))
        else:
            text = text_of(event.get("refusal" if base.endswith("refusal") else "text"))[seen:]
        self._seen[place] = seen + len(text)
        return (_TEXTS[base](text),) if text else ()

    def _item(self, event: dict[str, Any], *, done: bool) -> Sequence[Event]:
        item = event.get("item")
        if not isinstance(item, dict):
            return ()
        if item.get("type") == "function_call":
            announced = self._announce(event, item)
            given = text_of(item.get("arguments"))
            return [*announced, *(self._rest(event, given or "{}") if done else ())]
        if item.get("type") == "reasoning" and done and item.get("encrypted_content"):
            return (ReasoningEnd(ReasoningBlock("openai", self._model, _to_bring_back(item))),)
        return ()

    def _announce(self, event: dict[str, Any], item: dict[str, Any]) -> Sequence[Event]:
        place = _place(event)
        if place in self._calls:
            return ()
        name = text_of(item.get("name"))
        if not name:
            raise not_the_wire_format("a tool call has no name")
        call = self._calls[place] = _Call(len(self._calls))
        return (ToolCallDelta(call.index, text_of(item.get("call_id")) or made_id(), name),)

    def _arguments(self, event: dict[str, Any], text: str) -> Sequence[Event]:
        call = self._calls.get(_place(event))
        if call is None or not text:
            return ()
        call.seen += text
        return (ToolCallDelta(call.index, arguments=text),)

    def _rest(self, event: dict[str, Any], whole: str) -> Sequence[Event]:
        """Give of the whole arguments what the deltas have left out."""
        call = self._calls.get(_place(event))
        if call is None or (call.seen and not whole.startswith(call.seen)):
            return ()
        return self._arguments(event, whole[len(call.seen) :])

    def _end(self, response: object, *, complete: bool) -> Sequence[Event]:
        if not isinstance(response, dict):
            raise not_the_wire_format("the end of a response has no response")
        self._ended = True
        reason: FinishReason = "tool_calls" if self._calls else "stop"
        if not complete:
            details = response.get("incomplete_details")
            said = text_of(details.get("reason")) if isinstance(details, dict) else ""
            reason = _INCOMPLETE.get(said, _OTHER_INCOMPLETE)
        return [*self._start(response), AnswerEnd(reason, _usage(response.get("usage")))]

    def _failure(self, value: object) -> UpstreamFailure:
        """Classify what was reported; a bare `error` event has its fields beside its type."""
        if isinstance(value, dict) and not isinstance(value.get("error"), dict):
            value = {"error": {name: value.get(name) for name in ("code", "message", "param")}}
        return classify_frame(OPENAI_ERRORS, value)


def _place(event: dict[str, Any]) -> int:
    index = event.get("output_index")
    return index if isinstance(index, int) else -1


def _to_bring_back(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a reasoning item what is said of it and not part of it."""
    return {name: value for name, value in item.items() if name != "status"}


def _usage(raw: object) -> Usage | None:
    """Read usage; None when it leaves one of the two counts out."""
    if not isinstance(raw, dict):
        return None
    prompt, completion = raw.get("input_tokens"), raw.get("output_tokens")
    if not isinstance(prompt, int) or not isinstance(completion, int):
        return None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        prompt_details=_counts(raw.get("input_tokens_details")),
        completion_details=_counts(raw.get("output_tokens_details")),
    )


def _counts(details: object) -> dict[str, int]:
    if not isinstance(details, dict):
        return {}
    return {name: count for name, count in details.items() if isinstance(count, int)}
