"""The tools of a Responses request as they come in."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

_NAME = {"type": "string", "minLength": 1}
_NAMED: dict[str, Any] = {
    "anyOf": [
        {"properties": {"type": {"not": {"enum": ["function", "custom"]}}}},
        {"properties": {"name": _NAME}, "required": ["name"]},
    ]
}
"""That a function and a custom tool have a name, for those who read the schema."""


class Open(BaseModel):
    """An object whose types are strict and whose unknown keys are kept."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class ToolIn(Open):
    """A tool that the caller runs."""

    model_config = ConfigDict(json_schema_extra=_NAMED)

    type: Literal["function", "custom", "tool_search", "shell", "local_shell", "apply_patch"]
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    format: dict[str, Any] | None = None
    execution: str | None = None
    """Of `tool_search`: `client`, or else the vendor runs it."""
    environment: dict[str, Any] | None = None
    """Of `shell`: where it runs; a container is the vendor's."""


_OURS = frozenset(get_args(ToolIn.model_fields["type"].annotation))


class OtherToolIn(Open):
    """A tool of another type: a vendor runs it, or it is newer than this file."""

    type: Annotated[str, WithJsonSchema({"type": "string", "not": {"enum": sorted(_OURS)}})]


def _tool_of(value: Any) -> str:
    # A model where it is written again, as what comes back with the answer.
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if kind == "namespace":
        return "<namespace>"
    return "<tool>" if isinstance(kind, str) and kind in _OURS else "<other>"


class NamespaceIn(Open):
    """Tools of the caller's own, under a name in common."""

    type: Literal["namespace"]
    name: str = Field(min_length=1)
    description: str | None = None
    tools: list[
        Annotated[
            Annotated[ToolIn, Tag("<tool>")] | Annotated[OtherToolIn, Tag("<other>")],
            Discriminator(lambda tool: _tool_of(tool).replace("<namespace>", "<other>")),
        ]
    ]


AnyToolIn = Annotated[
    Annotated[ToolIn, Tag("<tool>")]
    | Annotated[NamespaceIn, Tag("<namespace>")]
    | Annotated[OtherToolIn, Tag("<other>")],
    Discriminator(_tool_of),
]


class ChoiceIn(Open):
    """Which tool is to be called, where it is more than a word."""

    model_config = ConfigDict(json_schema_extra=_NAMED)

    type: str
    name: str | None = None
    namespace: str | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: list[dict[str, Any]] = Field(default_factory=list)
