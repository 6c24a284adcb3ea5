"""Turns in the order that vendors take: results behind their calls, pictures with the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from omen.core.chat import ChatRequest, ImagePart, Message, TextPart
from omen.providers.shared.turns import in_order
from tests.providers.asking import PNG, body, called, result, said

HI = said("user", "Hi.")
CALL = called(("c1", "look", "{}"))
BOTH = called(("c1", "look", "{}"), ("c2", "look", "{}"))
RESULT = result("c1", "3")


def picture(call_id: str, *parts: TextPart) -> Message:
    return Message("tool", (*parts, ImagePart(PNG)), tool_call_id=call_id, single_text=False)


@pytest.mark.parametrize(
    "messages", [(HI,), (HI, CALL, RESULT), (HI, said("assistant", "a"), HI, CALL, RESULT, HI)]
)
def test_what_is_in_order_stays_as_it_is(messages: Sequence[Message]) -> None:
    assert list(in_order(messages)) == list(messages)


def test_words_between_a_call_and_its_result_go_into_the_message_of_the_call() -> None:
    more = called(("c2", "look", "{}"))
    written = in_order(
        (HI, CALL, said("assistant", "One moment."), more, RESULT, result("c2", "4"))
    )
    assert [message.role for message in written] == ["user", "assistant", "tool", "tool"]
    assert written[1].text == "One moment."
    assert [call.id for call in written[1].tool_calls] == ["c1", "c2"]


def test_words_behind_a_call_that_nobody_answered_stay_there() -> None:
    messages = (HI, CALL, said("assistant", "Never mind."), HI, RESULT)
    assert list(in_order(messages)) == list(messages)


def test_pictures_of_results_are_shown_behind_the_last_of_them() -> None:
    written = in_order((HI, BOTH, picture("c1"), picture("c2", TextPart("Oslo")), HI))
    assert [message.role for message in written] == [
        "user", "assistant", "tool", "tool", "user",
    ]  # fmt: skip
    first, second, shown = written[2:]
    assert (first.text, second.text) == ("The result is what the next message shows.", "Oslo")
    assert shown.parts == (ImagePart(PNG), ImagePart(PNG), TextPart("Hi."))


@pytest.mark.parametrize("kind", ["openai", "azure", "xai", "openai_compatible"])
def test_a_vendor_gets_them_so(kind: str) -> None:
    written: list[dict[str, Any]] = body(kind, ChatRequest((HI, CALL, picture("c1"))))["messages"]
    assert [message["role"] for message in written] == ["user", "assistant", "tool", "user"]
    assert isinstance(written[2]["content"], str)
    assert written[3]["content"][0]["type"] == "image_url"


def test_ollama_gets_the_picture_of_a_result_too() -> None:
    written = body("ollama", ChatRequest((HI, CALL, picture("c1"))))["messages"]
    assert written[3]["images"] == [PNG.partition(",")[2]]
