"""Reasoning effort in Anthropic's terms.

**Source.** docs.anthropic.com/en/docs/build-with-claude/extended-thinking and its page on effort,
read 2026-11-22. The budgets are ours: the vendor names a least one and no scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from omen.core.chat import ChatRequest, NamedTool
from omen.providers.messages.traits import MessagesTraits

_EFFORTS: Mapping[str, str] = MappingProxyType(
    {
        "minimal": "low",
        "low": "low",
        "medium": "medium",
        "high": "high",
        "xhigh": "xhigh",
        "max": "max",
    }
)

_BUDGETS: Mapping[str, int] = MappingProxyType(
    {
        "minimal": 1024,
        "low": 2048,
        "medium": 8192,
        "high": 16_384,
        "xhigh": 24_576,
        "max": 32_768,
    }
)
_LEAST_BUDGET = 1024


def thinking_fields(
    request: ChatRequest, traits: MessagesTraits, max_tokens: int
) -> dict[str, Any]:
    """Write `thinking` and `output_config` for the effort that was asked for, if any was."""
    effort = request.reasoning_effort
    if effort is None or traits.thinking is None:
        return {}
    if effort == "none":
        return {"thinking": {"type": traits.thinking_off}} if traits.thinking_off else {}
    if traits.thinking == "budget":
        return _budget(request, effort, max_tokens)
    if effort not in _EFFORTS:
        return {}
    fields: dict[str, Any] = {"output_config": {"effort": _EFFORTS[effort]}}
    if not _forces_tool(request):
        fields["thinking"] = {"type": "adaptive"}
    return fields


def _budget(request: ChatRequest, effort: str, max_tokens: int) -> dict[str, Any]:
    """Ask for thinking by budget, where these older models would take it.

    Not in the middle of a tool turn whose thinking is not at hand: they want its blocks back, which
    an OpenAI client never saw. At most half of `max_tokens`, which includes it.
    """
    budget = min(_BUDGETS.get(effort, 0), max_tokens // 2)
    if budget < _LEAST_BUDGET or _forces_tool(request) or _in_unsigned_turn(request):
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _in_unsigned_turn(request: ChatRequest) -> bool:
    """Whether a tool turn is going on whose thinking is not at hand."""
    if request.messages[-1].role != "tool":
        return False
    turn = next((m for m in reversed(request.messages) if m.role == "assistant"), None)
    return turn is None or not turn.reasoning


def _forces_tool(request: ChatRequest) -> bool:
    """A forced tool call and thinking exclude each other."""
    return request.tool_choice == "required" or isinstance(request.tool_choice, NamedTool)
