"""How an answer is to be made, as a Responses request says it: at its top, or in an item."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from omen.front.responses._tool_schema import Open


class ReasoningIn(Open):
    """How much to think."""

    effort: str | None = None
    summary: str | None = None


class FormatIn(Open):
    """The shape the answer must have."""

    type: Literal["text", "json_object", "json_schema"]
    name: str = "answer"
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None
    description: str | None = None


class TextIn(Open):
    """What the answer's text is to be like."""

    format: FormatIn | None = None
    verbosity: str | None = None
