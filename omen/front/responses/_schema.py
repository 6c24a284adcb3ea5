"""The Responses request as it comes in: what is checked, and which field is named."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, WithJsonSchema

from omen.front.http.hints_schema import HintsIn, TagsIn
from omen.front.http.schema_reader import From1, UpTo20
from omen.front.responses._item_schema import ItemIn, shape_of
from omen.front.responses._setting_schema import ReasoningIn, TextIn
from omen.front.responses._tool_schema import AnyToolIn, ChoiceIn, Open

InputIn = Annotated[
    Annotated[str, Field(min_length=1), Tag("<text>")]
    | Annotated[list[ItemIn], Field(min_length=1), Tag("<object>")],
    Discriminator(shape_of),
]


class ResponsesIn(Open):
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
            Discriminator(shape_of),
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
