"""The response object of Responses, and the items in it.

**Source.** https://platform.openai.com/docs/api-reference/responses/object and the types of the
`openai` package 3.54, read 2026-11-22.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from omen.sim.dialect import Identity, ToolUse
from omen.sim.openai.response_input import REASONED
from omen.sim.openai.responses import ResponsesCall

Status = Literal["in_progress", "completed", "incomplete", "failed"]

_REPEATED: Mapping[str, Any] = MappingProxyType(
    {
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
    }
)
"""What a response repeats of its request, and what it says where the request said nothing."""


class ResponseObject:
    """Writes one response as it is at a moment, and its items. Ids come from the request."""

    def __init__(self, call: ResponsesCall, identity: Identity) -> None:
        self._call = call
        self._name = f"sim{identity.number:08d}"
        self._begun: dict[str, Any] = {
            "id": f"resp_{self._name}",
            "object": "response",
            "created_at": int(identity.created),
            "background": False,
            "model": call.model,
            "service_tier": "default",
            **{name: call.asked.get(name, usual) for name, usual in _REPEATED.items()},
        }

    def at(
        self,
        status: Status,
        output: Sequence[dict[str, Any]] = (),
        *,
        tokens: int | None = None,
        error: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the response with this status. It has usage once `tokens` are known."""
        cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return {
            **self._begun,
            "status": status,
            "error": error,
            "incomplete_details": cut,
            "output": list(output),
            "usage": None if tokens is None else self._usage(tokens),
        }

    def message(self, text: str | None, status: Status) -> dict[str, Any]:
        """Return a message with one text in it; with None it is still empty."""
        return {
            "id": f"msg_{self._name}",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [] if text is None else [self.text_part(text)],
        }

    def text_part(self, text: str) -> dict[str, Any]:
        """Return the part of a message that holds its text."""
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def function_call(self, tool: ToolUse, status: Status) -> dict[str, Any]:
        """Return a call. Its `id` is another than the `call_id` that its output will bear."""
        reasoned = REASONED if self._call.reasoning else ""
        return {
            "id": f"fc_{self._name}{reasoned}",
            "type": "function_call",
            "status": status,
            "call_id": f"call_{self._name}",
            "name": tool.name,
            "arguments": "" if status == "in_progress" else tool.arguments,
        }

    def reasoning(self, text: str | None) -> dict[str, Any]:
        """Return the reasoning: a summary or none, and sealed if that was asked for."""
        item: dict[str, Any] = {
            "id": f"rs_{self._name}",
            "type": "reasoning",
            "summary": [] if not text else [summary_part(text)],
        }
        include = self._call.asked.get("include")
        if isinstance(include, list) and "reasoning.encrypted_content" in include:
            item["encrypted_content"] = base64.b64encode(self._name.encode("ascii")).decode("ascii")
        return item

    def _usage(self, tokens: int) -> dict[str, Any]:
        prompt, reasoning = self._call.prompt_tokens, self._call.reasoning
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": reasoning + tokens,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": prompt + reasoning + tokens,
        }


def summary_part(text: str) -> dict[str, Any]:
    """Return the part of a reasoning item that holds its summary."""
    return {"type": "summary_text", "text": text}
