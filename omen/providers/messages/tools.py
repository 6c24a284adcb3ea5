"""Tools and the choice between them, as Anthropic takes them.

**Source.** docs.anthropic.com, tool use and structured outputs, read 2026-11-30.
"""

from __future__ import annotations

from typing import Any

from omen.core.chat import ChatRequest, NamedTool, Opaque, Tool, ToolChoice
from omen.providers.messages.schema import input_schema, strict_schema
from omen.providers.messages.traits import MessagesTraits
from omen.providers.shared.failures import unsupported

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_MOST_STRICT = 20
"""Strict tools in one request. More are refused; a tool that is not strict is one all the same."""


def tool_fields(request: ChatRequest, traits: MessagesTraits) -> dict[str, Any]:
    """Write `tools` and `tool_choice`.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) for a tool or a choice that cannot be said here.
    """
    if not request.tools:
        return {}
    left = _MOST_STRICT if traits.schema else 0
    tools: list[dict[str, Any]] = []
    for tool in request.tools:
        strict = isinstance(tool, Tool) and bool(tool.strict) and left > 0
        left -= strict
        tools.append(_tool(tool, strict=strict))
    fields: dict[str, Any] = {"tools": tools}
    choice = None if request.tool_choice is None else _tool_choice(request.tool_choice, traits)
    if request.parallel_tool_calls is False and choice != {"type": "none"}:
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if choice is not None:
        fields["tool_choice"] = choice
    return fields


def _tool(tool: Tool | Opaque, *, strict: bool) -> dict[str, Any]:
    if isinstance(tool, Opaque):
        raise unsupported(f"a tool of the type {tool.value.get('type')!s:.40}")
    written: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    schema = input_schema(tool.parameters)
    written["input_schema"] = strict_schema(schema) if strict else schema
    if strict:
        written["strict"] = True
    if mark := tool.extras.get("cache_control"):
        written["cache_control"] = mark
    return written


def _tool_choice(choice: ToolChoice, traits: MessagesTraits) -> dict[str, Any]:
    if isinstance(choice, Opaque):
        raise unsupported(f"a tool choice of the type {choice.value.get('type')!s:.40}")
    if not traits.forced_tool and choice not in ("auto", "none"):
        raise unsupported("a forced tool call with this model")
    if isinstance(choice, NamedTool):
        return {"type": "tool", "name": choice.name}
    return {"type": _CHOICES[choice]}
