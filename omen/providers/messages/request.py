"""The Messages request.

What the API refuses by model is left out when the answer is only coloured by it (temperature) and
is UNSUPPORTED when the answer would not be what was asked for (a schema, a forced tool). Hints
that have no field here (seed, penalties, extras of the OpenAI dialect) are ignored.

**Source.** docs.anthropic.com/en/api/messages, API version 2023-06-01, read 2026-11-22.
"""

from __future__ import annotations

from typing import Any

from omen.core.chat import ChatRequest, NamedTool, Opaque, ResponseFormat, Tool, ToolChoice
from omen.providers.messages.conversation import split_conversation
from omen.providers.messages.passthrough import own_words, sayable
from omen.providers.messages.schema import closed
from omen.providers.messages.thinking import thinking_fields
from omen.providers.messages.traits import MessagesTraits, anthropic_traits
from omen.providers.shared.failures import unsupported

_NO_PARAMETERS = {"type": "object", "properties": {}}
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def messages_body(request: ChatRequest, model: str) -> dict[str, Any]:
    """Write the body of a streamed request.

    A client that speaks this API has written it already. It goes as it came, but for what the model
    is known to refuse and what is ours to decide.
    """
    traits = anthropic_traits(model)
    said = own_words(request)
    if said is not None:
        return {**sayable(said, traits), "model": model, "stream": True}
    if request.logprobs:
        raise unsupported("logprobs")
    if request.messages[-1:] and request.messages[-1].role == "assistant" and not traits.prefill:
        raise unsupported("the continuation of an assistant message")
    system, turns = split_conversation(request.messages, model)
    max_tokens = request.max_tokens if request.max_tokens is not None else traits.max_output
    body: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "stream": True}
    if system:
        body["system"] = system
    body["messages"] = turns
    body |= _tool_fields(request, traits)
    thinking = thinking_fields(request, traits, max_tokens)
    body |= thinking
    if traits.sampling and thinking.get("thinking", _OFF) == _OFF:
        body |= _sampling(request)
    if request.response_format is not None:
        body |= _format(request.response_format, traits, body.get("output_config", {}))
    # A sequence of blanks alone is refused.
    if stop := [sequence for sequence in request.stop if sequence.strip()]:
        body["stop_sequences"] = stop
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    return body


def count_body(request: ChatRequest, model: str) -> dict[str, Any]:
    """Write the body of a request to count tokens, which takes the prompt and nothing else."""
    said = own_words(request)
    if said is None:
        body = messages_body(request, model)
    else:
        body = {**sayable(said, anthropic_traits(model)), "model": model}
    return {name: value for name, value in body.items() if name in _COUNTED}


_COUNTED = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}
    | {"mcp_servers", "context_management", "cache_control"}
)
_OFF = {"type": "disabled"}


def _sampling(request: ChatRequest) -> dict[str, Any]:
    """Write sampling; temperature goes to 2 for OpenAI and to 1 here."""
    fields: dict[str, Any] = {}
    if request.temperature is not None:
        fields["temperature"] = min(request.temperature, 1)
    if request.top_p is not None:
        fields["top_p"] = request.top_p
    if isinstance(request.extras.get("top_k"), int):
        fields["top_k"] = request.extras["top_k"]
    return fields


def _tool_fields(request: ChatRequest, traits: MessagesTraits) -> dict[str, Any]:
    if not request.tools:
        return {}
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in request.tools]}
    choice = None if request.tool_choice is None else _tool_choice(request.tool_choice, traits)
    if request.parallel_tool_calls is False and choice != {"type": "none"}:
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if choice is not None:
        fields["tool_choice"] = choice
    return fields


def _tool(tool: Tool | Opaque) -> dict[str, Any]:
    if isinstance(tool, Opaque):
        raise unsupported(f"a tool of the type {tool.value.get('type')!s:.40}")
    written: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    written["input_schema"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    if tool.strict is not None:
        written["strict"] = tool.strict
    return written


def _tool_choice(choice: ToolChoice, traits: MessagesTraits) -> dict[str, Any]:
    if isinstance(choice, Opaque):
        raise unsupported(f"a tool choice of the type {choice.value.get('type')!s:.40}")
    if not traits.forced_tool and choice not in ("auto", "none"):
        raise unsupported("a forced tool call with this model")
    if isinstance(choice, NamedTool):
        return {"type": "tool", "name": choice.name}
    return {"type": _CHOICES[choice]}


def _format(
    wanted: ResponseFormat, traits: MessagesTraits, output_config: dict[str, Any]
) -> dict[str, Any]:
    if wanted.kind == "text":
        return {}
    if wanted.schema is None:
        raise unsupported("a JSON answer without a schema")
    if not traits.schema:
        raise unsupported("an answer held to a schema with this model")
    schema = {"type": "json_schema", "schema": closed(wanted.schema)}
    return {"output_config": {**output_config, "format": schema}}
