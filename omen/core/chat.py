"""A chat request: messages, tools and sampling. Frozen, and independent of any provider.

Front ends write these values and providers read them. This module must not know front ends,
providers or wire formats. It takes from the OpenAI schema only the set of fields, because every
client uses that set. Data without a field of its own travels in `extras` (the unknown keys of an
object) or as an `Opaque` (a whole object of unknown kind) to the providers that understand it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from omen.core.sizes import PromptSize

Role = Literal["system", "developer", "user", "assistant", "tool"]
Extras = Mapping[str, Any]
SHOWN_NEXT = "The result is what the next message shows."
"""The text of a tool's result without text, where its pictures and files follow in a message."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """An object of a kind that the vocabulary lacks, as the client sent it.

    It is in the wire format of `dialect`. Only an upstream of that dialect can receive it.
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
    """A document: `url` is http(s) or a `data:` URL, `name` is the client's name for it."""

    url: str
    name: str | None = None
    extras: Extras = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusalPart:
    """The text of an assistant's refusal. A wire format without refusals carries it as text."""

    text: str
    extras: Extras = field(default_factory=dict)


Part = TextPart | ImagePart | FilePart | RefusalPart | Opaque


@dataclass(frozen=True, slots=True)
class ReasoningBlock:
    """A reasoning block that must go back to its own kind of provider unchanged.

    It precedes the tool calls that followed from it. No other kind of provider understands it.
    `kind` is the kind of provider and `model` is the model that produced it; `value` is its wire
    object.
    """

    kind: str
    model: str
    value: Mapping[str, Any] = field(repr=False)
    before: str | None = field(default=None, compare=False)
    """The id of the call that it directly preceded; empty: it preceded text. None: unknown."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the assistant. `arguments` is the JSON text exactly as it was generated."""

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

    `single_text` records that the client sent a plain string, so that the upstream gets a plain
    string as well.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    is_error: bool = False
    """Whether this is a tool result that reports a failed call."""
    reasoning: tuple[ReasoningBlock, ...] = ()
    """The reasoning blocks at the start of an assistant's turn, in the order of arrival."""
    single_text: bool = True
    extras: Extras = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Texts and refusals, joined without a separator; other parts are left out."""
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
    """The request as the client wrote it, for an upstream of the same dialect.

    `dialect` is the kind of provider (`anthropic`). `body` lacks OMEN's own fields. `headers` holds
    the headers of the dialect (`anthropic-beta`), in lower case.
    """

    dialect: str
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat request, as every provider's `encode` takes it.

    None (or empty) always means that the client did not set the field; this module fills in no
    defaults. The model, and whether the client wants a stream, are not part of this value.
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
    """The dialect of the extras; None: OpenAI's. Extras of another dialect are not passed on to
    upstreams of OpenAI's dialect, which would reject them."""
    is_heavy: bool = field(default=False, compare=False)
    """Whether it is so large that what reads or writes the whole of it leaves the loop."""
    size: PromptSize | None = field(default=None, compare=False, repr=False)
    """The size of the prompt with the messages in `sized`; see `omen.core.prompt_size`."""
    sized: tuple[Message, ...] = field(default=(), compare=False, repr=False)


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
