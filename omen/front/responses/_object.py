"""The response object. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from omen.core.errors import OmenError
from omen.core.events import FinishReason, Usage

Wire = dict[str, Any]
_DEFAULTS: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""Fields that say again what was asked for, and what they say when it was not."""
CUT: Mapping[FinishReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}
"""Ends of answers that are not whole, and the reason that this API gives for each."""


def response_object(
    response_id: str, created: int, model: str, asked: Mapping[str, Any], status: str
) -> Wire:
    """Write a response that has no answer yet."""
    echo = {
        name: default if asked.get(name) is None else asked[name]
        for name, default in _DEFAULTS.items()
    }
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        **echo,
        "model": model,
        "output": [],
        "previous_response_id": asked.get("previous_response_id") or None,
        "store": False,
        "usage": None,
    }


def ended(reason: FinishReason, output: Sequence[Wire], usage: Usage | None) -> Wire:
    """Write what becomes of its fields when the answer has ended."""
    why = CUT.get(reason)
    return {
        "status": "completed" if why is None else "incomplete",
        "incomplete_details": None if why is None else {"reason": why},
        "output": list(output),
        "usage": None if usage is None else usage_object(usage),
    }


def failed(error: OmenError, output: Sequence[Wire]) -> Wire:
    """Write what becomes of its fields when the answer has failed."""
    message = error.message
    if error.retry_after is not None and "try again in" not in message.lower():
        # Codex finds out here how long to wait.
        message = f"{message} Please try again in {max(1, ceil(error.retry_after))}s."
    reason = {"code": error.code or error.type, "message": message}
    return {"status": "failed", "error": reason, "output": list(output)}


def usage_object(usage: Usage) -> Wire:
    """Write usage in this API's words."""
    cached = usage.prompt_details.get("cached_tokens", 0)
    written = usage.prompt_details.get("cache_write_tokens", 0)
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {
            "reasoning_tokens": usage.completion_details.get("reasoning_tokens", 0)
        },
        "total_tokens": usage.total_tokens,
    }
