"""Responses: a request read, and what is refused of it.

**Source.** https://platform.openai.com/docs/api-reference/responses and the types of the `openai`
package 3.54, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from omen.sim.conversation import estimated_tokens, named, objects, positive_int, question_of
from omen.sim.dialect import Call, ToolUse
from omen.sim.examples import json_text, tool_use
from omen.sim.http import Refused
from omen.sim.openai.reading import (
    check_sampling,
    check_served,
    missing,
    read_effort,
    read_model,
    read_object,
)
from omen.sim.openai.response_input import check_items
from omen.sim.openai.traits import THOUGHTS, traits_of

FIELDS = frozenset(
    {
        *("access_programs", "background", "background_options", "context_management"),
        *("conversation", "image", "include", "input", "instructions", "max_output_tokens"),
        *("max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls"),
        *("previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options"),
        *("prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store"),
        *("stream", "stream_options", "temperature", "text", "tool_choice", "tools"),
        *("top_logprobs", "top_p", "truncation", "user"),
    }
)
"""All that may be in a body. Much of chat completions is not: `stop`, `seed`, `n`, penalties."""

_NOT_STORED = "Previous response with id '{id}' not found."


@dataclass(frozen=True, slots=True)
class ResponsesCall(Call):
    """A call that came by Responses. `asked` is the body: an answer repeats much of it."""

    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def wants_summary(self) -> bool:
        """Whether the reasoning is to be told."""
        reasoning = self.asked.get("reasoning")
        return isinstance(reasoning, dict) and bool(reasoning.get("summary"))


def read_responses(raw: bytes, models: Collection[str]) -> ResponsesCall:
    """Read a request to a model of that name. **Raises.** `Refused`."""
    body = read_object(raw)
    for name in body:
        if name not in FIELDS:
            raise Refused(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    model = read_model(body)
    items = _read_items(body)
    check_served(model, models)
    traits = traits_of(model)
    reasoning = body.get("reasoning")
    wanted = reasoning.get("effort") if isinstance(reasoning, dict) else None
    effort = read_effort(wanted, "reasoning.effort", traits)
    check_sampling(body, traits, effort)
    messages = _as_messages(body.get("instructions"), items)
    return ResponsesCall(
        model=model,
        key=question_of(messages),
        stream=body.get("stream") is True,
        prompt_tokens=estimated_tokens(messages),
        max_tokens=positive_int(body.get("max_output_tokens")),
        tool=_tool_to_call(body, items),
        reasoning=THOUGHTS[effort],
        json_text=_read_format(body.get("text")),
        asked=body,
    )


def _read_items(body: dict[str, Any]) -> list[dict[str, Any]]:
    previous, given = body.get("previous_response_id"), body.get("input")
    if previous is not None:
        message = _NOT_STORED.format(id=previous)
        code = "previous_response_not_found"
        raise Refused(message, param="previous_response_id", code=code)
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    items = objects(given)
    if not items:
        raise missing("input")
    check_items(items)
    return items


def _as_messages(instructions: Any, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what has text in it, as messages: the texts are where chat completions have them."""
    system = [{"role": "system", "content": instructions}] if instructions else []
    outputs = [
        {"role": "tool", "content": item.get("output")}
        if item.get("type") == "function_call_output"
        else item
        for item in items
    ]
    return [*system, *outputs]


def _tool_to_call(body: dict[str, Any], items: list[dict[str, Any]]) -> ToolUse | None:
    tools, choice = objects(body.get("tools")), body.get("tool_choice")
    for place, tool in enumerate(tools):
        if tool.get("type") == "function" and not isinstance(tool.get("name"), str):
            raise missing(f"tools[{place}].name")
    if choice == "none" or items[-1].get("type") == "function_call_output":
        return None
    functions = [tool for tool in tools if tool.get("type") == "function"]
    name = choice.get("name") if isinstance(choice, dict) else None
    found = named(functions, name)
    return tool_use(found["name"], found.get("parameters")) if found else None


def _read_format(text: Any) -> str | None:
    """Return the JSON that the answer is to be, where one was asked for."""
    wanted = text.get("format") if isinstance(text, dict) else None
    if not isinstance(wanted, dict):
        return None
    match wanted.get("type"):
        case "json_object":
            return json_text()
        case "json_schema":
            for name in ("name", "schema"):
                if wanted.get(name) is None:
                    raise missing(f"text.format.{name}")
            return json_text(wanted["schema"])
    return None
