"""What the dialects look for in messages: the question, its size, the tool that is wanted.

Everything here takes JSON as it came and survives whatever is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CHARACTERS_A_TOKEN = 4


def messages_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return those of the request's messages that are objects."""
    return objects(body.get("messages"))


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
    return sum(1 + tokens_in(text_of(m)) for m in messages) or 1


def tokens_in(text: str) -> int:
    """Estimate the size of a text."""
    return -(-len(text) // _CHARACTERS_A_TOKEN)


def positive_int(value: Any) -> int | None:
    """Return `value` when it is a whole number above 0, written with a point or without."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    is_count = isinstance(whole, int) and not isinstance(whole, bool) and whole > 0
    return whole if is_count else None


def objects(value: Any) -> list[dict[str, Any]]:
    """Return those members of a list that are objects; none when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def named(tools: list[dict[str, Any]], name: Any) -> dict[str, Any] | None:
    """Return the tool of that name, without a name the first; None when there is none."""
    found = (tool for tool in tools if not isinstance(name, str) or tool.get("name") == name)
    return next(found, None)
