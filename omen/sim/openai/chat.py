"""Chat completions: a request read, and what models refuse of it.

**Source.** https://platform.openai.com/docs/api-reference/chat and the types of the `openai`
package 3.54, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

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
from omen.sim.http import Refused
from omen.sim.openai.reading import (
    check_sampling,
    check_served,
    missing,
    read_effort,
    read_model,
    read_object,
    unsupported,
    unsupported_value,
)
from omen.sim.openai.traits import THOUGHTS, Traits, traits_of

_NOT_ON_CHAT = "This model is only supported in v1/responses and not in v1/chat/completions."
_NO_CHAT_MODEL = (
    "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
    "Did you mean to use v1/completions?"
)
_NO_EFFORT_WITH_TOOLS = (
    "Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
    "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
)
_NO_WORD_JSON = (
    "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
    "'json_object'."
)
_UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'. The following tool_call_ids did not have response messages: {ids}"
)
_OF_NO_CALL = (
    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
    "'tool_calls'."
)


def read_chat(raw: bytes, models: Collection[str]) -> Call:
    """Read a request to a model of that name. **Raises.** `Refused`."""
    body = read_object(raw)
    model = read_model(body)
    messages = messages_of(body)
    if not messages:
        raise missing("messages")
    check_served(model, models)
    return chat_call(body, messages, model, traits_of(model))


def chat_call(
    body: dict[str, Any], messages: list[dict[str, Any]], model: str, traits: Traits
) -> Call:
    """Make the call of a body whose model is known and has these traits. **Raises.** `Refused`."""
    options = body.get("stream_options")
    if options and body.get("stream") is not True:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(message, param="stream_options")
    effort = read_effort(body.get("reasoning_effort"), "reasoning_effort", traits)
    _check_model(body, model, traits, effort)
    _check_calls_are_answered(messages)
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return Call(
        model=model,
        key=question_of(messages),
        stream=body.get("stream") is True,
        prompt_tokens=estimated_tokens(messages),
        max_tokens=positive_int(limit),
        tool=tool_to_call(body, messages),
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        reasoning=THOUGHTS[effort],
        json_text=_read_format(body.get("response_format"), messages),
    )


def tool_to_call(body: dict[str, Any], messages: list[dict[str, Any]]) -> ToolUse | None:
    """Return the tool that the answer is to call: the one that is named, or the first."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not tools:
        if "parallel_tool_calls" in body:
            message = "'parallel_tool_calls' is only allowed when 'tools' are specified."
            raise Refused(f"Invalid value for 'parallel_tool_calls': {message}")
        return None
    if choice == "none" or messages[-1].get("role") == "tool":
        return None
    wanted = choice.get("function") if isinstance(choice, dict) else None
    name = wanted.get("name") if isinstance(wanted, dict) else None
    functions = objects([tool.get("function") for tool in objects(tools)])
    found = named(functions, name)
    return tool_use(found.get("name"), found.get("parameters")) if found else None


def _check_model(body: dict[str, Any], model: str, traits: Traits, effort: str) -> None:
    """Refuse what this model does not do on this route."""
    if not traits.chats or traits.embeds:
        message = _NO_CHAT_MODEL if traits.embeds else _NOT_ON_CHAT
        raise Refused(message, status=404, param="model")
    if not traits.reasons:
        return
    if body.get("max_tokens") is not None:
        raise unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
    check_sampling(body, traits, effort)
    for name in ("presence_penalty", "frequency_penalty"):
        if body.get(name):
            raise unsupported_value(name, body[name], "Only the default (0) value is supported.")
    for name in ("logprobs", "top_logprobs"):
        if body.get(name):
            raise unsupported(name)
    if not traits.stops and body.get("stop") is not None:
        raise unsupported("stop")
    functions = any(tool.get("type") == "function" for tool in objects(body.get("tools")))
    if functions and effort != "none" and not traits.reasons_with_tools:
        raise Refused(_NO_EFFORT_WITH_TOOLS.format(model=model), param="reasoning_effort")


def _check_calls_are_answered(messages: list[dict[str, Any]]) -> None:
    """Refuse a tool call without its result directly after it, and a result of no such call."""
    called: list[Any] = []
    waiting: list[Any] = []
    for message in [*messages, {}]:
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in called:
                raise Refused(_OF_NO_CALL, param="messages")
            waiting = [one for one in waiting if one != message.get("tool_call_id")]
            continue
        if waiting:
            ids = ", ".join(str(one) for one in waiting)
            raise Refused(_UNANSWERED.format(ids=ids), param="messages")
        called = waiting = [call.get("id") for call in objects(message.get("tool_calls"))]


def _read_format(wanted: Any, messages: list[dict[str, Any]]) -> str | None:
    """Return the JSON that the answer is to be, where one was asked for."""
    if not isinstance(wanted, dict):
        return None
    match wanted.get("type"):
        case "json_object":
            if not any("json" in text_of(message).lower() for message in messages):
                raise Refused(_NO_WORD_JSON, param="messages")
            return json_text()
        case "json_schema":
            given = wanted.get("json_schema")
            if not isinstance(given, dict) or not isinstance(given.get("name"), str):
                raise missing("response_format.json_schema.name")
            return json_text(given.get("schema", {}))
    return None
