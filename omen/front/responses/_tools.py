"""Tools, and which of them is to be called. Pure.

Tools that the caller runs go out as functions, in whichever form they came. A tool that a vendor
runs (`web_search` and the like) is left out: any provider may win a race, and most have no such
tool. A tool of a type that is not known here may be either; it is carried, and only OpenAI can be
asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from omen.core.chat import NamedTool, Opaque, Tool, ToolChoice
from omen.core.custom_tools import ANY_TEXT, described
from omen.core.errors import RequestError
from omen.front.responses._client_tools import ClientTool, flat_name
from omen.front.responses._forms import FORMS
from omen.front.responses._tool_schema import ChoiceIn, NamespaceIn, OtherToolIn, ToolIn

DIALECT = "responses"
_HOSTED = frozenset(
    {
        "file_search",
        "mcp",
        "code_interpreter",
        "image_generation",
        "programmatic_tool_calling",
    }
)
"""Types of tools that the vendor runs, beside the dated versions of `web_search`."""
_WEB_SEARCH = "web_search"

AnyTool = ToolIn | NamespaceIn | OtherToolIn


@dataclass(frozen=True, slots=True)
class ToolSet:
    """The tools of a request: as they go out, and what the caller knows each function as."""

    tools: tuple[Tool | Opaque, ...] = ()
    known: Mapping[str, ClientTool] = field(default_factory=dict)


def read_tools(groups: Iterable[tuple[str, Sequence[AnyTool]]]) -> ToolSet:
    """Read the tools of all places in a request, each with its path.

    A tool that is defined again (a search has found it a second time) stands where it stood first,
    as it was defined last. **Raises.** `RequestError` (400), naming the field.
    """
    functions: dict[str, Tool | Opaque] = {}
    known: dict[str, ClientTool] = {}
    for where, tools in groups:
        for name, tool, known_as in _read(where, tools):
            functions[name] = tool
            if known_as is not None:
                known[name] = known_as
    return ToolSet(tuple(functions.values()), known)


_Found = tuple[str, Tool | Opaque, ClientTool | None]


def _read(where: str, tools: Sequence[AnyTool]) -> Iterator[_Found]:
    for index, tool in enumerate(tools):
        place = f"{where}.{index}"
        if isinstance(tool, NamespaceIn):
            for inner_index, inner in enumerate(tool.tools):
                yield from _read_one(inner, f"{place}.tools.{inner_index}", tool)
        else:
            yield from _read_one(tool, place)


def _read_one(
    tool: ToolIn | OtherToolIn, where: str, space: NamespaceIn | None = None
) -> Iterator[_Found]:
    if _is_hosted(tool):
        return
    if isinstance(tool, OtherToolIn) or _runs_in_a_container(tool):
        yield where, Opaque(tool.model_dump(exclude_unset=True), DIALECT), None
        return
    known_as = ClientTool(_name(tool, where), space.name if space else None, tool.type)
    written = _function(tool, flat_name(known_as.name, known_as.namespace))
    if space is not None and space.description:
        about = _paragraphs(space.description, written.description)
        written = replace(written, description=about)
    yield written.name, written, known_as


def _name(tool: ToolIn, where: str) -> str:
    if tool.type in FORMS:
        return tool.type
    if not tool.name:
        raise RequestError(f"{where}.name: is required", param=f"{where}.name")
    return tool.name


def _function(tool: ToolIn, name: str) -> Tool:
    match tool.type:
        case "function":
            return Tool(name, tool.description, tool.parameters, tool.strict)
        case "custom":
            return Tool(name, described(tool.description, tool.format), ANY_TEXT)
    form = FORMS[tool.type]
    return Tool(name, tool.description or form.description, tool.parameters or form.parameters)


def _paragraphs(*texts: str | None) -> str:
    return "\n\n".join(text for text in texts if text)


def _is_hosted(tool: ToolIn | OtherToolIn) -> bool:
    """Whether the vendor runs a tool. Its own search over tools is not needed: all are told."""
    if isinstance(tool, ToolIn):
        return tool.type == "tool_search" and tool.execution != "client"
    return tool.type in _HOSTED or tool.type.startswith(_WEB_SEARCH)


def _runs_in_a_container(tool: ToolIn) -> bool:
    return tool.type == "shell" and (tool.environment or {}).get("type", "local") != "local"


def choose(choice: str | ChoiceIn | None, found: ToolSet) -> tuple[ToolChoice | None, ToolSet]:
    """Read which tool is to be called; return also the tools that may be.

    A list of allowed tools is an API of OpenAI's own, so the others are left out instead.
    **Raises.** `RequestError` (400).
    """
    match choice:
        case None | "none" | "auto" | "required":
            return (choice if found.tools else None), found
        case ChoiceIn(type="function" | "custom"):
            if not choice.name:
                raise RequestError("tool_choice.name: is required", param="tool_choice.name")
            return NamedTool(_flat(choice.name, choice.namespace, found)), found
        case ChoiceIn(type="allowed_tools"):
            return _allowed(choice, found)
        case ChoiceIn(type=kind) if kind in found.known and found.known[kind].kind == kind:
            return NamedTool(kind), found
        case ChoiceIn():
            return Opaque(choice.model_dump(exclude_unset=True), DIALECT), found
    words = "tool_choice: must be none, auto, required, or name a tool"
    raise RequestError(words, param="tool_choice")


def _flat(name: str, namespace: str | None, found: ToolSet) -> str:
    """Return the name that a tool went out under; some clients name it without its namespace."""
    wanted = flat_name(name, namespace)
    if wanted in found.known or namespace is not None:
        return wanted
    same = [flat for flat, tool in found.known.items() if tool.name == name]
    return same[0] if len(same) == 1 else wanted


def _allowed(choice: ChoiceIn, found: ToolSet) -> tuple[ToolChoice | None, ToolSet]:
    wanted = {name for tool in choice.tools for name in _names(tool, found)}
    tools = tuple(tool for tool in found.tools if isinstance(tool, Tool) and tool.name in wanted)
    if not tools:
        return ("none" if found.tools else None), found
    return choice.mode, ToolSet(tools, found.known)


def _names(tool: Mapping[str, Any], found: ToolSet) -> Iterator[str]:
    match tool:
        case {"type": "namespace", "name": str(space)}:
            yield from (flat for flat, one in found.known.items() if one.namespace == space)
        case {"type": "function" | "custom", "name": str(name)}:
            within = tool.get("namespace")
            yield _flat(name, within if isinstance(within, str) else None, found)
        case {"type": str(kind)}:
            yield kind
