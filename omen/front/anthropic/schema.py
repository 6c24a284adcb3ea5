"""The Messages request as it comes in: what is checked, and which field is named when it fails.

Types are strict and unknown fields are taken without complaint: Claude Code sends betas that are
newer than this file, and to an Anthropic upstream they go as they came.

**Source.** docs.anthropic.com/en/api/messages, read 2026-11-22.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from omen.front.http.hints_schema import HintsIn, TagsIn
from omen.front.http.schema_reader import From0, Whole

_KNOWN_BLOCKS = ("text", "image", "document", "tool_use", "tool_result")


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class TextIn(_Open):
    """`{"type": "text"}`."""

    type: Literal["text"]
    text: str


class SourceIn(_Open):
    """Where an image or a document is: in the request, on the web, or at the vendor."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class ImageIn(_Open):
    """`{"type": "image"}`."""

    type: Literal["image"]
    source: SourceIn


class DocumentIn(_Open):
    """`{"type": "document"}`."""

    type: Literal["document"]
    source: SourceIn
    title: str | None = None


class ToolUseIn(_Open):
    """A call that the assistant made."""

    type: Literal["tool_use"]
    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    input: dict[str, Any]


class OtherBlockIn(_Open):
    """A block of a type the vocabulary has no word for; it only has to say its type."""

    type: str


def _shape_of(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<object>"


def _block_type(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{kind}>" if kind in _KNOWN_BLOCKS else "<other>"


class ToolResultIn(_Open):
    """What a call came to."""

    type: Literal["tool_result"]
    tool_use_id: str = Field(min_length=1)
    content: ContentIn | None = None
    is_error: bool | None = None


BlockIn = Annotated[
    Annotated[TextIn, Tag("<text>")]
    | Annotated[ImageIn, Tag("<image>")]
    | Annotated[DocumentIn, Tag("<document>")]
    | Annotated[ToolUseIn, Tag("<tool_use>")]
    | Annotated[ToolResultIn, Tag("<tool_result>")]
    | Annotated[OtherBlockIn, Tag("<other>")],
    Discriminator(_block_type),
]
ContentIn = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[BlockIn], Tag("<object>")],
    Discriminator(_shape_of),
]


class TurnIn(_Open):
    """One message."""

    role: Literal["user", "assistant", "system"]
    content: ContentIn


class ToolIn(_Open):
    """A tool: the caller's own, or by its `type` one that the vendor runs."""

    name: str = Field(min_length=1)
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class ChoiceIn(_Open):
    """Which tool may or must be called."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"type": {"enum": ["auto", "any", "none"]}}},
                {"properties": {"name": {"type": "string", "minLength": 1}}, "required": ["name"]},
            ]
        }
    )

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingIn(_Open):
    """Whether and how much the model may think."""

    type: str
    budget_tokens: Whole | None = None


class FormatIn(_Open):
    """The shape the answer must have."""

    type: str
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")


class OutputIn(_Open):
    """`output_config`."""

    effort: str | None = None
    format: FormatIn | None = None


class MetadataIn(_Open):
    """Who asks."""

    user_id: str | None = None


class CountIn(_Open):
    """The body of `POST /v1/messages/count_tokens`, and what a Messages request shares with it."""

    model: str = Field(min_length=1)
    messages: list[TurnIn] = Field(min_length=1)
    system: ContentIn | None = None
    tools: list[ToolIn] | None = None
    tool_choice: ChoiceIn | None = None
    thinking: ThinkingIn | None = None
    output_config: OutputIn | None = None
    omen: HintsIn | None = None
    tags: TagsIn | None = None


class MessagesIn(CountIn):
    """The body of `POST /v1/messages`."""

    max_tokens: From0
    stop_sequences: list[str] | None = None
    metadata: MetadataIn | None = None
    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, ge=0, le=1)
    stream: bool | None = None
