"""The Responses request as it comes in: what is checked, and which field is named."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from omen.front.http.hints_schema import HintsIn, TagsIn
from omen.front.http.schema_reader import From1, UpTo20

CALLS = ("function_call", "custom_tool_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


_COMPLETE_PARTS: list[Any] = [
    {"properties": {"type": {"enum": kinds}, needed: {"type": "string"}}, "required": [needed]}
    for kinds, needed in (
        (["input_text", "output_text", "text"], "text"),
        (["refusal"], "refusal"),
        (["input_image"], "image_url"),
        (["input_file"], "file_data"),
        (["input_file"], "file_url"),
        (["input_file"], "file_id"),
    )
]
"""What a part of each type has to have, for those who read the schema."""


class PartIn(_Open):
    """One part of what is said: text, a picture, a file, a refusal."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _COMPLETE_PARTS})

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


def _shape_of(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<object>"


ContentIn = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[PartIn], Tag("<object>")],
    Discriminator(_shape_of),
]


class MessageIn(_Open):
    """`message`, whose type may be left out."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: ContentIn


class FunctionCallIn(_Open):
    """`function_call`."""

    type: Literal["function_call"]
    call_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    namespace: str | None = None
    arguments: str


class CustomCallIn(_Open):
    """`custom_tool_call`: its input is any text."""

    type: Literal["custom_tool_call"]
    call_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    namespace: str | None = None
    input: str


class OutputIn(_Open):
    """What a call of either kind came to."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: str = Field(min_length=1)
    output: ContentIn


RECORDS = frozenset(
    {
        "reasoning",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_list_tools",
        "mcp_call",
    }
)
"""Items by which a vendor records what it did itself. Reasoning that has to come back with a call
is remembered here, by the call's id."""


class OtherItemIn(_Open):
    """An item of another type."""

    type: Annotated[str, WithJsonSchema({"enum": sorted(RECORDS)})]


def _item_type(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if kind is None and isinstance(value, dict) and "role" in value:
        return "<message>"
    if kind in OUTPUTS:
        return "<output>"
    return f"<{kind}>" if kind in ("message", *CALLS) else "<other>"


ItemIn = Annotated[
    Annotated[MessageIn, Tag("<message>")]
    | Annotated[FunctionCallIn, Tag("<function_call>")]
    | Annotated[CustomCallIn, Tag("<custom_tool_call>")]
    | Annotated[OutputIn, Tag("<output>")]
    | Annotated[OtherItemIn, Tag("<other>")],
    Discriminator(_item_type),
]
InputIn = Annotated[
    Annotated[str, Field(min_length=1), Tag("<text>")]
    | Annotated[list[ItemIn], Field(min_length=1), Tag("<object>")],
    Discriminator(_shape_of),
]


class ToolIn(_Open):
    """A tool: the caller's own function or custom one, or by its type one that a vendor runs."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    format: dict[str, Any] | None = None


class NamespaceIn(_Open):
    """Tools of the caller's own, under a name in common."""

    type: Literal["namespace"]
    name: str = Field(min_length=1)
    description: str | None = None
    tools: list[ToolIn]


def _tool_of(value: Any) -> str:
    # A model where it is written again, as what comes back with the answer.
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "<namespace>" if kind == "namespace" else "<tool>"


AnyToolIn = Annotated[
    Annotated[ToolIn, Tag("<tool>")] | Annotated[NamespaceIn, Tag("<namespace>")],
    Discriminator(_tool_of),
]


class ChoiceIn(_Open):
    """Which tool is to be called, where it is more than a word."""

    type: str
    name: str | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: list[dict[str, Any]] = Field(default_factory=list)


class ReasoningIn(_Open):
    """How much to think."""

    effort: str | None = None
    summary: str | None = None


class FormatIn(_Open):
    """The shape the answer must have."""

    type: Literal["text", "json_object", "json_schema"]
    name: str = "answer"
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None
    description: str | None = None


class TextIn(_Open):
    """What the answer's text is to be like."""

    format: FormatIn | None = None
    verbosity: str | None = None


class ResponsesIn(_Open):
    """The body of `POST /v1/responses`."""

    model: str = Field(min_length=1)
    input: InputIn
    instructions: str | None = None
    stream: bool | None = None
    tools: list[AnyToolIn] | None = None
    tool_choice: (
        Annotated[
            Annotated[Literal["none", "auto", "required"], Tag("<text>")]
            | Annotated[ChoiceIn, Tag("<object>")],
            Discriminator(_shape_of),
        ]
        | None
    ) = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningIn | None = None
    text: TextIn | None = None
    max_output_tokens: From1 | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_logprobs: UpTo20 | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    previous_response_id: Annotated[str, WithJsonSchema({"const": ""})] | None = None
    conversation: Annotated[Any, WithJsonSchema({"type": "null"})] = None
    prompt: Annotated[Any, WithJsonSchema({"type": "null"})] = None
    background: Annotated[bool, WithJsonSchema({"const": False})] | None = None
    omen: HintsIn | None = None
    tags: TagsIn | None = None
