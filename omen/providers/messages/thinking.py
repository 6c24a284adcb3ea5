"""Reasoning effort in Anthropic's terms.

**Source.** docs.anthropic.com/en/docs/build-with-claude/extended-thinking and its page on effort,
read 2026-11-22. The budgets are ours: the vendor names a least one and no scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from omen.core.chat import ChatRequest, Message, NamedTool
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
    request: ChatRequest, traits: MessagesTraits, model: str, max_tokens: int
) -> dict[str, Any]:
    """Write `thinking` and `output_config` for the effort that was asked for, if any was."""
    effort = request.reasoning_effort
    if effort is None or traits.thinking is None:
        return {}
    if effort == "none":
        return {"thinking": {"type": traits.thinking_off}} if traits.thinking_off else {}
    if traits.thinking in ("budget", "either"):
        return _budget(request, effort, model, max_tokens)
    if effort not in _EFFORTS:
        return {}
    fields: dict[str, Any] = {"output_config": {"effort": _EFFORTS[effort]}}
    if not _forces_tool(request):
        fields["thinking"] = {"type": "adaptive"}
    return fields


def _budget(request: ChatRequest, effort: str, model: str, max_tokens: int) -> dict[str, Any]:
    """Ask for thinking by budget, where these older models would take it.

    Not in the middle of a tool turn whose thinking is not at hand: they want its blocks back, which
    an OpenAI client never saw. At most half of `max_tokens`, which includes it.
    """
    if _forces_tool(request) or _in_unsigned_turn(request, model):
        return {}
    budget = budget_for(effort, max_tokens)
    return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget else {}


def budget_for(effort: str, max_tokens: int) -> int | None:
    """Return the tokens to think with for an effort, at most half of the limit; None for none."""
    budget = min(_BUDGETS.get(effort, 0), max_tokens // 2)
    return budget if budget >= _LEAST_BUDGET else None


def _in_unsigned_turn(request: ChatRequest, model: str) -> bool:
    """Whether a tool turn is going on whose thinking is not at hand.

    The user may have said something behind the results. Blocks of another vendor or another model
    are not sent, so they are not at hand either.
    """
    last = request.messages[-1]
    turn = next((m for m in reversed(request.messages) if m.role == "assistant"), None)
    if turn is None or not turn.tool_calls:
        return last.role == "tool" and (turn is None or not _is_signed(turn, model))
    return not _is_signed(turn, model)


def _is_signed(turn: Message, model: str) -> bool:
    return any((block.kind, block.model) == ("anthropic", model) for block in turn.reasoning)


def _forces_tool(request: ChatRequest) -> bool:
    """A forced tool call and thinking exclude each other."""
    return request.tool_choice == "required" or isinstance(request.tool_choice, NamedTool)
