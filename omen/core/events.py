"""An answer as a sequence of events, independent of any provider.

**Shape.** `AnswerStart` at most once and first, then deltas in the order of their generation, then
`AnswerEnd` exactly once and last. A stream without `AnswerEnd` is truncated; its reader reports
that with an error and never adds an end. Events that arrive together in one read of the socket stay
together, as one sequence, until they are written to the client.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from omen.core.chat import ReasoningBlock
from omen.core.values import value

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
Extras = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """The provider's token counts, converted to OpenAI's definitions.

    `prompt_tokens` includes the tokens read from and written to a cache. `completion_tokens`
    includes reasoning. The details are the named parts of each (`cached_tokens`,
    `cache_write_tokens`; `reasoning_tokens`); they hold only the parts that the provider reported.
    """

    prompt_tokens: int
    completion_tokens: int
    prompt_details: Mapping[str, int] = field(default_factory=dict)
    completion_details: Mapping[str, int] = field(default_factory=dict)
    extras: Extras = field(default_factory=dict)
    cache_write_1h_tokens: int = 0
    """The part of `cache_write_tokens` that the cache keeps for an hour."""
    billed_usd: Decimal | None = None
    """The bill in US dollars, from the few providers that send one."""
    fees_usd: Decimal = Decimal(0)
    """Fees beside the tokens, of tools that the provider ran, in US dollars."""
    certainty: Literal["exact", "estimated", "at_least"] = "exact"
    """How well tokens at the listed price and fees tell the bill. `estimated`: the answer was
    served at another tier than the listed one. `at_least`: it had fees that are not known."""

    @property
    def total_tokens(self) -> int:
        """The sum of prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class AnswerStart:
    """The upstream began a message. It is no evidence that useful events will follow.

    `extras` holds fields of it for OpenAI's clients (`system_fingerprint`, `service_tier`).
    """

    model: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


@value
class TextDelta:
    """A piece of the visible answer. `extras`: `logprobs`, in OpenAI's format."""

    text: str
    extras: Mapping[str, Any] = field(default_factory=dict)


@value
class ReasoningDelta:
    """A piece of the model's visible reasoning."""

    text: str


@value
class RefusalDelta:
    """A piece of a refusal, from a provider that separates refusals from text."""

    text: str


@value
class ToolCallDelta:
    """A fragment of a tool call.

    `index` is dense from 0 in order of appearance. The first fragment of an index carries `id`
    and `name`, later ones only `arguments` (JSON text, cut anywhere) and `extras`.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    custom: bool = False
    """Whether a custom tool is called, whose input is free text: then `arguments` are that text."""
    extras: Extras = field(default_factory=dict)
    """Fields of the call that its vendor wants back with it, unchanged (Gemini's `extra_content`
    with a thought signature)."""


@dataclass(frozen=True, slots=True)
class MessageFields:
    """Further fields of the assistant's message, in OpenAI's words and shapes.

    `annotations` (citations), `images`, `reasoning_details`. Each is a list; the lists of one
    answer are joined in the order in which they came.
    """

    fields: Extras


@dataclass(frozen=True, slots=True)
class ReasoningEnd:
    """A block of reasoning is complete. `block` must go back to the provider with its calls."""

    block: ReasoningBlock


@dataclass(frozen=True, slots=True)
class WireEvent:
    """An upstream's event, unchanged, for a client of the same dialect: nothing is lost.

    It precedes the events with the same content for all other consumers, in the order of the
    stream. `dialect` is the kind of provider, `name` the event's name, `data` its JSON as received.
    Only the answer to a `Verbatim` request of that dialect contains wire events.
    """

    dialect: str
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ChoiceSwitch:
    """The events that follow in the same batch belong to this choice of an answer with several.

    `index` is dense from 0 in the order in which choices begin.
    """

    index: int


@dataclass(frozen=True, slots=True)
class ChoiceEnd:
    """The choice of the latest `ChoiceSwitch` is complete. Only `AnswerEnd` ends the answer."""

    reason: FinishReason


@dataclass(frozen=True, slots=True)
class Restart:
    """All earlier events are void: their stream broke, and another answer begins from its start."""


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The answer is complete. `usage` is None when the provider reported none.

    `meant`: the answer counts as complete even without visible content: the turn was paused, a stop
    sequence matched at once, or there was nothing to add to a tool's result.
    """

    reason: FinishReason
    usage: Usage | None = None
    meant: bool = False
    stop_sequence: str | None = None
    """The stop sequence that ended the answer, where the provider names it."""
    extras: Extras = field(default_factory=dict)
    """What the provider wrote beside the answer and OpenAI's schema has no field for (Perplexity's
    `citations` and `search_results`). Shown to callers that ask for it."""


Delta = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta
Event = (
    AnswerStart
    | Delta
    | MessageFields
    | ReasoningEnd
    | WireEvent
    | ChoiceSwitch
    | ChoiceEnd
    | Restart
    | AnswerEnd
)


def event_size(event: Event) -> int:
    """Return the length of an event's text: characters, or bytes of an upstream's own event."""
    if type(event) is TextDelta:  # nearly every event of nearly every answer
        return len(event.text)
    match event:
        case ReasoningDelta(text=text) | RefusalDelta(text=text):
            return len(text)
        case ToolCallDelta(arguments=arguments):
            return len(arguments)
        case WireEvent(data=data):
            return len(data)
    return 0


def total_size(events: Collection[Event]) -> int:
    """Return the sum of the sizes of events."""
    # Without a call for each text: some four parts of the gateway want the sum of each batch.
    return sum([len(e.text) if type(e) is TextDelta else event_size(e) for e in events])


def is_generated(event: Event) -> bool:
    """Return whether the event holds a generated token; only such events reset a token timeout.

    Text counts if it is more than whitespace. A role, usage and empty fragments never count.
    """
    if type(event) is TextDelta:  # nearly every event of nearly every answer
        return event.text != "" and not event.text.isspace()
    match event:
        case ReasoningDelta(text=text) | RefusalDelta(text=text):
            return not text.isspace() and text != ""
        case ToolCallDelta(name=name, arguments=arguments):
            return bool(name or arguments)
        case _:
            return False
