"""Whole answers, good and bad, with the requests that they are for."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench._gate._openings import CONTINUATIONS, OPENINGS
from omen.core.chat import ChatRequest, Message, ResponseFormat, TextPart, Tool
from omen.core.events import AnswerEnd, Event, TextDelta, ToolCallDelta

QUESTION = "Please answer this question as well as you can."
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "year": {"type": "integer"},
        "kind": {"enum": ["book", "film", "song"]},
        "people": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
    },
    "required": ["title", "kind"],
    "additionalProperties": False,
}
_TOOL = Tool("find", parameters=_SCHEMA)
_WORDS = (
    "river",
    "stone",
    "light",
    "paper",
    "cloud",
    "bread",
    "window",
    "garden",
    "letter",
    "bridge",
)
_PIECE = 5
_SORRY = "I'm sorry, but I can't help with that."
_LOOP = "I think that we should go on. "


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the pieces in which it arrives, and its request."""

    request: ChatRequest
    pieces: Sequence[Event]


def good_texts() -> Iterator[Answer]:
    """Yield every opening with every continuation."""
    for prompt, openings in OPENINGS.items():
        for opening in openings:
            for more in CONTINUATIONS:
                yield Answer(asked(prompt), in_pieces(opening + more))


def good_objects(count: int, seed: int) -> Iterator[Answer]:
    """Yield answers of JSON and calls of a tool, half of each."""
    dice = random.Random(seed)
    for number in range(count):
        yield wanted_object(dice) if number % 2 else wanted_call(dice)


def wanted_object(dice: random.Random) -> Answer:
    """Return a good answer to a request for JSON."""
    return Answer(_ASKED_JSON, in_pieces(_object(dice)))


def wanted_call(dice: random.Random) -> Answer:
    """Return a good answer to a request with a tool."""
    return Answer(_ASKED_CALL, _call(_object(dice)))


def wanted_text(dice: random.Random) -> Answer:
    """Return a good answer in words."""
    opening = dice.choice(OPENINGS[QUESTION][:40])
    return Answer(asked(QUESTION), in_pieces(opening + dice.choice(CONTINUATIONS[1:])))


def wanted_essay(dice: random.Random) -> Answer:
    """Return a good answer in several sentences."""
    return Answer(asked(QUESTION), in_pieces(" ".join(dice.sample(OPENINGS[QUESTION][:40], 8))))


def bad_pieces(check: str, dice: random.Random) -> Sequence[Event]:
    """Return an answer as the check is there to reject it."""
    text = _object(dice)
    bad: Mapping[str, Sequence[Sequence[Event]]] = {
        "json_schema": [
            in_pieces("Sure, here is the object you asked for: " + text),
            in_pieces("```json\n" + text + "\n```"),
            in_pieces(text.replace('"title": "', '"name": "', 1)),
            in_pieces("[" + text + "]"),
        ],
        "tool_args": [
            _call(text, "search"),
            _call("title=" + text),
            _call(text.replace('"title": "', '"titel": "', 1)),
            _call("[" + text + "]"),
        ],
        "no_refusal": [in_pieces(_SORRY), in_pieces("I cannot assist with this request. " + text)],
        "language": [in_pieces("我很乐意回答这个问题。首先需要说明几点。")],
        "no_repetition": [in_pieces(_LOOP * 20), in_pieces("the " * 80)],
        "regex": [in_pieces("Let me think about it.")],
    }
    return dice.choice(bad[check])


def asked(prompt: str, **fields: Any) -> ChatRequest:
    """Return a request with one message."""
    return ChatRequest((Message("user", (TextPart(prompt),)),), **fields)


_ASKED_JSON = asked(QUESTION, response_format=ResponseFormat("json_schema", schema=_SCHEMA))
_ASKED_CALL = asked(QUESTION, tools=(_TOOL,))


def in_pieces(text: str) -> list[Event]:
    """Cut a text into deltas of a few characters, as models write."""
    deltas = [TextDelta(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE)]
    return [*deltas, AnswerEnd("stop")]


def _call(arguments: str, name: str = "find") -> list[Event]:
    cuts = range(0, len(arguments), _PIECE)
    pieces = [ToolCallDelta(0, arguments=arguments[at : at + _PIECE]) for at in cuts]
    return [ToolCallDelta(0, "call_1", name), *pieces, AnswerEnd("tool_calls")]


def _object(dice: random.Random) -> str:
    people = [{"name": dice.choice(_WORDS)} for _ in range(dice.randrange(3))]
    whole = {
        "title": " ".join(dice.sample(_WORDS, 3)),
        "year": dice.randrange(1800, 2026),
        "kind": dice.choice(["book", "film", "song"]),
        "people": people,
    }
    return json.dumps(whole)
