"""The chat-completions stream, as OpenAI and everybody who imitates it sends it.

A server that was asked for a stream and answers with one whole completion is read as well: that is
a stream of one chunk, whose deltas are called `message`.

**Source.** OpenAI's reference of the chat completion chunk object, Azure's of content filtering,
xAI's and others' streams as observed, read 2026-11-22; the field's reports, read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from omen.core.errors import UpstreamFailure
from omen.core.events import AnswerEnd, AnswerStart, Event, FinishReason, ReasoningDelta, TextDelta
from omen.core.frames import Frame
from omen.providers.chat_completions.content import read_content
from omen.providers.chat_completions.text_template import TextTemplate
from omen.providers.chat_completions.think_tags import ThinkTags
from omen.providers.chat_completions.tool_calls import ToolCallMerger
from omen.providers.chat_completions.usage import ReportedUsage
from omen.providers.shared.error_table import ErrorTable
from omen.providers.shared.failures import classify_frame, truncated
from omen.providers.shared.fees import with_fees_of_chat
from omen.providers.shared.finish import finish_with_calls, read_finish
from omen.providers.shared.json import frame_object, text_of

_SHOWN_AT_START = ("system_fingerprint", "service_tier")
_BESIDE_THE_ANSWER = ("citations", "search_results", "related_questions")
"""What Perplexity writes beside `choices`, whole in every chunk that has it."""

_BESIDE = frozenset(_BESIDE_THE_ANSWER)
_ONLY_TEXT = frozenset({"role", "content"})


class ChatDecoder:
    """Turns the frames of one chat-completions stream into events. One per answer.

    A chunk that has nothing we read (Azure's filter annotations, pings, padding) gives nothing.
    Only `[DONE]` or the end of the bytes ends the answer: some servers write a finish reason into
    every chunk, and what follows one belongs to the answer. The last usage counts.

    `done_is_enough`: an answer without any finish reason is whole if `[DONE]` ends it. `tools` are
    the names of the request's tools.
    """

    __slots__ = (
        "_beside",
        "_done_is_enough",
        "_ended",
        "_errors",
        "_finish",
        "_has_annotations",
        "_said_something",
        "_started",
        "_stop_sequence",
        "_template",
        "_think_tags",
        "_tier",
        "_tools",
        "_usage",
    )

    def __init__(
        self,
        errors: ErrorTable,
        *,
        think_tags: bool | Literal["opened"] = False,
        done_is_enough: bool = False,
        tools: Collection[str] = (),
    ) -> None:
        self._errors = errors
        self._think_tags = ThinkTags(opened=think_tags == "opened") if think_tags else None
        self._done_is_enough = done_is_enough
        self._tools = ToolCallMerger(tools)
        self._started = False
        self._said_something = False
        self._finish: FinishReason | None = None
        self._stop_sequence: str | None = None
        self._usage = ReportedUsage()
        self._beside: dict[str, Any] = {}
        self._has_annotations = False
        self._tier: object = None
        self._ended = False
        self._template = TextTemplate()

    @property
    def is_working(self) -> bool | None:
        """Whether a call has begun of which no event has told yet; else None: the events tell."""
        return self._tools.holds_back or None

    @property
    def owes_only_its_end(self) -> bool:
        """Whether finish and usage have come, so that hardly anything can follow but the end."""
        return self._finish is not None and self._usage.is_known

    def feed(self, frame: Frame) -> Sequence[Event]:
        """Translate one chunk."""
        if self._ended:
            return ()
        # Nearly every frame of nearly every answer.
        if not frame.event and (text := self._template.read(frame.data)):
            return (TextDelta(text),)
        return self._feed_in_full(frame)

    def feed_run(self, frames: Sequence[Frame]) -> Sequence[Event]:
        """Translate the first frames, as long as each is one text; see `RunDecoder`."""
        if self._ended or any([frame.event for frame in frames]):
            return ()
        return list(map(TextDelta, self._template.read_run([frame.data for frame in frames])))

    def _feed_in_full(self, frame: Frame) -> Sequence[Event]:
        if frame.data.lstrip().startswith(b"[DONE]"):
            if self._finish is None and self._done_is_enough and self._said_something:
                self._finish = "stop"
            return self.end()
        chunk = frame_object(frame)
        if chunk.get("error") or frame.event == "error" or chunk.get("object") == "error":
            raise self._failure(chunk)
        events = self._read_chunk(chunk)
        if len(events) == 1 and not frame.event and (text := self._only_text(chunk, events[0])):
            self._template.learn(frame.data, text)
        return events

    def _only_text(self, chunk: dict[str, Any], event: Event) -> str:
        """Return the text of a frame that would mean the same with another text; else "".

        What else a chunk may say (a finish, usage, a tier) holds for the whole answer, and to be
        told it once more changes nothing.
        """
        if type(event) is not TextDelta or event.extras or self._think_tags is not None:
            return ""
        first, *others = chunk["choices"]
        delta = first.get("delta")
        is_there = delta and delta.get("content") == event.text and not others
        return event.text if is_there and delta.keys() <= _ONLY_TEXT else ""

    def _read_chunk(self, chunk: dict[str, Any]) -> Sequence[Event]:
        events: list[Event] = []
        choices = chunk.get("choices")
        if not self._started and (choices or chunk.get("model")):
            events.append(self._start(chunk))
        for choice in choices if isinstance(choices, list) else ():
            # We never ask for more than one; index may be missing.
            if isinstance(choice, dict) and not choice.get("index"):
                self._read_choice(choice, events)
        if usage := chunk.get("usage"):
            self._usage.update(usage)
        self._tier = chunk.get("service_tier") or self._tier
        if not _BESIDE.isdisjoint(chunk):
            self._beside |= {name: chunk[name] for name in _BESIDE_THE_ANSWER if chunk.get(name)}
        return events

    def end(self) -> Sequence[Event]:
        """Return what the end of the answer owes: calls without arguments, and `AnswerEnd`."""
        if self._ended:
            return ()
        if self._finish is None:
            raise truncated()
        self._ended = True
        events: list[Event] = []
        if self._think_tags is not None:
            events.extend(self._think_tags.give_up())
        events.extend(self._tools.finish())
        return [*events, self._answer_end(self._finish)]

    def _start(self, chunk: dict[str, Any]) -> AnswerStart:
        self._started = True
        extras = {name: chunk[name] for name in _SHOWN_AT_START if chunk.get(name)}
        return AnswerStart(model=text_of(chunk.get("model")) or None, extras=extras)

    def _read_choice(self, choice: dict[str, Any], events: list[Event]) -> None:
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            begun = len(events)
            self._has_annotations = self._has_annotations or bool(delta.get("annotations"))
            self._read_delta(delta, choice.get("logprobs"), events)
            self._said_something = self._said_something or len(events) > begun
        # Kimi reports here and nowhere else.
        if usage := choice.get("usage"):
            self._usage.update(usage)
        reason = choice.get("finish_reason")
        if reason == "error":
            raise self._failure(choice)
        self._finish = read_finish(reason) or self._finish
        # vLLM's and SGLang's names; a number is a token's, and no text.
        matched = choice.get("stop_reason", choice.get("matched_stop"))
        if isinstance(matched, str):
            self._stop_sequence = matched

    def _read_delta(
        self, delta: dict[str, Any], logprobs: dict[str, Any] | None, events: list[Event]
    ) -> None:
        if logprobs is None and self._think_tags is None and delta.keys() <= _ONLY_TEXT:
            # Nearly every delta of nearly every answer.
            content = delta.get("content")
            if isinstance(content, str):
                if content:
                    events.append(TextDelta(content))
                return
        said = list(read_content(delta))
        if logprobs and not any(isinstance(one, TextDelta) for one in said):
            said.append(TextDelta(""))
        for one in said:
            if isinstance(one, TextDelta):
                events.extend(self._with_logprobs(one, logprobs))
            else:
                events.extend([*self._no_more_tags(one), one])
        if calls := delta.get("tool_calls") or _as_calls(delta.get("function_call")):
            events.extend([*self._no_more_tags(), *self._tools.feed(calls)])

    def _no_more_tags(self, before: Event | None = None) -> Iterable[Event]:
        """Return the text that waited for a tag, as something else comes now."""
        if self._think_tags is None or isinstance(before, ReasoningDelta):
            return ()
        return self._think_tags.give_up()

    def _with_logprobs(
        self, delta: TextDelta, logprobs: dict[str, Any] | None
    ) -> Iterable[TextDelta | ReasoningDelta]:
        extras = {"logprobs": logprobs} if logprobs else {}
        if self._think_tags is None:
            return (replace(delta, extras=extras),) if extras else (delta,)
        return _only_text_has(extras, self._think_tags.feed(delta.text))

    def _failure(self, value: dict[str, Any]) -> UpstreamFailure:
        return classify_frame(self._errors, value)

    def _answer_end(self, finish: FinishReason) -> AnswerEnd:
        searched = self._has_annotations or bool(self._beside)
        matched = self._stop_sequence if finish == "stop" else None
        return AnswerEnd(
            finish_with_calls(finish, called=self._tools.has_calls),
            with_fees_of_chat(self._usage.total(), searched=searched, tier=self._tier),
            meant=matched is not None,
            stop_sequence=matched,
            extras=self._beside,
        )


def _as_calls(function_call: object) -> list[dict[str, Any]]:
    """Read the one call of OpenAI's former API, which has neither a number nor an id."""
    return [{"index": 0, "function": function_call}] if isinstance(function_call, dict) else []


def _only_text_has(
    extras: Mapping[str, Any], deltas: Iterable[TextDelta | ReasoningDelta]
) -> Iterator[TextDelta | ReasoningDelta]:
    """Give text the logprobs of its chunk.

    Reasoning and tags have no place for theirs, and a piece that waited for the next has lost them.
    """
    for delta in deltas:
        yield replace(delta, extras=extras) if extras and isinstance(delta, TextDelta) else delta
