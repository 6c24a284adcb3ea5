"""What the HTTP door would write, as messages: an answer means the same through both. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from omen.front.grpc._omen_pb2 import (
    AnswerMessage,
    ChatCompletionChunk,
    ChatCompletionResponse,
    Choice,
    ChunkChoice,
    FunctionCall,
    RaceReport,
    ToolCall,
    Usage,
)

Json = Mapping[str, Any]
_MOST = 2**32 - 1


def chunk_message(chunk: Json) -> ChatCompletionChunk:
    """Write one chunk."""
    message = ChatCompletionChunk(
        id=chunk["id"],
        object=chunk["object"],
        created=chunk["created"],
        model=chunk["model"],
        choices=map(_chunk_choice, chunk["choices"]),
    )
    beside = chunk.get("omen") or {}
    if beside.get("event") == "restart":
        message.restart = True
    elif beside:
        message.omen.CopyFrom(race_report(beside))
    if "usage" in chunk:
        message.usage.CopyFrom(_usage(chunk["usage"]))
    return message


def completion_message(completion: Json) -> ChatCompletionResponse:
    """Write a whole answer."""
    message = ChatCompletionResponse(
        id=completion["id"],
        object=completion["object"],
        created=completion["created"],
        model=completion["model"],
        choices=map(_choice, completion["choices"]),
    )
    if "usage" in completion:
        message.usage.CopyFrom(_usage(completion["usage"]))
    if "omen" in completion:
        message.omen.CopyFrom(race_report(completion["omen"]))
    return message


def race_report(told: Json) -> RaceReport:
    """Write the `omen` object."""
    return ParseDict(dict(told), RaceReport(), ignore_unknown_fields=True)


def _chunk_choice(choice: Json) -> ChunkChoice:
    delta, reason = _answer(choice["delta"]), choice["finish_reason"]
    if reason is None:
        return ChunkChoice(index=choice["index"], delta=delta)
    return ChunkChoice(index=choice["index"], delta=delta, finish_reason=reason)


def _choice(choice: Json) -> Choice:
    return Choice(
        index=choice["index"],
        message=_answer(choice["message"]),
        finish_reason=choice["finish_reason"] or "",
    )


def _answer(said: Json) -> AnswerMessage:
    texts = ("role", "content", "refusal", "reasoning_content")
    return AnswerMessage(
        tool_calls=_calls(said.get("tool_calls") or ()),
        **{name: said[name] for name in texts if said.get(name) is not None},
    )


def _calls(calls: Iterable[Json]) -> Iterable[ToolCall]:
    for place, call in enumerate(calls):
        # A custom tool has an input of any text in place of arguments. No request of this API has
        # custom tools, but an answer is read as it is.
        custom = call.get("custom") or {}
        called = {"name": custom.get("name"), "arguments": custom.get("input")}
        function = call.get("function") or called
        yield ToolCall(
            index=call.get("index", place),
            id=call.get("id") or "",
            type=call.get("type") or "",
            function=FunctionCall(
                name=function.get("name") or "", arguments=function.get("arguments") or ""
            ),
        )


def _usage(usage: Json) -> Usage:
    return Usage(**_bounded(usage))


def _bounded(counts: Json) -> dict[str, Any]:
    """Keep counts within what the message can hold: an odd one must not cost the whole answer."""
    return {
        name: _bounded(count) if isinstance(count, Mapping) else min(max(0, count), _MOST)
        for name, count in counts.items()
    }
