"""What one delta says, apart from its tool calls: text, reasoning, refusal, further fields.

Content is a text at OpenAI and a list of parts at Mistral, whose reasoning models stream thinking
and text in it. Reasoning has two names of its own and, at OpenRouter, a list of details besides,
which has to come back as it was.

**Source.** OpenAI's reference of the chunk object, docs.mistral.ai (reasoning), openrouter.ai/docs
(reasoning tokens), as read on 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omen.core.events import MessageFields, ReasoningDelta, RefusalDelta, TextDelta
from omen.providers.shared.json import text_of

_FIELDS = ("annotations", "images", "reasoning_details", "extra_content")
"""Fields of a message beside the text that mean something to a client, or come back with it."""

Said = TextDelta | ReasoningDelta | RefusalDelta | MessageFields


def read_content(delta: Mapping[str, Any]) -> Iterator[Said]:
    """Yield what a delta (or a whole message) says, in the order in which a reader wants it."""
    reasoning = text_of(delta.get("reasoning_content") or delta.get("reasoning"))
    if reasoning := reasoning or _reasoning_of(delta.get("reasoning_details")):
        yield ReasoningDelta(reasoning)
    content = delta.get("content")
    if isinstance(content, str):
        if content:
            yield TextDelta(content)
    elif isinstance(content, list):
        yield from _read_parts(content)
    if refusal := text_of(delta.get("refusal")):
        yield RefusalDelta(refusal)
    fields = {name: delta[name] for name in _FIELDS if delta.get(name)}
    if fields:
        yield MessageFields(fields)


def _read_parts(parts: list[Any]) -> Iterator[Said]:
    """Yield what a list of content parts says; a kind of part that is not known says nothing."""
    for part in parts:
        match part:
            case {"type": "text" | "output_text", "text": str(text)} if text:
                yield TextDelta(text)
            case {"type": "thinking" | "reasoning"}:
                thought = part.get("thinking", part.get("text"))
                if text := thought if isinstance(thought, str) else _texts(thought):
                    yield ReasoningDelta(text)
            case {"type": "refusal", "refusal": str(text)} if text:
                yield RefusalDelta(text)
            case {"type": "image_url"}:
                yield MessageFields({"images": [part]})
            case str(text) if text:
                yield TextDelta(text)


def _texts(parts: object) -> str:
    listed = parts if isinstance(parts, list) else ()
    named = (part.get("text") for part in listed if isinstance(part, dict))
    return "".join(text for text in named if isinstance(text, str))


def _reasoning_of(details: object) -> str:
    """Return what of OpenRouter's details can be read; an encrypted one cannot."""
    found: list[str] = []
    for detail in details if isinstance(details, list) else ():
        match detail:
            case {"type": "reasoning.text", "text": str(text)}:
                found.append(text)
            case {"type": "reasoning.summary", "summary": str(text)}:
                found.append(text)
    return "".join(found)
