"""A conversation's items in orders that clients write, and items that only OpenAI can read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.chat import ImagePart, Message, ResponseFormat
from omen.providers import KINDS
from tests.front.responses.test_client_tools import refused
from tests.front.responses.test_parse import read
from tests.providers.asking import candidate

ASK = {"role": "user", "content": "q"}
NOTE = {"role": "user", "content": "note"}


def call(name: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}


def result(name: str, output: Any = "r") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": name, "output": output}


def text(words: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": words}


def shape(message: Message) -> str:
    """Tell a message in short: its role, text, calls and whose result it is."""
    told = [message.role, message.text, *(call.id for call in message.tool_calls)]
    return " ".join(word for word in (*told, message.tool_call_id) if word)


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ([ASK, call("c"), text("wait"), result("c")], ["user q", "assistant wait c", "tool r c"]),
        (
            [ASK, text("so"), call("c"), text("wait"), result("c")],
            ["user q", "assistant so\n\nwait c", "tool r c"],
        ),
        (
            [ASK, call("a"), call("b"), result("b"), result("a")],
            ["user q", "assistant a b", "tool r b", "tool r a"],
        ),
        (
            [ASK, call("a"), result("a"), call("b"), result("b")],
            ["user q", "assistant a", "tool r a", "assistant b", "tool r b"],
        ),
        (
            [ASK, call("a"), call("b"), result("a"), NOTE, result("b")],
            ["user q", "assistant a b", "tool r a", "tool r b", "user note"],
        ),
        (
            [ASK, call("a"), NOTE, text("then"), result("a")],
            ["user q", "assistant a", "tool r a", "user note", "assistant then"],
        ),
        ([ASK, result("lost")], ["user q", "tool r lost"]),
    ],
)
def test_results_follow_the_one_message_that_made_their_calls(
    items: list[Any], messages: list[str]
) -> None:
    assert [shape(message) for message in read(input=items).request.messages] == messages


def test_several_texts_of_a_result_are_lines_of_one() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}]
    message = read(input=[call("c"), result("c", parts)]).request.messages[-1]
    assert (message.text, message.single_text) == ("a\nb", True)


def test_a_picture_in_a_result_stays_with_it() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA"}
    message = read(input=[call("c"), result("c", [picture])]).request.messages[-1]
    assert message.parts == (ImagePart("data:image/png;base64,AA"),)


def test_what_another_agent_says_is_told_with_its_name() -> None:
    item = {
        "type": "agent_message",
        "author": "scout",
        "recipient": "root",
        "content": [{"type": "input_text", "text": "Found it."}],
    }
    asked = read(input=[ASK, item]).request
    assert [shape(message) for message in asked.messages] == [
        "user q",
        "user Message from scout:\n\nFound it.",
    ]
    sealed = {**item, "content": [{"type": "encrypted_content", "encrypted_content": "x"}]}
    assert "of the type encrypted_content" in refused(input=[ASK, sealed])


def test_the_last_item_about_it_says_how_the_answer_is_made() -> None:
    more = {"type": "configuration_update", "reasoning": {"effort": "high"}}
    json_now = {"type": "configuration_update", "text": {"format": {"type": "json_object"}}}
    asked = read(
        input=[more, ASK, json_now], reasoning={"effort": "low"}, text={"verbosity": "low"}
    )
    assert asked.request.reasoning_effort == "high"
    assert asked.request.response_format == ResponseFormat("json_object")
    assert asked.request.extras == {"verbosity": "low"}
    assert [shape(message) for message in asked.request.messages] == ["user q"]


@pytest.mark.parametrize("kind", ["compaction", "compaction_summary", "reasoning", "mcp_call"])
def test_what_a_vendor_wrote_for_itself_is_left_out_for_others(kind: str) -> None:
    item = {"type": kind, "id": "x", "encrypted_content": "sealed"}
    asked = read(input=[item, ASK]).request
    assert [shape(message) for message in asked.messages] == ["user q"]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "item_reference"),
        ({"type": "compaction_trigger"}, "compaction_trigger"),
        ({"type": "of_tomorrow", "content": 3}, "of_tomorrow"),
        ({"role": "user", "content": [{"type": "input_audio", "data": "x"}]}, "input_audio"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "1"}]}, "input_image"),
        (result("c", [{"type": "of_tomorrow"}]), "of_tomorrow"),
    ],
)
def test_what_only_openai_understands_is_carried_there_and_refused_by_others(
    item: Any, kind: str
) -> None:
    asked = {"input": [ASK, call("c"), item]}
    assert f"of the type {kind}" in refused(**asked)
    sent = KINDS["openai"].encode(read(**asked).request, candidate("openai", "gpt-5.6"))
    assert sent.url.endswith("/responses")
    assert json.loads(sent.body)["input"] == asked["input"]
