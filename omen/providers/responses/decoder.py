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
    Usage,
    WireEvent,
)
from omen.core.frames import Frame
from omen.providers.chat_completions.errors import OPENAI_ERRORS
from omen.providers.responses.calls import CallReader
from omen.providers.responses.whole import stream_of
from omen.providers.shared.counts import count_of, counts_of
from omen.providers.shared.failures import classify_frame, truncated
from omen.providers.shared.fees import with_tier, with_unknown_fees
from omen.providers.shared.json import frame_object, json_bytes, not_the_wire_format, text_of

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
_PARTS: Mapping[str, type[TextDelta] | type[RefusalDelta] | type[ReasoningDelta]] = (
    MappingProxyType(
        {
            "output_text": TextDelta,
            "refusal": RefusalDelta,
            "summary_text": ReasoningDelta,
            "reasoning_text": ReasoningDelta,
        }
    )
)
_ARGUMENTS: Mapping[str, str] = MappingProxyType(
    {
        "response.function_call_arguments": "arguments",
        "response.custom_tool_call_input": "input",
    }
)
"""Events of calls, and the field in which the last one has the whole."""
_INCOMPLETE: Mapping[str, FinishReason] = MappingProxyType(
    {"max_output_tokens": "length", "content_filter": "content_filter"}
)
_OTHER_INCOMPLETE: FinishReason = "length"
_LATE = 1_000_000
"""The first place of items that only the last event has; no event before it names one so large."""
_WITH_FEES = frozenset(
    {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"}
)


class ResponsesDecoder:
    """Turns the events of one Responses stream into ours. One per answer.

    Each piece of text comes several times: in deltas, whole, in its item, and in the response at
    the end. Deltas are read; of the others only what no delta has said yet, because some servers
    leave the deltas out. Events of unknown types give nothing. Asked `verbatim`, every event goes
    along as it came besides, for a client that speaks this API.
    """

    __slots__ = (
        "_calls",
        "_came",
        "_ended",
        "_has_fees",
        "_has_own_items",
        "_model",
        "_seen",
        "_started",
        "_texts",
        "_verbatim",
        "_working",
    )

    def __init__(self, model: str, *, verbatim: bool = False) -> None:
        self._model = model
        self._verbatim = verbatim
        self._calls = CallReader()
        self._seen: dict[tuple[str, Any, Any], int] = {}
        self._texts: set[Any] = set()
        """The places of items whose text came in events of its own."""
        self._has_own_items = False
        """Whether the vendor did something itself, which only a client of this API can see."""
        self._came: set[str] = set()
        """The kinds of items of which something has come: `message`, `reasoning`."""
        self._has_fees = False
        """Whether the vendor ran a tool that it bills beside the tokens."""
        self._started = False
        self._ended = False
        self._working: set[int] = set()
        """The places of open items that are no message: reasoning, calls, searches."""

    @property
    def is_working(self) -> bool:
        """Whether an item is open in which the model or the server works, perhaps in silence."""
        return bool(self._working)

    def feed(self, frame: Frame) -> Sequence[Event]:
        """Translate one event."""
        if self._ended or frame.data.startswith(b"[DONE]"):
            return ()
        event = frame_object(frame)
        if event.get("object") == "response":
            whole = [Frame(json_bytes(one)) for one in stream_of(event)]
            return [read for one in whole for read in self.feed(one)]
        kind = text_of(event.get("type"))
        events = self._read(kind, event)
        return [WireEvent("responses", kind, frame.data), *events] if self._verbatim else events

    def _read(self, kind: str, event: dict[str, Any]) -> Sequence[Event]:
        base, _, step = kind.rpartition(".")
        if base in _TEXTS and step in ("delta", "done"):
            return self._text(base, step, event)
        if base in _ARGUMENTS and step == "delta":
            return self._calls.delta(_place(event), text_of(event.get("delta")))
        if base in _ARGUMENTS and step == "done":
            return self._calls.whole(_place(event), text_of(event.get(_ARGUMENTS[base])))
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                return self._start(event.get("response"))
            case "response.output_item.added" | "response.output_item.done":
                return self._item(event, done=step == "done")
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
        self._texts.add(event.get("output_index"))
        self._came.add("reasoning" if _TEXTS[base] is ReasoningDelta else "message")
        return (_TEXTS[base](text),) if text else ()

    def _item(self, event: dict[str, Any], *, done: bool) -> Sequence[Event]:
        item = event.get("item")
        if not isinstance(item, dict):
            return ()
        kind = item.get("type")
        if done:
            self._working.discard(_place(event))
        elif kind != "message":
            self._working.add(_place(event))
        self._has_own_items |= done and kind not in ("message", "reasoning")
        self._has_fees |= kind in _WITH_FEES
        given = self._calls.item(_place(event), item, done=done)
        if not done or kind not in ("message", "reasoning"):
            return given
        texts = self._whole_texts(event.get("output_index"), item)
        if texts or kind == "reasoning":
            self._came.add(kind)
        if kind == "reasoning" and item.get("encrypted_content"):
            block = ReasoningBlock("openai", self._model, _to_bring_back(item))
            return [*texts, ReasoningEnd(block)]
        return texts

    def _whole_texts(self, place: object, item: dict[str, Any]) -> Sequence[Event]:
        """Give the texts of an item of which no event of its own told any."""
        if place in self._texts or None in self._texts:
            return ()
        self._texts.add(place)
        parts = [
            part
            for name in ("summary", "content")
            for part in (item[name] if isinstance(item.get(name), list) else ())
            if isinstance(part, dict)
        ]
        return [
            _PARTS[part["type"]](text)
            for part in parts
            if part.get("type") in _PARTS and (text := _part_text(part))
        ]

    def _end(self, response: object, *, complete: bool) -> Sequence[Event]:
        if not isinstance(response, dict):
            raise not_the_wire_format("the end of a response has no response")
        self._ended = True
        owed = [*self._start(response), *self._left_to_the_end(response)]
        reason: FinishReason = "tool_calls" if self._calls else "stop"
        if not complete:
            details = response.get("incomplete_details")
            said = text_of(details.get("reason")) if isinstance(details, dict) else ""
            reason = _INCOMPLETE.get(said, _OTHER_INCOMPLETE)
        meant = self._verbatim and self._has_own_items
        usage = with_tier(_usage(response.get("usage")), response.get("service_tier"))
        if self._has_fees:
            usage = with_unknown_fees(usage)
        return [*owed, AnswerEnd(reason, usage, meant=meant)]

    def _left_to_the_end(self, response: dict[str, Any]) -> Sequence[Event]:
        """Give the items that stand in the response alone: those of a kind that has not come.

        Not by place: servers number the items of their events in ways of their own.
        """
        output = response.get("output")
        if not isinstance(output, list):
            return ()
        came = self._came | ({"call"} if self._calls else set())
        return [
            event
            for place, item in enumerate(output)
            if isinstance(item, dict) and _kind_of(item) not in came
            for event in self._item({"output_index": _LATE + place, "item": item}, done=True)
        ]

    def _failure(self, value: object) -> UpstreamFailure:
        """Classify what was reported; a bare `error` event has its fields beside its type."""
        if isinstance(value, dict) and not isinstance(value.get("error"), dict):
            value = {"error": {name: value.get(name) for name in ("code", "message", "param")}}
        return classify_frame(OPENAI_ERRORS, value)


def _kind_of(item: dict[str, Any]) -> str:
    kind = text_of(item.get("type"))
    return kind if kind in ("message", "reasoning") else "call"


def _place(event: dict[str, Any]) -> int:
    index = event.get("output_index")
    return index if isinstance(index, int) else -1


def _part_text(part: dict[str, Any]) -> str:
    return text_of(part.get("text")) or text_of(part.get("refusal"))


def _to_bring_back(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a reasoning item what is said of it and not part of it."""
    return {name: value for name, value in item.items() if name != "status"}


def _usage(raw: object) -> Usage | None:
    """Read usage; None when it leaves one of the two counts out."""
    if not isinstance(raw, dict):
        return None
    prompt, completion = count_of(raw.get("input_tokens")), count_of(raw.get("output_tokens"))
    if prompt is None or completion is None:
        return None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        prompt_details=counts_of(raw.get("input_tokens_details")),
        completion_details=counts_of(raw.get("output_tokens_details")),
    )
