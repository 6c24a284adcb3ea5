"""What a client wrote in the words of Responses goes as it came, but for what a model refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from omen.core.cards import ModelCard
from omen.core.chat import ChatRequest
from omen.core.events import AnswerEnd, TextDelta, ToolCallDelta, WireEvent
from omen.core.frames import Frame
from omen.front.responses import Responses
from omen.providers import KINDS, openai
from tests.providers.asking import HELLO, candidate

REASONS, PLAIN = "gpt-5.6", "gpt-4o"
ASKED: dict[str, Any] = {
    "model": "fast",
    "input": [{"role": "user", "content": "Why?"}],
    "tools": [{"type": "web_search"}, {"type": "of_tomorrow", "depth": 3}],
    "reasoning": {"effort": "high", "summary": "detailed", "of_tomorrow": 1},
    "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
    "text": {"verbosity": "low"},
    "max_output_tokens": 90_000,
    "temperature": 0.3,
    "service_tier": "flex",
    "of_tomorrow": {"a": [1]},
}


def request(**more: Any) -> ChatRequest:
    body = {**ASKED, **more, "omen": {"k": 2}, "tags": {"project": "x"}}
    return Responses().parse(json.dumps(body).encode(), {}).request


def sent(model: str, asked: ChatRequest, card: ModelCard | None = None) -> dict[str, Any]:
    to = candidate("openai", model)
    wire = openai.encode(asked, to if card is None else replace(to, card=card))
    assert wire.url.endswith("/responses")
    return dict(json.loads(wire.body))


def test_everything_goes_as_it_came_but_for_the_model_and_the_stream() -> None:
    whole = {name: value for name, value in ASKED.items() if name != "temperature"}
    assert sent(REASONS, request()) == {**whole, "model": REASONS, "stream": True}
    assert "store" not in sent(REASONS, request())
    assert sent(REASONS, request(store=True))["store"] is True


def test_a_request_of_another_api_is_translated_as_before() -> None:
    wire = openai.encode(HELLO, candidate("openai", PLAIN))
    assert wire.url.endswith("/chat/completions")


def test_what_a_model_that_does_not_reason_refuses_is_left_out() -> None:
    body = sent(PLAIN, request())
    assert "reasoning" not in body
    assert body["include"] == ["web_search_call.action.sources"]
    assert body["text"] == {}
    assert body["temperature"] == 0.3


def test_an_effort_that_the_model_lacks_is_the_nearest_that_it_has() -> None:
    asked = request(reasoning={"effort": "minimal", "summary": "auto"})
    assert sent("gpt-6.2", asked)["reasoning"] == {"effort": "low", "summary": "auto"}


@pytest.mark.parametrize(("most", "limit"), [(None, 90_000), (16_384, 16_384), (128_000, 90_000)])
def test_no_more_is_asked_for_than_the_model_generates(most: int | None, limit: int) -> None:
    assert sent(REASONS, request(), ModelCard(max_output=most))["max_output_tokens"] == limit


def test_what_omen_wrote_for_another_vendor_loses_what_openai_would_look_up() -> None:
    """Ids that OpenAI never gave, and reasoning that it never encrypted."""
    race = "0123456789abcdef01234567"
    own = [
        {"type": "reasoning", "id": f"rs_{race}_0", "summary": []},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "id": f"msg_{race}_1", "role": "assistant", "content": "a"},
        {
            "type": "custom_tool_call",
            "id": f"ctc_{race}_2",
            "call_id": "c",
            "name": "p",
            "input": "",
        },
        {"type": "custom_tool_call_output", "call_id": "c", "output": "r"},
    ]
    theirs = [
        {"type": "reasoning", "id": "rs_68ff", "summary": []},
        {"type": "reasoning", "summary": [], "encrypted_content": "sealed"},
        {"type": "message", "id": "msg_68ff", "role": "assistant", "content": "b"},
    ]
    body = sent(REASONS, request(input=[*own, *theirs]))
    without_ids = [{k: v for k, v in item.items() if k != "id"} for item in own[2:]]
    assert body["input"] == [*without_ids, *theirs]


def events(*wires: dict[str, Any], asked: ChatRequest | None = None) -> list[Any]:
    decoder = KINDS["openai"].decoder(asked or request(), candidate("openai", "gpt-5.4-pro"))
    return [e for wire in wires for e in decoder.feed(Frame(json.dumps(wire).encode()))]


DONE = {"type": "response.completed", "response": {"output": [], "usage": None}}


def test_the_answers_events_go_along_as_they_came() -> None:
    wires = [
        {"type": "response.created", "response": {"model": "gpt-5.6-2026"}},
        {"type": "response.of_tomorrow", "n": 1},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"},
        DONE,
    ]
    given = events(*wires)
    own = [event for event in given if isinstance(event, WireEvent)]
    assert [(e.dialect, e.name, json.loads(e.data)) for e in own] == [
        ("responses", wire["type"], wire) for wire in wires
    ]
    assert TextDelta("a") in given
    assert not [e for e in events(*wires, asked=HELLO_WITH_TOOLS) if isinstance(e, WireEvent)]


HELLO_WITH_TOOLS = replace(request(), verbatim=None)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}, "shell"),
        ({"type": "computer_call", "call_id": "c", "action": {"type": "click"}}, "computer"),
        ({"type": "apply_patch_call", "call_id": "c", "operation": {}}, "apply_patch"),
        ({"type": "tool_search_call", "call_id": "c", "execution": "client"}, "tool_search"),
    ],
)
def test_a_call_that_only_this_api_knows_is_a_call_to_the_race(
    item: dict[str, Any], name: str
) -> None:
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    given = events(done, DONE)
    calls = [event for event in given if isinstance(event, ToolCallDelta)]
    assert [(call.id, call.name) for call in calls] == [("c", name)]
    assert json.loads(calls[0].arguments) is not None
    assert given[-1] == AnswerEnd("tool_calls", None, meant=True)


def test_an_answer_in_which_only_the_vendor_acted_is_one_to_a_client_of_this_api() -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "result": "AA"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    assert events(done, DONE)[-1] == AnswerEnd("stop", None, meant=True)
    assert events(done, DONE, asked=HELLO_WITH_TOOLS)[-1] == AnswerEnd("stop", None)
