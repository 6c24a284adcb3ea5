"""The Messages request.

What the API refuses by model is left out when the answer is only coloured by it (temperature) and
is UNSUPPORTED when the answer would not be what was asked for (a schema, a forced tool). Hints
that have no field here (seed, penalties, extras of the OpenAI dialect) are ignored.

**Source.** docs.anthropic.com/en/api/messages, API version 2023-06-01, read 2026-11-22.
"""

from __future__ import annotations

from typing import Any

from omen.core.chat import ChatRequest, ResponseFormat
from omen.providers.messages.conversation import split_conversation
from omen.providers.messages.passthrough import fitted, one_of_two, own_words
from omen.providers.messages.schema import strict_schema
from omen.providers.messages.thinking import thinking_fields
from omen.providers.messages.tools import tool_fields
from omen.providers.messages.traits import MessagesTraits, anthropic_traits, known_limit
from omen.providers.shared.failures import unsupported


def messages_body(
    request: ChatRequest, model: str, most_tokens: int | None = None
) -> dict[str, Any]:
    """Write the body of a streamed request.

    A client that speaks this API has written it already. It goes as it came, but for what the model
    is known to refuse and what is ours to decide. `most_tokens` is the most that the model
    generates, where that is known.
    """
    traits = anthropic_traits(model)
    most = most_tokens or known_limit(model)
    said = own_words(request)
    if said is not None:
        return {**fitted(said, traits, most), "model": model, "stream": True}
    if request.logprobs:
        raise unsupported("logprobs")
    system, turns = split_conversation(request.messages, model)
    if turns[-1]["role"] == "assistant" and not traits.prefill:
        raise unsupported("the continuation of an assistant message")
    max_tokens = request.max_tokens if request.max_tokens is not None else traits.max_output
    max_tokens = min(max_tokens, most) if most is not None else max_tokens
    body: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "stream": True}
    if system:
        body["system"] = system
    body["messages"] = turns
    body |= tool_fields(request, traits)
    thinking = thinking_fields(request, traits, model, max_tokens)
    body |= thinking
    if traits.sampling != "none" and thinking.get("thinking", _OFF) == _OFF:
        body |= one_of_two(_sampling(request)) if traits.sampling == "one" else _sampling(request)
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
        body = {**fitted(said, anthropic_traits(model), None), "model": model}
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


def _format(
    wanted: ResponseFormat, traits: MessagesTraits, output_config: dict[str, Any]
) -> dict[str, Any]:
    if wanted.kind == "text":
        return {}
    if wanted.schema is None:
        raise unsupported("a JSON answer without a schema")
    if not traits.schema:
        raise unsupported("an answer held to a schema with this model")
    schema = {"type": "json_schema", "schema": strict_schema(wanted.schema)}
    return {"output_config": {**output_config, "format": schema}}
