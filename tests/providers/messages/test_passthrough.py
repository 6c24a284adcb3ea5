"""What a client wrote in Anthropic's words goes as it came, but for what a model would refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.front.anthropic.parse import parse_count, parse_messages
from omen.providers import anthropic
from tests.providers.asking import body, candidate

NEWEST, OLDER = "claude-opus-5-5", "claude-opus-4-6"
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}
BRIEF = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def turn(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def sent(turns: list[dict[str, Any]], model: str) -> list[dict[str, Any]]:
    asked = {"model": "m", "max_tokens": 9, "messages": turns}
    written = body("anthropic", parse_messages(json.dumps(asked).encode(), {}).request, model)
    return list(written["messages"])


HI = {"role": "user", "content": "Hi."}
SYSTEM = {"role": "system", "content": "Be brief."}
ANSWER = {"role": "assistant", "content": "Hello."}


@pytest.mark.parametrize("model", [NEWEST, "claude-9-unheard-of"])
def test_the_newest_models_take_instructions_in_the_middle(model: str) -> None:
    turns = [HI, SYSTEM, ANSWER, turn("system", BRIEF), HI]
    assert sent(turns, model) == turns


@pytest.mark.parametrize(
    ("turns", "written"),
    [
        ([HI, ANSWER, HI], [HI, ANSWER, HI]),
        ([HI, SYSTEM], [turn("user", text("Hi."), text("Be brief."))]),
        ([SYSTEM, HI], [turn("user", text("Hi."), text("Be brief."))]),
        ([HI, turn("system", BRIEF)], [turn("user", text("Hi."), BRIEF)]),
        (
            [HI, ANSWER, SYSTEM, SYSTEM, HI],
            [HI, ANSWER, turn("user", text("Hi."), text("Be brief."), text("Be brief."))],
        ),
        ([HI, ANSWER, SYSTEM], [HI, ANSWER, turn("user", text("Be brief."))]),
        (
            [HI, turn("assistant", CALL), SYSTEM, turn("user", RESULT)],
            [HI, turn("assistant", CALL), turn("user", RESULT, text("Be brief."))],
        ),
        ([HI, {"role": "system", "content": " "}, ANSWER, HI], [HI, ANSWER, HI]),
    ],
)
def test_for_others_they_go_to_the_end_of_the_users_turn(
    turns: list[dict[str, Any]], written: list[dict[str, Any]]
) -> None:
    assert sent(turns, OLDER) == written


def test_tokens_are_counted_of_what_would_be_sent() -> None:
    asked = json.dumps({"model": "m", "messages": [HI, SYSTEM]}).encode()
    counted = anthropic.encode_count(parse_count(asked, {}).request, candidate("anthropic", OLDER))
    assert json.loads(counted.body)["messages"] == [turn("user", text("Hi."), text("Be brief."))]
