"""The items of a Responses request as they come in: what is checked, and which field is named.

Items of types that are not known here are taken as they are. To OpenAI they go on as they came, and
nobody else can be asked for them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from omen.front.responses._setting_schema import ReasoningIn, TextIn
from omen.front.responses._tool_schema import AnyToolIn, Open

_PARTS = {
    "text": ["input_text", "output_text", "text"],
    "refusal": ["refusal"],
    "image_url": ["input_image"],
    "file_data": ["input_file"],
    "file_url": ["input_file"],
    "file_id": ["input_file", "input_image"],
}
"""Fields of which parts of these types need one."""
_COMPLETE_PARTS: list[Any] = [
    {"properties": {"type": {"not": {"enum": sorted({k for ks in _PARTS.values() for k in ks})}}}},
    *(
        {"properties": {"type": {"enum": kinds}, name: {"type": "string"}}, "required": [name]}
        for name, kinds in _PARTS.items()
    ),
]
"""The same for those who read the schema."""


class PartIn(Open):
    """One part of a message or of a result: text, a picture, a file, a refusal, or another."""

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


def shape_of(value: Any) -> str:
    """Return the tag of a union of a text and objects."""
    return "<text>" if isinstance(value, str) else "<object>"


ContentIn = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[PartIn], Tag("<object>")],
    Discriminator(shape_of),
]


class MessageIn(Open):
    """`message`, whose type may be left out."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: ContentIn


class FunctionCallIn(Open):
    """`function_call`."""

    type: Literal["function_call"]
    call_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    namespace: str | None = None
    arguments: str


class CustomCallIn(Open):
    """`custom_tool_call`: its input is any text."""

    type: Literal["custom_tool_call"]
    call_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    namespace: str | None = None
    input: str


class BuiltInCallIn(Open):
    """A call of a tool that is known by its type. One without a `call_id` was run by the vendor."""

    type: Literal["shell_call", "local_shell_call", "apply_patch_call", "tool_search_call"]
    id: str | None = None
    call_id: str | None = None
    environment: dict[str, Any] | None = None


class OutputIn(Open):
    """The result of a call of a function or a custom tool."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: str = Field(min_length=1)
    output: ContentIn


class BuiltInOutputIn(Open):
    """The result of a call of a tool that is known by its type."""

    type: Literal["shell_call_output", "local_shell_call_output", "apply_patch_call_output"]
    id: str | None = None
    call_id: str | None = None
    """Not there in the result of `local_shell`, which has the call's in `id`."""
    output: Any = None
    status: str | None = None


class AdditionalToolsIn(Open):
    """`additional_tools`: tools of the caller's, where newer models of OpenAI's have them."""

    type: Literal["additional_tools"]
    tools: list[AnyToolIn]


class FoundToolsIn(Open):
    """`tool_search_output`: the tools that a search has found."""

    type: Literal["tool_search_output"]
    call_id: str | None = None
    tools: list[AnyToolIn]


class ConfigurationIn(Open):
    """`configuration_update`: how answers are made from here on."""

    type: Literal["configuration_update"]
    reasoning: ReasoningIn | None = None
    text: TextIn | None = None


class AgentMessageIn(Open):
    """`agent_message`: what another agent of the caller's has to say."""

    type: Literal["agent_message"]
    author: str | None = None
    content: ContentIn


_KNOWN: dict[str, str] = {
    "message": "<message>",
    "function_call": "<function_call>",
    "custom_tool_call": "<custom_tool_call>",
    "shell_call": "<call>",
    "local_shell_call": "<call>",
    "apply_patch_call": "<call>",
    "tool_search_call": "<call>",
    "function_call_output": "<output>",
    "custom_tool_call_output": "<output>",
    "shell_call_output": "<result>",
    "local_shell_call_output": "<result>",
    "apply_patch_call_output": "<result>",
    "additional_tools": "<additional_tools>",
    "tool_search_output": "<tool_search_output>",
    "configuration_update": "<configuration_update>",
    "agent_message": "<agent_message>",
}


class OtherItemIn(Open):
    """An item of another type."""

    type: Annotated[str, WithJsonSchema({"type": "string", "not": {"enum": sorted(_KNOWN)}})]


def _item_type(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if kind is None and isinstance(value, dict) and "role" in value:
        return "<message>"
    return _KNOWN.get(kind, "<other>") if isinstance(kind, str) else "<other>"


ItemIn = Annotated[
    Annotated[MessageIn, Tag("<message>")]
    | Annotated[FunctionCallIn, Tag("<function_call>")]
    | Annotated[CustomCallIn, Tag("<custom_tool_call>")]
    | Annotated[BuiltInCallIn, Tag("<call>")]
    | Annotated[OutputIn, Tag("<output>")]
    | Annotated[BuiltInOutputIn, Tag("<result>")]
    | Annotated[AdditionalToolsIn, Tag("<additional_tools>")]
    | Annotated[FoundToolsIn, Tag("<tool_search_output>")]
    | Annotated[ConfigurationIn, Tag("<configuration_update>")]
    | Annotated[AgentMessageIn, Tag("<agent_message>")]
    | Annotated[OtherItemIn, Tag("<other>")],
    Discriminator(_item_type),
]
