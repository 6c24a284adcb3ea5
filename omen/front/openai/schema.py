"""The OpenAI chat request as it comes in: what is checked, and which field is named when it fails.

Types are strict ("2" is not 2) and unknown keys are kept, because they belong to providers that
understand them. Unions are told apart by the shape of the value, and their tags are written in
angle brackets so that they can be taken out of an error's path again.

**Source.** OpenAI API reference, chat completions, read 2026-11-22.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)

from omen.front.http.hints_schema import HintsIn, TagsIn
from omen.front.http.schema_reader import From1, UpTo20, Whole


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


_KNOWN_TYPES = ("text", "image_url", "function")


class TextPartIn(_Open):
    """`{"type": "text"}`."""

    type: Literal["text"]
    text: str


class ImageURLIn(_Open):
    """What an image part points at."""

    url: str
    detail: str | None = None


class ImagePartIn(_Open):
    """`{"type": "image_url"}`."""

    type: Literal["image_url"]
    image_url: ImageURLIn


class OtherIn(_Open):
    """An object of a type the vocabulary has no word for; it only has to say its type."""

    type: Annotated[str, WithJsonSchema({"type": "string", "not": {"enum": [*_KNOWN_TYPES]}})]


def _type_of(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{kind}>" if kind in _KNOWN_TYPES else "<other>"


def _shape_of(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<object>"


PartIn = Annotated[
    Annotated[TextPartIn, Tag("<text>")]
    | Annotated[ImagePartIn, Tag("<image_url>")]
    | Annotated[OtherIn, Tag("<other>")],
    Discriminator(lambda part: _type_of(part).replace("<function>", "<other>")),
]
ContentIn = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[PartIn], Tag("<object>")],
    Discriminator(_shape_of),
]


_HAS_CONTENT: dict[str, Any] = {"content": {"type": ["string", "array"]}}
_HAS_CALL_ID: dict[str, Any] = {"tool_call_id": {"type": "string"}}


class CalledFunctionIn(_Open):
    """The function of a tool call."""

    name: str
    arguments: str


class ToolCallIn(_Open):
    """A call that an assistant message made."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunctionIn


class CalledCustomIn(_Open):
    """The custom tool of a tool call: its input is any text."""

    name: str
    input: str


class CustomCallIn(_Open):
    """A call of a custom tool that an assistant message made."""

    id: str
    type: Literal["custom"]
    custom: CalledCustomIn


def _call_type(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "<custom>" if kind == "custom" else "<function>"


AnyCallIn = Annotated[
    Annotated[ToolCallIn, Tag("<function>")] | Annotated[CustomCallIn, Tag("<custom>")],
    Discriminator(_call_type),
]


class MessageIn(_Open):
    """One message of any role."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"role": {"const": "assistant"}}},
                {
                    "properties": {"role": {"const": "tool"}, **_HAS_CONTENT, **_HAS_CALL_ID},
                    "required": ["content", "tool_call_id"],
                },
                {
                    "properties": {
                        "role": {"enum": ["system", "developer", "user"]},
                        **_HAS_CONTENT,
                    },
                    "required": ["content"],
                },
            ]
        }
    )

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: ContentIn | None = None
    tool_calls: list[AnyCallIn] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None


class FunctionIn(_Open):
    """A function the model may call."""

    name: str = Field(min_length=1)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionToolIn(_Open):
    """`{"type": "function"}`."""

    type: Literal["function"]
    function: FunctionIn


ToolIn = Annotated[
    Annotated[FunctionToolIn, Tag("<function>")] | Annotated[OtherIn, Tag("<other>")],
    Discriminator(
        lambda tool: "<function>" if _type_of(tool) == "<function>" else "<other>",
    ),
]
ToolChoiceIn = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("<text>")]
    | Annotated[dict[str, Any], Tag("<object>")],
    Discriminator(_shape_of),
]


class SchemaIn(_Open):
    """The `json_schema` of a response format."""

    name: str = "answer"
    # `schema` is a name pydantic keeps for itself.
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None
    description: str | None = None


class ResponseFormatIn(_Open):
    """The shape the answer must have."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaIn | None = None


class StreamOptionsIn(_Open):
    """What a streaming client wants beside the answer."""

    include_usage: bool | None = None


StopIn = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[str], Tag("<object>")],
    Discriminator(_shape_of),
]
STREAM_OPTIONS: dict[str, Any] = {
    "anyOf": [
        {"properties": {"stream_options": {"type": "null"}}},
        {"properties": {"stream": {"const": True}}, "required": ["stream"]},
    ]
}
"""That options of a stream need one, in the words of JSON Schema."""


class ChatIn(_Open):
    """The body of `POST /v1/chat/completions`."""

    model_config = ConfigDict(json_schema_extra=STREAM_OPTIONS)

    model: str = Field(min_length=1)
    messages: list[MessageIn] = Field(min_length=1)
    tools: list[ToolIn] | None = None
    tool_choice: ToolChoiceIn | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormatIn | None = None
    max_tokens: From1 | None = None
    max_completion_tokens: From1 | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    stop: StopIn | None = None
    seed: Whole | None = None
    logprobs: bool | None = None
    top_logprobs: UpTo20 | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    n: Annotated[Whole, WithJsonSchema({"const": 1})] | None = None
    stream: bool | None = None
    stream_options: StreamOptionsIn | None = None
    omen: HintsIn | None = None
    tags: TagsIn | None = None
