"""The conversation as the Messages API wants it: a system text, and turns that alternate."""

from __future__ import annotations

from typing import Any

import pytest

from omen.core.chat import ChatRequest, FilePart, ImagePart, Message, ReasoningBlock, TextPart
from tests.providers.asking import PNG, body, called, result, said, shown


def sent(*messages: Message) -> dict[str, Any]:
    return body("anthropic", ChatRequest(messages), "claude-sonnet-4-6")


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    ("messages", "system", "turns"),
    [
        pytest.param(
            (said("system", "One."), said("developer", "Two."), said("user", "Hi")),
            "One.\n\nTwo.",
            [user(text("Hi"))],
            id="instructions at the start are the system text",
        ),
        pytest.param(
            (
                said("user", "Hi"),
                said("assistant", "Ho"),
                said("system", "Now."),
                said("user", "?"),
            ),
            None,
            [user(text("Hi")), assistant(text("Ho")), user(text("Now."), text("?"))],
            id="later instructions go into the user's turn",
        ),
        pytest.param(
            (said("user", "a"), said("user", "b")),
            None,
            [user(text("a"), text("b"))],
            id="neighbours of one role are one turn",
        ),
        pytest.param(
            (said("system", " "), said("user", "Hi"), said("assistant", ""), said("user", "b")),
            None,
            [user(text("Hi")), user(text("b"))],
            id="blank texts are left out, and turns of nothing else",
        ),
        pytest.param(
            (
                said("user", "Weather?"),
                called(("call_1", "sky", '{"b": 1, "a": 2}'), ("call_2", "sun", ""), text="Well."),
                said("system", "Be quick."),
                result("call_1", "grey"),
                result("call_2", ""),
                said("user", "And?"),
            ),
            None,
            [
                user(text("Weather?")),
                assistant(
                    text("Well."),
                    {"type": "tool_use", "id": "call_1", "name": "sky", "input": {"b": 1, "a": 2}},
                    {"type": "tool_use", "id": "call_2", "name": "sun", "input": {}},
                ),
                user(
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "grey"},
                    {"type": "tool_result", "tool_use_id": "call_2"},
                    text("Be quick."),
                    text("And?"),
                ),
            ],
            id="all results of a turn come in one user message, before any text",
        ),
        pytest.param(
            (
                shown(
                    "user", TextPart("Look"), ImagePart(PNG, "low"), ImagePart("https://i/x.png")
                ),
                called(("c", "f", "{}")),
                Message("tool", (TextPart("see"), ImagePart(PNG)), tool_call_id="c"),
            ),
            None,
            [
                user(
                    text("Look"),
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": "iVBORw0KGgo=",
                        },
                    },
                    {"type": "image", "source": {"type": "url", "url": "https://i/x.png"}},
                ),
                assistant({"type": "tool_use", "id": "c", "name": "f", "input": {}}),
                user(
                    {
                        "type": "tool_result",
                        "tool_use_id": "c",
                        "content": [
                            text("see"),
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": "iVBORw0KGgo=",
                                },
                            },
                        ],
                    }
                ),
            ],
            id="images, inline and by address, in messages and in results",
        ),
    ],
)
def test_conversations(
    messages: tuple[Message, ...], system: str | None, turns: list[dict[str, Any]]
) -> None:
    written = sent(*messages)
    assert written.get("system") == system
    assert written["messages"] == turns


def test_a_foreign_tool_id_is_rewritten_alike_in_the_call_and_in_its_result() -> None:
    foreign = "call:1|β"
    messages = (said("user", "?"), called((foreign, "f", "{}")), result(foreign, "x"))
    _, call, answer = sent(*messages)["messages"]
    assert call["content"][0]["id"] == answer["content"][0]["tool_use_id"]
    assert call["content"][0]["id"].isascii()


def test_thinking_stands_first_in_its_turn_and_only_for_the_model_that_thought() -> None:
    signed = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    call = called(("t1", "f", "{}"), text="Looking.")
    thought = (
        ReasoningBlock("anthropic", "claude-opus-5", signed),
        ReasoningBlock("openai", "gpt", {"type": "reasoning"}),
    )
    turn = Message(call.role, call.parts, tool_calls=call.tool_calls, reasoning=thought)
    asked = ChatRequest((said("user", "hi"), turn, result("t1", "x")))
    first = [
        body("anthropic", asked, model)["messages"][1]["content"][0]
        for model in ("claude-opus-5", "claude-sonnet-5")
    ]
    assert first == [signed, {"type": "text", "text": "Looking."}]


def test_a_result_that_is_an_error_says_so() -> None:
    failed = Message("tool", (TextPart("no"),), tool_call_id="t1", is_error=True)
    asked = ChatRequest((said("user", "hi"), called(("t1", "f", "{}")), failed))
    assert body("anthropic", asked)["messages"][2]["content"][0]["is_error"] is True


def test_a_pdf_is_a_document() -> None:
    pdf = FilePart("data:application/pdf;base64,aGk=")
    asked = ChatRequest((Message("user", (TextPart("read"), pdf), single_text=False),))
    assert body("anthropic", asked)["messages"][0]["content"][1] == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
    }
