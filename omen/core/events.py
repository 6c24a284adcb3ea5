"""What comes back: an answer as a sequence of events, belonging to no provider.

**Shape.** `AnswerStart` at most once and first, then deltas in the order they were generated,
then `AnswerEnd` exactly once and last. A stream without `AnswerEnd` is truncated, and whoever
reads it says so with an error, never with an end. Events that arrived together in one read of the
socket travel together, as a sequence, all the way to the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from omen.core.chat import ReasoningBlock

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
Extras = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider reported them, brought to OpenAI's meaning.

    `prompt_tokens` includes what was read from and written to a cache, `completion_tokens`
    includes reasoning. The details are the named parts of each (`cached_tokens`,
    `cache_write_tokens`; `reasoning_tokens`), only those that were reported.
    """

    prompt_tokens: int
    completion_tokens: int
    prompt_details: Mapping[str, int] = field(default_factory=dict)
    completion_details: Mapping[str, int] = field(default_factory=dict)
    extras: Extras = field(default_factory=dict)
    cache_write_1h_tokens: int = 0
    """Of the `cache_write_tokens`, those that are kept for an hour."""
    billed_usd: Decimal | None = None
    """The bill itself, from the few providers that send one."""

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class AnswerStart:
    """The upstream began a message. Says nothing about whether anything useful will follow.

    `extras` holds what OpenAI clients may want to see of it (`system_fingerprint`,
    `service_tier`).
    """

    model: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the visible answer. `extras`: `logprobs`, as OpenAI shapes them."""

    text: str
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's visible reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """A piece of a refusal, where the provider keeps refusals apart from text."""

    text: str


@dataclass(frozen=True, slots=True)
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
    """A stretch of reasoning is complete. `block` is what has to come back with its tool calls."""

    block: ReasoningBlock


@dataclass(frozen=True, slots=True)
class WireEvent:
    """An upstream's own words, for a client of its own dialect, who loses nothing that way.

    It stands before the events that say the same to everybody else, in the order of the stream.
    `dialect` is the kind of provider, `name` the event's name and `data` its JSON, as it came.
    Only an answer to a `Verbatim` request of that dialect has any.
    """

    dialect: str
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ChoiceSwitch:
    """What follows, in the same piece, belongs to this choice of an answer that has several.

    `index` is dense from 0 in the order in which choices begin.
    """

    index: int


@dataclass(frozen=True, slots=True)
class ChoiceEnd:
    """The choice that was switched to last is complete; the answer is, with its `AnswerEnd`."""

    reason: FinishReason


@dataclass(frozen=True, slots=True)
class Restart:
    """What was sent so far is void: its stream died, and another answer begins from the start."""


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The answer is complete. `usage` is None when the provider did not report any.

    `meant` says that an answer with nothing visible is an answer all the same: the turn was
    paused, a stop sequence matched at once, or after a tool's result there was nothing to add.
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


def is_generated(event: Event) -> bool:
    """Whether the model produced a token here: the only thing that satisfies a token timeout.

    Text counts when it is more than whitespace; role, usage and empty fragments never do.
    """
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
            return not text.isspace() and text != ""
        case ToolCallDelta(name=name, arguments=arguments):
            return bool(name or arguments)
        case _:
            return False
