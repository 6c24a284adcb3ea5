"""Messages: a request read, and what is refused of it.

**Source.** https://docs.anthropic.com/en/api/messages, its page on versions, and the types of the
`anthropic` package 2.12, read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from omen.sim.anthropic.thinking import check_thinking_came_back, read_thinking, shows_thinking
from omen.sim.anthropic.traits import Traits, traits_of
from omen.sim.anthropic.turns import check_turns, read_turns
from omen.sim.conversation import (
    estimated_tokens,
    messages_of,
    named,
    objects,
    positive_int,
    question_of,
    text_of,
)
from omen.sim.dialect import Call, ToolUse
from omen.sim.examples import json_text, tool_use
from omen.sim.http import HttpRequest, Refused, json_object

_SAMPLING = ("temperature", "top_p", "top_k")
_NEW_VERSION = "2026-10-21"
_COUNTED = frozenset(
    {
        *("cache_control", "messages", "model", "output_config", "speed", "system", "thinking"),
        *("tool_choice", "tools", *_SAMPLING),
    }
)
_TAKEN = _COUNTED | {
    *("container", "diagnostics", "inference_geo", "max_tokens", "metadata", "service_tier"),
    *("stop_sequences", "stream"),
}
_IN_BETA = frozenset(
    {
        *("billing_policy", "compaction", "context_management", "fallback_credit_token"),
        *("fallbacks", "mcp_servers", "output_format", "thread"),
    }
)
"""Fields that are known with an `anthropic-beta` header only."""
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class MessagesCall(Call):
    """A call that came by Messages."""

    shows_thinking: bool = True


def read_message(request: HttpRequest, models: Collection[str]) -> MessagesCall:
    """Read a request to a model of that name. **Raises.** `Refused`."""
    body = _read_body(request, models, _TAKEN)
    traits = traits_of(body["model"])
    limit = positive_int(body.get("max_tokens"))
    if limit is None:
        raise Refused("max_tokens: Field required")
    messages = messages_of(body)
    turns = read_turns(body, traits)
    check_turns(turns, traits)
    reasoning = read_thinking(body, traits)
    _check_sampling(body, traits, reasoning > 0)
    if reasoning:
        by_budget = (body.get("thinking") or {}).get("type") == "enabled"
        check_thinking_came_back(turns, body["model"], traits, by_budget=by_budget)
    return MessagesCall(
        model=body["model"],
        key=question_of(messages),
        stream=body.get("stream") is True,
        prompt_tokens=_prompt_tokens(body),
        max_tokens=limit,
        tool=_tool_to_use(body, messages, traits),
        reasoning=reasoning,
        json_text=_read_format(body.get("output_config"), traits),
        shows_thinking=shows_thinking(body, traits),
    )


def count_tokens(request: HttpRequest, models: Collection[str]) -> int:
    """Count the tokens of a prompt, as `usage` would. **Raises.** `Refused`."""
    body = _read_body(request, models, _COUNTED)
    read_turns(body, traits_of(body["model"]))
    return _prompt_tokens(body)


def _read_body(
    request: HttpRequest, models: Collection[str], taken: Collection[str]
) -> dict[str, Any]:
    """Return the body if it names a model that is served, has messages and nothing unknown."""
    body = json_object(request.body)
    if body is None:
        raise Refused("The request body is not valid JSON.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused("model: Field required")
    if not messages_of(body):
        raise Refused("messages: Field required")
    unsampled = request.headers["anthropic-version"] >= _NEW_VERSION
    in_beta = _IN_BETA if "anthropic-beta" in request.headers else ()
    for name in body:
        if (name not in taken and name not in in_beta) or (unsampled and name in _SAMPLING):
            raise Refused(f"{name}: Extra inputs are not permitted")
    if model not in models:
        raise Refused(f"model: {model}", status=404)
    return body


def _check_sampling(body: dict[str, Any], traits: Traits, thinking: bool) -> None:
    """Refuse sampling where the model has none, or is thinking; a default is no sampling."""
    for name in _SAMPLING:
        value = body.get(name)
        if value is None or (name != "top_k" and value == 1):
            continue
        if not traits.samples:
            raise Refused(f"`{name}` is deprecated for this model.")
        if name == "temperature" and thinking:
            raise Refused("`temperature` may only be set to 1 when thinking is enabled.")
        if name == "temperature" and not (isinstance(value, int | float) and 0 <= value <= 1):
            raise Refused("temperature: range: 0..1")


def _prompt_tokens(body: dict[str, Any]) -> int:
    system = {"content": body.get("system")}
    messages = messages_of(body)
    return estimated_tokens([system, *messages] if text_of(system) else messages)


def _tool_to_use(
    body: dict[str, Any], messages: list[dict[str, Any]], traits: Traits
) -> ToolUse | None:
    tools, choice = objects(body.get("tools")), body.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else None
    for place, tool in enumerate(tools):
        name = tool.get("name")
        if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
            pattern = "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"
            raise Refused(f"tools.{place}.custom.name: {pattern}")
    if kind in ("any", "tool") and not traits.forced_tools:
        raise Refused("tool_choice: forced tool use is not supported for this model.")
    if kind == "none" or _has_results(messages[-1]):
        return None
    found = named(tools, choice.get("name") if isinstance(choice, dict) else None)
    return tool_use(found.get("name"), found.get("input_schema")) if found else None


def _has_results(message: dict[str, Any]) -> bool:
    blocks = objects(message.get("content"))
    return any(block.get("type") == "tool_result" for block in blocks)


def _read_format(config: Any, traits: Traits) -> str | None:
    """Return the JSON that the answer is to be, where one was asked for."""
    wanted = config.get("format") if isinstance(config, dict) else None
    if not isinstance(wanted, dict):
        return None
    if not traits.json_schemas:
        raise Refused("output_config.format: not supported for this model.")
    schema = wanted.get("schema")
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        raise Refused("output_config.format.schema: Field required")
    _check_closed(schema, "output_config.format.schema")
    return json_text(schema)


def _check_closed(schema: Any, where: str) -> None:
    """Refuse an object that could have fields nobody named."""
    if isinstance(schema, list):
        for place, inner in enumerate(schema):
            _check_closed(inner, f"{where}.{place}")
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        closed = "`additionalProperties` must be explicitly set to false"
        raise Refused(f"{where}: For 'object' type, {closed}")
    for name, inner in schema.items():
        if name not in ("const", "default", "enum", "examples"):
            _check_closed(inner, f"{where}.{name}")
