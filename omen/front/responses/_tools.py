"""Tools, and which of them is to be called. Pure.

A custom tool takes any text. Most vendors have no such thing, so it goes out as a function of one
argument, and its calls come back as what they were meant to be. A tool that a vendor runs itself
(`web_search` and the like) is left out: who answers a race may be anybody, and most have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from omen.chat import NamedTool, Opaque, Tool, ToolChoice
from omen.errors import RequestError
from omen.front.responses._items import CUSTOM_INPUT
from omen.front.responses._schema import ChoiceIn, ToolIn

_OWN = ("function", "custom")


def own_tools(tools: Sequence[ToolIn]) -> Iterable[Tool]:
    """Read those that the caller runs. **Raises.** `RequestError` (400), naming the field."""
    for index, tool in enumerate(tools):
        if tool.type not in _OWN:
            continue
        if not tool.name:
            where = f"tools.{index}.name"
            raise RequestError(f"{where}: is required", param=where)
        if tool.type == "custom":
            yield Tool(tool.name, _custom_description(tool), _ANY_TEXT)
        else:
            yield Tool(tool.name, tool.description, tool.parameters, tool.strict)


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


def _custom_description(tool: ToolIn) -> str:
    told = [tool.description or ""]
    syntax = tool.format or {}
    if syntax.get("definition"):
        told.append(f"The input follows this {syntax.get('syntax', '')} grammar:")
        told.append(str(syntax["definition"]))
    return "\n\n".join(text for text in told if text)


_ANY_TEXT = {
    "type": "object",
    "properties": {CUSTOM_INPUT: {"type": "string"}},
    "required": [CUSTOM_INPUT],
    "additionalProperties": False,
}
