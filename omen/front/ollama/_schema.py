"""Requests of Ollama's API as they come in: what is checked, and which field is named.

`null` stands for a field that is not there, in every optional field: Ollama's server is written in
Go, whose JSON decoder reads it so.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from omen.front.http.hints_schema import HintsIn, TagsIn
from omen.front.http.schema_reader import From1, UpTo20, Whole
from omen.front.openai.schema import FunctionToolIn, StopIn


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


_BASE64 = (
    r"^(?:[A-Za-z0-9+/]{4}[\r\n]*)*"
    r"(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?[\r\n]*$"
)
"""Lines are what some encoders make; Go, in which Ollama's server is written, reads over them."""


def _a_picture(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Say in words what a pattern would say in signs."""
    try:
        return check(value)
    except ValidationError:
        raise PydanticCustomError("base64", "must be a picture in base64") from None


PictureIn = Annotated[str, Field(min_length=4, pattern=_BASE64), WrapValidator(_a_picture)]


class OptionsIn(_Open):
    """`options`: those that other providers have, too; the rest goes to Ollama as it came."""

    num_predict: Whole | None = None
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: Whole | None = None
    seed: Whole | None = None
    stop: StopIn | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class CalledIn(_Open):
    """The function of a call: its arguments are an object here."""

    name: str = Field(min_length=1)
    arguments: dict[str, Any] | None = None


class CallIn(_Open):
    """A call that an assistant's message made. Many clients know no ids."""

    id: str | None = None
    function: CalledIn


class MessageIn(_Open):
    """One message of any role."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[PictureIn] | None = None
    tool_calls: list[CallIn] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


def _format_of(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<schema>"


FormatIn = Annotated[
    Annotated[Literal["", "json"], Tag("<text>")] | Annotated[dict[str, Any], Tag("<schema>")],
    Discriminator(_format_of),
]
ThinkIn = Annotated[
    Annotated[bool, Tag("<flag>")]
    | Annotated[Literal["low", "medium", "high", "max"], Tag("<text>")],
    Discriminator(lambda value: "<text>" if isinstance(value, str) else "<flag>"),
]


class AskIn(_Open):
    """What `/api/chat` and `/api/generate` have in common."""

    model: str = Field(min_length=1)
    stream: bool | None = None
    format: FormatIn | None = None
    options: OptionsIn | None = None
    think: ThinkIn | None = None
    keep_alive: Any = None
    logprobs: bool | None = None
    top_logprobs: UpTo20 | None = None
    omen: HintsIn | None = None
    tags: TagsIn | None = None


class ChatIn(AskIn):
    """The body of `POST /api/chat`."""

    messages: list[MessageIn] | None = None
    tools: list[FunctionToolIn] | None = None


class GenerateIn(AskIn):
    """The body of `POST /api/generate`."""

    prompt: str | None = None
    system: str | None = None
    images: list[PictureIn] | None = None
    suffix: Annotated[str, WithJsonSchema({"const": ""})] | None = None
    template: Annotated[str, WithJsonSchema({"const": ""})] | None = None
    raw: Annotated[bool, WithJsonSchema({"const": False})] | None = None
    context: Annotated[list[int], WithJsonSchema({"const": []})] | None = None


class EmbedIn(_Open):
    """The body of `POST /api/embed`."""

    model: str = Field(min_length=1)
    input: Annotated[
        Annotated[str, Tag("<text>")]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Tag("<texts>")],
        Discriminator(lambda value: "<text>" if isinstance(value, str) else "<texts>"),
    ]
    truncate: bool | None = None
    dimensions: From1 | None = None
    omen: HintsIn | None = None
    tags: TagsIn | None = None


class OldEmbedIn(_Open):
    """The body of `POST /api/embeddings`, the older form."""

    model: str = Field(min_length=1)
    prompt: str
    omen: HintsIn | None = None
    tags: TagsIn | None = None


class ShowIn(_Open):
    """The body of `POST /api/show`. `name` is what older clients call it."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}
                for name in ("model", "name")
            ]
        }
    )

    model: str | None = None
    name: str | None = None
