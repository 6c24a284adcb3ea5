"""`/api/chat` and `/api/embed`: a request read, and what is refused of it.

**Source.** https://github.com/ollama/ollama/blob/main/docs/api.md and the server's source of
2026-08, read 2026-11-22.
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
    tokens_in,
)
from omen.sim.dialect import Call, ToolUse
from omen.sim.embeddings import DIMENSIONS, USUAL_DIMENSIONS, EmbeddingsCall
from omen.sim.examples import json_text, tool_use
from omen.sim.http import Refused, json_object
from omen.sim.ollama.traits import LEVELS, THOUGHTS, Traits, traits_of

_NOT_A_STRING = (
    "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
)
_NOT_AN_OBJECT = (
    "json: cannot unmarshal string into Go struct field "
    "ToolCallFunction.messages.tool_calls.function.arguments of type map[string]interface {}"
)


def read_body(raw: bytes, models: Collection[str]) -> tuple[dict[str, Any], str]:
    """Return the body and the model it names, which is served here. **Raises.** `Refused`."""
    body = json_object(raw)
    if body is None:
        raise Refused("invalid character in the body: not JSON")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused("model is required")
    if model not in models and model.removesuffix(":latest") not in models:
        raise Refused(f"model '{model}' not found", status=404)
    return body, model


def chat_call(body: dict[str, Any], model: str) -> Call:
    """Make the call of a body with messages in it. **Raises.** `Refused`."""
    messages, traits = messages_of(body), traits_of(model)
    _check_model(body, model, traits)
    _check_messages(messages)
    options = body.get("options")
    limit = options.get("num_predict") if isinstance(options, dict) else None
    return Call(
        model=model,
        key=question_of(messages),
        stream=body.get("stream") is not False,
        prompt_tokens=estimated_tokens(messages),
        max_tokens=positive_int(limit),
        tool=_tool_to_call(body, messages),
        reasoning=_read_think(body.get("think"), model, traits),
        json_text=_read_format(body.get("format")),
    )


def embed_call(body: dict[str, Any], model: str) -> EmbeddingsCall:
    """Make the call of a request for vectors. **Raises.** `Refused`."""
    given = body.get("input", "")
    texts = given if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise Refused("invalid input type")
    texts = [text for text in texts if text]
    most = DIMENSIONS.get(model.partition(":")[0], USUAL_DIMENSIONS)
    return EmbeddingsCall(
        model=model,
        key=texts[0] if texts else "",
        stream=False,
        prompt_tokens=sum(tokens_in(text) for text in texts),
        max_tokens=1,
        texts=tuple(texts),
        dimensions=min(positive_int(body.get("dimensions")) or most, most),
    )


def _check_model(body: dict[str, Any], model: str, traits: Traits) -> None:
    if not traits.chats:
        raise Refused(f'"{model}" does not support chat')
    if body.get("tools") and not traits.calls_tools:
        raise Refused(f'"{model}" does not support tools')


def _check_messages(messages: list[dict[str, Any]]) -> None:
    """Refuse what Go could not read: content in parts, arguments as text."""
    for message in messages:
        if isinstance(message.get("content"), list):
            raise Refused(_NOT_A_STRING)
        for call in objects(message.get("tool_calls")):
            function = call.get("function")
            arguments = function.get("arguments") if isinstance(function, dict) else None
            if isinstance(arguments, str):
                raise Refused(_NOT_AN_OBJECT)


def _read_think(think: Any, model: str, traits: Traits) -> int:
    """Return how many tokens of reasoning there are: a model that can think does if not told."""
    if think is not None and not isinstance(think, bool) and think not in tuple(LEVELS):
        levels = ", ".join(f'"{level}"' for level in LEVELS)
        raise Refused(f'invalid think value: "{think}" (must be {levels}, true, or false)')
    if not traits.thinks:
        if think:
            raise Refused(f'"{model}" does not support thinking')
        return 0
    if isinstance(think, str):
        return LEVELS[think]
    return 0 if think is False and not traits.levels_only else THOUGHTS


def _tool_to_call(body: dict[str, Any], messages: list[dict[str, Any]]) -> ToolUse | None:
    if not messages or messages[-1].get("role") == "tool":
        return None
    functions = objects([tool.get("function") for tool in objects(body.get("tools"))])
    first = named(functions, None)
    return tool_use(first.get("name"), first.get("parameters")) if first else None


def _read_format(wanted: Any) -> str | None:
    """Return the JSON that the answer is to be, where one was asked for."""
    if wanted == "json":
        return json_text()
    if isinstance(wanted, dict):
        return json_text(wanted)
    if wanted in (None, "", "null"):
        return None
    raise Refused(f'invalid format: "{wanted}"; expected "json" or a valid JSON Schema object')
