"""What an assistant refused before is part of the conversation, whoever answers next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.chat import ChatRequest, Message, RefusalPart, TextPart
from omen.front.openai.parse import parse_chat
from omen.providers import KINDS
from tests.providers.asking import body, said

NO = "I will not."
PARTS = [{"type": "text", "text": "Well."}, {"type": "refusal", "refusal": NO}]
AGAIN = said("user", "Why?")


def told(kind: str, message: Message) -> dict[str, Any]:
    """What becomes of it: the first message of a request of this kind."""
    request = ChatRequest((said("user", "Do it."), message, AGAIN))
    first: dict[str, Any] = body(kind, request)["messages"][1]
    return first


def read(**message: Any) -> Message:
    chat = {"model": "m", "messages": [{"role": "assistant", **message}]}
    return parse_chat(json.dumps(chat).encode(), {}).request.messages[0]


def test_an_answer_that_is_given_back_as_it_came_leaves_as_it_came() -> None:
    message = read(content=None, refusal=NO)
    assert message.parts == (RefusalPart(NO),)
    assert told("openai", message) == {"role": "assistant", "content": None, "refusal": NO}


def test_parts_leave_as_parts() -> None:
    message = read(content=PARTS)
    assert message.parts == (TextPart("Well."), RefusalPart(NO))
    assert told("openai", message) == {"role": "assistant", "content": PARTS}


def test_text_and_a_refusal_beside_it_stay_beside_each_other() -> None:
    said_both = {"role": "assistant", "content": "Well.", "refusal": NO}
    assert told("openai", read(content="Well.", refusal=NO)) == said_both


@pytest.mark.parametrize("nothing", [None, ""])
def test_who_did_not_refuse_said_nothing_by_it(nothing: str | None) -> None:
    assert read(content="Well.", refusal=nothing).parts == (TextPart("Well."),)


@pytest.mark.parametrize("message", [read(content=None, refusal=NO), read(content=PARTS)])
@pytest.mark.parametrize("kind", KINDS)
def test_everybody_is_told_of_it(kind: str, message: Message) -> None:
    assert NO in json.dumps(told(kind, message))


def test_who_has_no_word_for_it_is_told_it_as_text() -> None:
    message = read(content=PARTS)
    text = [{"type": "text", "text": "Well."}, {"type": "text", "text": NO}]
    assert told("anthropic", message)["content"] == text
    assert told("ollama", message)["content"] == "Well." + NO
