"""Requests of every shape, for rules that have many cases."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from omen.core.chat import ChatRequest, ImagePart, Message, ResponseFormat, TextPart, Tool, ToolCall
from tests.providers.asking import PNG

TEXTS = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """A question, and what came of it: an answer, or calls, their results and an answer."""
    texts = draw(st.lists(TEXTS, min_size=1, max_size=2))
    parts: list[Any] = [TextPart(text) for text in texts]
    if draw(st.booleans()):
        parts.append(ImagePart(PNG))
    single = len(parts) == 1
    turn = [Message("user", tuple(parts), single_text=single)]
    ids = draw(st.lists(NAMES, max_size=2, unique=True))
    if ids:
        calls = tuple(ToolCall(i, draw(NAMES), compact(draw(OBJECTS))) for i in ids)
        said = (TextPart(draw(TEXTS)),) if draw(st.booleans()) else ()
        turn.append(Message("assistant", said, tool_calls=calls))
        turn += [Message("tool", (TextPart(draw(TEXTS)),), tool_call_id=i) for i in ids]
    turn.append(Message("assistant", (TextPart(draw(TEXTS)),)))
    return turn


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """A conversation that ends with a question."""
    system = [Message("system", (TextPart(draw(TEXTS)),))] if draw(st.booleans()) else []
    past = [message for turn in draw(st.lists(turns(), max_size=2)) for message in turn]
    question = Message("user", (TextPart(draw(TEXTS)),))
    tools = [
        Tool(name, draw(st.none() | TEXTS), {"type": "object", "properties": draw(OBJECTS)})
        for name in draw(st.lists(NAMES, max_size=2, unique=True))
    ]
    schema = ResponseFormat("json_schema", schema={"type": "object", **draw(OBJECTS)})
    return ChatRequest(
        messages=(*system, *past, question),
        tools=tuple(tools),
        tool_choice=draw(st.sampled_from([None, "auto"])) if tools else None,
        response_format=draw(st.sampled_from([None, schema])),
        max_tokens=draw(st.none() | st.integers(1, 999)),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.25, 1.0])),
        top_p=draw(st.none() | st.sampled_from([0.5, 1.0])),
        seed=draw(st.none() | st.integers(0, 99)),
        stop=tuple(draw(st.lists(TEXTS, max_size=2))),
        reasoning_effort=draw(st.sampled_from([None, "none", "low", "high"])),
        user=draw(st.none() | NAMES),
    )
