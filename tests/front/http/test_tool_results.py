"""Pictures in a result go where every vendor takes them, from every door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.chat import FilePart, ImagePart, Message, TextPart
from omen.front.http.tool_results import SHOWN_NEXT, move_media
from omen.front.ollama import OllamaChat
from omen.front.openai.parse import parse_chat
from omen.front.responses._parse import parse_responses
from tests.providers.asking import called, result, said

PNG = "data:image/png;base64,aGk="
PICTURE, FILE = ImagePart(PNG), FilePart("data:application/pdf;base64,aGk=", "a.pdf")
CALLS = called(("c1", "look", "{}"), ("c2", "look", "{}"))


def shows(call_id: str, *parts: Any) -> Message:
    return Message("tool", parts, tool_call_id=call_id, single_text=False)


def test_results_of_text_stay_as_they_are() -> None:
    turns = (said("user", "hi"), CALLS, result("c1", "a"), result("c2", "b"), said("user", "so?"))
    assert move_media(turns) == turns


def test_media_come_behind_all_results_and_before_what_the_user_says() -> None:
    first, second = shows("c1", TextPart("seen"), PICTURE), shows("c2", FILE)
    moved = move_media([CALLS, first, second, said("user", "so?")])
    assert moved == (
        CALLS,
        Message("tool", (TextPart("seen"),), tool_call_id="c1"),
        Message("tool", (TextPart(SHOWN_NEXT),), tool_call_id="c2"),
        Message("user", (PICTURE, FILE, TextPart("so?")), single_text=False),
    )


def test_they_have_a_message_of_their_own_where_the_user_says_nothing() -> None:
    shown = Message("user", (PICTURE,), single_text=False)
    assert move_media([CALLS, shows("c1", PICTURE), result("c2", "b")])[-1] == shown
    moved = move_media([CALLS, shows("c1", PICTURE), said("assistant", "I see.")])
    assert moved[2:] == (shown, said("assistant", "I see."))


CHAT = {
    "messages": [
        {"role": "user", "content": "look"},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": [{"type": "image_url", "image_url": {"url": PNG}}],
        },
    ]
}
RESPONSES = {
    "input": [
        {"role": "user", "content": "look"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_image", "image_url": PNG}],
        },
    ]
}
OLLAMA = {
    "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "content": "", "images": [PNG.partition(",")[2]]},
    ]
}


@pytest.mark.parametrize(
    ("parse", "body"),
    [(parse_chat, CHAT), (parse_responses, RESPONSES), (OllamaChat().parse, OLLAMA)],
    ids=["chat", "responses", "ollama"],
)
def test_every_door_moves_them(parse: Any, body: dict[str, Any]) -> None:
    messages = parse(json.dumps({"model": "m", **body}).encode(), {}).request.messages
    assert [m.role for m in messages] == ["user", "assistant", "tool", "user"]
    assert all(isinstance(part, TextPart) for part in messages[2].parts)
    (picture,) = messages[3].parts
    assert isinstance(picture, ImagePart)
    assert picture.url.startswith("data:image/png;base64,")
