"""What a client asked: messages, tools, sampling. Frozen, and belonging to no provider.

Front ends write these values, providers read them. This module must not know either, nor any
wire format; it follows the OpenAI schema only in what exists, because that is the union that
every client speaks. What has no field of its own travels in `extras` (unknown keys of the object)
or as an `Opaque` (a whole object of unknown kind) to the providers that understand it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]
Extras = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opaque:
    """An object of a kind the vocabulary lacks, as the client sent it, in the words of `dialect`.

    Only an upstream of that dialect can be sent it.
    """

    value: Mapping[str, Any]
    dialect: str = "openai"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text inside a message."""

    text: str
    extras: Extras = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image: `url` is http(s) or a `data:` URL."""

    url: str
    detail: str | None = None
    extras: Extras = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A document: `url` is http(s) or a `data:` URL, `name` what the client calls it."""

    url: str
    name: str | None = None
    extras: Extras = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusalPart:
    """What the assistant said when it refused. Who has no word for that is told it as text."""

    text: str
    extras: Extras = field(default_factory=dict)


Part = TextPart | ImagePart | FilePart | RefusalPart | Opaque


@dataclass(frozen=True, slots=True)
class ReasoningBlock:
    """Reasoning in the form in which its own kind of provider wants it back, unchanged.

    It stands before the tool calls that followed from it, and means nothing to anybody else:
    `kind` is the kind of provider and `model` the model that made it, `value` its wire object.
    """

    kind: str
    model: str
    value: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the assistant made. `arguments` is the JSON text exactly as it was generated."""

    id: str
    name: str
    arguments: str
    extras: Extras = field(default_factory=dict)
    custom: bool = False
    """Whether a custom tool was called: then `arguments` are its input, any text."""


REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""What servers and clients call the visible reasoning of an assistant's message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `parts` is empty for an assistant message that only calls tools.

    `single_text` remembers that the client wrote a plain string, so that it can leave as one.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    is_error: bool = False
    """Whether a tool's result says that the call failed."""
    reasoning: tuple[ReasoningBlock, ...] = ()
    """What an assistant's turn began with, in the order in which it came."""
    single_text: bool = True
    extras: Extras = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Texts and refusals joined with nothing between; other parts are not in it."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart | RefusalPart))

    @property
    def thoughts(self) -> str:
        """The visible reasoning that came back with an assistant's message; empty for none."""
        named = (self.extras.get(name) for name in REASONING_FIELDS)
        return next((text for text in named if isinstance(text, str) and text), "")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call. `parameters` is a JSON schema; None means no parameters."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    extras: Extras = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A tool choice that forces one function."""

    name: str


ToolChoice = Literal["none", "auto", "required"] | NamedTool | Opaque


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The shape the answer must have.

    `schema` is set for `json_schema`, and for a `json_object` whose client gave one beside it, as
    llama.cpp takes it.
    """

    kind: Literal["text", "json_object", "json_schema"]
    name: str = "answer"
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Verbatim:
    """The request as the client wrote it, for an upstream that speaks the same dialect.

    `dialect` is the kind of provider (`anthropic`). `body` is without what is OMEN's own, `headers`
    are those of the dialect (`anthropic-beta`), lower case.
    """

    dialect: str
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question, as any provider's `encode` takes it.

    None (or empty) always means that the client did not say; nothing is filled in here. Which
    model answers, and whether the client wants a stream, are not part of the question.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool | Opaque, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: int | None = None
    token_limit_name: str | None = None
    """What the client called `max_tokens`, if it was another name."""
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    verbatim: Verbatim | None = None
    extras: Extras = field(default_factory=dict)
    extras_dialect: str | None = None
    """In whose words the extras are; None: in OpenAI's. Those of another dialect are not passed on
    to who speaks OpenAI's, and would refuse them."""


def asks_for_reasoning(request: ChatRequest) -> bool:
    """Return whether a request asks for reasoning, in whichever of the usual ways."""
    if request.reasoning_effort is not None:
        return request.reasoning_effort != "none"
    said = request.verbatim.body if request.verbatim is not None else request.extras
    asked = (said.get(name) for name in ("thinking", "reasoning", "think", "enable_thinking"))
    return any(_is_on(value) for value in asked)


def _is_on(value: object) -> bool:
    """Whether a switch in a vendor's words is on: a flag, an effort, or an object with a type."""
    if not isinstance(value, Mapping):
        return value not in (None, False, "none", "disabled")
    off = value.get("type") == "disabled" or value.get("enabled") is False
    return not off and value.get("effort") != "none"
