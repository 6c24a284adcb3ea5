"""Pictures in a result stay in it from every door, and go where each vendor takes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.chat import SHOWN_NEXT, ChatRequest, FilePart, ImagePart, Message, TextPart
from omen.front.ollama import OllamaChat
from omen.front.openai.parse import parse_chat
from omen.front.responses._parse import parse_responses
from omen.providers.shared.turns import in_order
from tests.providers.asking import body, called, result, said

PNG = "data:image/png;base64,aGk="
PICTURE, FILE = ImagePart(PNG), FilePart("data:application/pdf;base64,aGk=", "a.pdf")
CALLS = called(("c1", "look", "{}"), ("c2", "look", "{}"))


def shows(call_id: str, *parts: Any) -> Message:
    return Message("tool", parts, tool_call_id=call_id, single_text=False)


def test_results_of_text_stay_as_they_are() -> None:
    turns = (said("user", "hi"), CALLS, result("c1", "a"), result("c2", "b"), said("user", "so?"))
    assert in_order(turns) == list(turns)


def test_media_come_behind_all_results_and_before_what_the_user_says() -> None:
    first, second = shows("c1", TextPart("seen"), PICTURE), shows("c2", FILE)
    moved = in_order([CALLS, first, second, said("user", "so?")])
    assert moved == [
        CALLS,
        Message("tool", (TextPart("seen"),), tool_call_id="c1"),
        Message("tool", (TextPart(SHOWN_NEXT),), tool_call_id="c2"),
        Message("user", (PICTURE, FILE, TextPart("so?")), single_text=False),
    ]


def test_they_have_a_message_of_their_own_where_the_user_says_nothing() -> None:
    shown = Message("user", (PICTURE,), single_text=False)
    assert in_order([CALLS, shows("c1", PICTURE), result("c2", "b")])[-1] == shown
    moved = in_order([CALLS, shows("c1", PICTURE), result("c2", "b"), said("assistant", "Hm.")])
    assert moved[3:] == [shown, said("assistant", "Hm.")]


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
def test_every_door_leaves_them_where_they_are(parse: Any, body: dict[str, Any]) -> None:
    messages = parse(json.dumps({"model": "m", **body}).encode(), {}).request.messages
    assert [m.role for m in messages] == ["user", "assistant", "tool"]
    (picture,) = [part for part in messages[2].parts if not isinstance(part, TextPart)]
    assert isinstance(picture, ImagePart)
    assert picture.url.startswith("data:image/png;base64,")


ASKED = ChatRequest(
    (said("user", "look"), called(("c1", "look", "{}")), shows("c1", PICTURE, FILE))
)


def test_claude_gets_them_in_the_result() -> None:
    (block,) = body("anthropic", ASKED)["messages"][2]["content"]
    assert block["type"] == "tool_result"
    assert [part["type"] for part in block["content"]] == ["image", "document"]


def test_the_responses_api_gets_them_in_the_result() -> None:
    output = body("openai", ASKED, "gpt-5.3-codex")["input"][-1]
    assert output["type"] == "function_call_output"
    assert [part["type"] for part in output["output"]] == ["input_image", "input_file"]


@pytest.mark.parametrize("kind", ["openai", "azure", "xai", "openai_compatible"])
def test_chat_completions_get_them_from_the_user(kind: str) -> None:
    *_, tool, user = body(kind, ASKED, "gpt-4o")["messages"]
    assert (tool["role"], tool["content"]) == ("tool", SHOWN_NEXT)
    assert [part["type"] for part in user["content"]] == ["image_url", "file"]
