"""What the dialects look for in messages and tools: the question, its size, a fitting tool call.

Everything here takes JSON as it came and survives whatever is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from omen.sim.dialect import ToolUse

_CHARACTERS_A_TOKEN = 4
_MOST_DEPTH = 8
_EXAMPLES: Mapping[str, Any] = {
    "string": "simulated",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
}


def messages_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return those of the request's messages that are objects."""
    messages = body.get("messages")
    return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message: its string, or its text parts joined."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def question_of(messages: list[dict[str, Any]]) -> str:
    """Return the text of the last user message that has any.

    Anthropic's tool results are user messages too; they have none, and the question before them
    stays the question, as in the other dialects.
    """
    asked = (text_of(m) for m in reversed(messages) if m.get("role") == "user")
    return next((text for text in asked if text), "")


def estimated_tokens(messages: list[dict[str, Any]]) -> int:
    """Estimate the size of the prompt: four characters a token, and one for each role."""
    return sum(1 + -(-len(text_of(m)) // _CHARACTERS_A_TOKEN) for m in messages) or 1


def positive_int(value: Any) -> int | None:
    """Return `value` when it is a whole number above 0."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if is_count else None


def tool_use(name: Any, schema: Any) -> ToolUse | None:
    """Make a call of the tool `name`, with arguments made up to fit its JSON schema."""
    if not isinstance(name, str):
        return None
    value = _example(schema, _MOST_DEPTH)
    return ToolUse(name, json.dumps(value if isinstance(value, dict) else {}))


def _example(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth == 0:
        return "simulated"
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = next(iter(kind), None)
    if kind == "array":
        return []
    if kind == "object":
        properties = schema.get("properties")
        fields = properties.items() if isinstance(properties, dict) else ()
        return {name: _example(inner, depth - 1) for name, inner in fields}
    return _EXAMPLES.get(kind, "simulated") if isinstance(kind, str) else "simulated"
