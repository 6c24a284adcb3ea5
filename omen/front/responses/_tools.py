"""Tools, and which of them is to be called. Pure.

A custom tool takes any text. Most vendors have no such thing, so it goes out as a function of one
argument, and its calls come back as what they were meant to be; so do those of a namespace's tools.
A tool that a vendor runs itself (`web_search` and the like) is left out: who answers a race may be
anybody, and most have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from omen.core.chat import NamedTool, Opaque, Tool, ToolChoice
from omen.core.errors import RequestError
from omen.front.responses._called import ANY_TEXT, OWN, flat_name
from omen.front.responses._schema import ChoiceIn, NamespaceIn, ToolIn


def own_tools(tools: Sequence[ToolIn | NamespaceIn]) -> Iterable[Tool]:
    """Read those that the caller runs. **Raises.** `RequestError` (400), naming the field."""
    for index, tool in enumerate(tools):
        where = f"tools.{index}"
        if isinstance(tool, NamespaceIn):
            for place, inner in enumerate(tool.tools):
                yield from _own(inner, f"{where}.tools.{place}", tool)
        else:
            yield from _own(tool, where)


def _own(tool: ToolIn, where: str, space: NamespaceIn | None = None) -> Iterable[Tool]:
    if tool.type not in OWN:
        return
    if not tool.name:
        raise RequestError(f"{where}.name: is required", param=f"{where}.name")
    name = flat_name(tool.name, space.name if space else None)
    told = _paragraphs(space.description if space else None, tool.description)
    if tool.type == "custom":
        yield Tool(name, _paragraphs(told, *_grammar(tool)), ANY_TEXT)
    else:
        yield Tool(name, told, tool.parameters, tool.strict)


def tool_choice(choice: str | ChoiceIn | None) -> ToolChoice | None:
    """Read which tool is to be called. **Raises.** `RequestError` (400)."""
    match choice:
        case None | "none" | "auto" | "required":
            return choice
        case ChoiceIn(type="function" | "custom", name=str(name)):
            return NamedTool(name)
        case ChoiceIn(type="allowed_tools"):
            tools = [_allowed(tool) for tool in choice.tools]
            allowed = {"mode": choice.mode, "tools": tools}
            return Opaque({"type": "allowed_tools", "allowed_tools": allowed})
    words = "tool_choice: must be none, auto, required, or name a function or custom tool"
    raise RequestError(words, param="tool_choice")


def _allowed(tool: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": tool.get("name")}}


def _grammar(tool: ToolIn) -> Iterable[str]:
    syntax = tool.format or {}
    if syntax.get("definition"):
        yield f"The input follows this {syntax.get('syntax', '')} grammar:"
        yield str(syntax["definition"])


def _paragraphs(*texts: str | None) -> str | None:
    return "\n\n".join(text for text in texts if text) or None
