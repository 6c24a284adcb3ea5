"""OpenAI's legacy completions, on top of chat: the prompt is what the user says.

**Source.** OpenAI's reference of POST /v1/completions, read 2026-11-22.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)
from pydantic_core import to_json

from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import RequestError
from omen.core.events import AnswerEnd, AnswerStart, Event, Restart, TextDelta, Usage
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.front.http.dialect import ParsedRequest
from omen.front.http.hints import read_hints, reject_unsupported
from omen.front.http.hints_schema import HintsIn, TagsIn
from omen.front.http.race_report import explain, routing_metadata
from omen.front.http.schema_reader import From1, Whole, read_body
from omen.front.http.stream_lines import data_event
from omen.front.openai.api import OpenAIErrors, model_name
from omen.front.openai.schema import STREAM_OPTIONS, StopIn, StreamOptionsIn
from omen.front.openai.write import DONE, usage_object

_UNSERVED = {"suffix": "", "logprobs": None, "best_of": 1, "echo": False}
"""What a chat model cannot do, and the value with which it is not asked for."""


_TEXT = {"type": "string", "minLength": 1}
_ONE_TEXT = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 1}]}
PromptIn = Annotated[
    # What is not one text is refused, by a message of its own.
    Annotated[str, Tag("<text>")] | Annotated[list[Any], Tag("<object>")],
    Discriminator(lambda value: "<text>" if isinstance(value, str) else "<object>"),
]


class CompletionIn(BaseModel):
    """The body of the request."""

    model_config = ConfigDict(
        extra="allow", strict=True, allow_inf_nan=False, json_schema_extra=STREAM_OPTIONS
    )

    model: str = Field(min_length=1)
    prompt: Annotated[PromptIn, WithJsonSchema(_ONE_TEXT)]
    max_tokens: From1 | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    stop: StopIn | None = None
    seed: Whole | None = None
    user: str | None = None
    suffix: Annotated[str, WithJsonSchema({"const": ""})] | None = None
    logprobs: Annotated[Any, WithJsonSchema({"type": "null"})] = None
    best_of: Annotated[Whole, WithJsonSchema({"const": 1})] | None = None
    echo: Annotated[bool, WithJsonSchema({"const": False})] | None = None
    n: Annotated[Whole, WithJsonSchema({"const": 1})] | None = None
    stream: bool | None = None
    stream_options: StreamOptionsIn | None = None
    omen: HintsIn | None = None
    tags: TagsIn | None = None


class Completions(OpenAIErrors):
    """`POST /v1/completions`: an answer that is text alone."""

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
        """Read a request. **Raises.** `RequestError` (400), naming the field."""
        said = read_body(CompletionIn, body)
        _check(said)
        stop = (said.stop,) if isinstance(said.stop, str) else tuple(said.stop or ())
        request = ChatRequest(
            messages=(Message("user", (TextPart(_prompt(said)),)),),
            max_tokens=said.max_tokens,
            temperature=said.temperature,
            top_p=said.top_p,
            presence_penalty=said.presence_penalty,
            frequency_penalty=said.frequency_penalty,
            stop=stop,
            seed=said.seed,
            user=said.user,
        )
        hints = read_hints(said.omen, said.tags, headers)
        reject_unsupported(hints, restart=True)
        return ParsedRequest(
            request,
            said.model,
            hints,
            stream=bool(said.stream),
            include_usage=bool(said.stream_options and said.stream_options.include_usage),
        )

    def writer(self, race: RaceRecord, asked: ParsedRequest) -> TextWriter:
        """Begin a stream of text."""
        return TextWriter(_base(race), asked.include_usage)

    def collector(self, asked: ParsedRequest) -> TextCollector:
        """Begin a whole text."""
        return TextCollector(asked.hints)


class TextWriter:
    """Writes one streamed answer; reasoning and what else is not its text has no place in it."""

    def __init__(self, base: dict[str, Any], include_usage: bool) -> None:
        self._base = base
        self._include_usage = include_usage

    def write(self, events: Sequence[Event], omen: Mapping[str, Any] | None = None) -> bytes:
        """Write the events that arrived together."""
        return b"".join(self._write_one(event, omen) for event in events)

    def _write_one(self, event: Event, omen: Mapping[str, Any] | None) -> bytes:
        match event:
            case AnswerStart(model=model):
                self._base["model"] = model or self._base["model"]
            case Restart():
                return self._chunk({"choices": [], "omen": {"event": "restart"}})
            case TextDelta(text=text):
                return self._chunk({"choices": [_choice(text, None)]})
            case AnswerEnd(reason=reason, usage=usage):
                chunks: list[dict[str, Any]] = [{"choices": [_choice("", reason)]}]
                if self._include_usage and usage is not None:
                    chunks.append({"choices": [], "usage": usage_object(usage)})
                if omen is not None:
                    chunks[-1]["omen"] = omen
                return b"".join(map(self._chunk, chunks)) + DONE
        return b""

    def _chunk(self, rest: Mapping[str, Any]) -> bytes:
        return data_event(to_json({**self._base, **rest}))


class TextCollector:
    """Adds one answer's text up."""

    def __init__(self, hints: RaceHints) -> None:
        self._hints = hints
        self._text: list[str] = []
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._model: str | None = None

    async def send(self, events: Sequence[Event]) -> None:
        """Take the next events."""
        for event in events:
            match event:
                case Restart():
                    self._text.clear()
                case AnswerStart(model=model):
                    self._model = model
                case TextDelta(text=text):
                    self._text.append(text)
                case AnswerEnd(reason=reason, usage=usage):
                    self._reason, self._usage = reason, usage

    def body(self, race: RaceRecord) -> Mapping[str, Any]:
        """Give the `text_completion` object."""
        body = _base(race)
        body["model"] = self._model or body["model"]
        body["choices"] = [_choice("".join(self._text), self._reason)]
        if self._usage is not None:
            body["usage"] = usage_object(self._usage)
        if self._hints.explain:
            body["omen"] = explain(race)
        if self._hints.tags is not None:
            body["routing_metadata"] = routing_metadata(race)
        return body


def _check(said: CompletionIn) -> None:
    if said.n not in (None, 1):
        raise RequestError("n: only 1 is supported", param="n")
    if said.stream_options is not None and not said.stream:
        raise RequestError("stream_options: needs stream to be true", param="stream_options")
    for name, nothing in _UNSERVED.items():
        value = getattr(said, name)
        if value is not None and value != nothing:
            raise RequestError(f"{name}: is not available, a chat model answers", param=name)


def _prompt(said: CompletionIn) -> str:
    match said.prompt:
        case str(text) | [str(text)]:
            if text:
                return text
    raise RequestError("prompt: must be one text that is not empty", param="prompt")


def _base(race: RaceRecord) -> dict[str, Any]:
    return {
        "id": f"cmpl-{race.race_id}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model_name(race),
    }


def _choice(text: str, reason: str | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
