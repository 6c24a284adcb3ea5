"""What is asked of a real server, directly and through OMEN: the rows of the table.

A situation asks one side and returns its observation. It asserts that the answer is one of its
kind (a tool was called, a thought was cut), so that two empty answers do not pass for equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.real.asking import Side

Server = Literal["talker", "caller", "thinker", "embedder"]
QUESTION = [{"role": "user", "content": "Which river is near the bridge?"}]
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "mood": {"enum": ["calm", "wild"]},
        "days": {"type": "integer"},
    },
    "required": ["city", "mood", "days"],
    "additionalProperties": False,
}
FUNCTION = {
    "name": "get_weather",
    "description": "Tell the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
}
TOOLS = [{"type": "function", "function": FUNCTION}]
TOOL_USE = [
    {
        "name": FUNCTION["name"],
        "description": FUNCTION["description"],
        "input_schema": FUNCTION["parameters"],
    }
]
CALLED = [
    *QUESTION,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city": "Oslo", "days": 2}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "rain, then sun"},
]
PICTURE = "data:image/png;base64,iVBORw0KGgo="


@dataclass(frozen=True)
class Situation:
    """A row: its title is the docstring of what asks."""

    title: str
    server: Server
    ask: Callable[[Side], Any]


class Situations(list[Situation]):
    """A list that functions add themselves to."""

    def on(self, server: Server) -> Callable[[Callable[[Side], Any]], Callable[[Side], Any]]:
        def add(ask: Callable[[Side], Any]) -> Callable[[Side], Any]:
            assert ask.__doc__
            self.append(Situation(ask.__doc__.rstrip("."), server, ask))
            return ask

        return add


SITUATIONS = Situations()
