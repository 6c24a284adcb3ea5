"""How an answer is written in the words of Responses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response

from omen.core.errors import OmenError
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.dialect import ParsedRequest
from omen.front.responses import Responses
from omen.front.responses._stream import ResponseWriter
from tests.docs.pages import someone

USAGE = Usage(30, 20, {"cached_tokens": 10}, {"reasoning_tokens": 5})


def race() -> RaceRecord:
    attempt = AttemptRecord(0, someone(), 0.0, first_token_at=0.5, committed_at=0.5)
    return RaceRecord("r1", Plan("race", (someone(),)), 0.0, attempts=[attempt], winner=attempt)


def writer(**said: Any) -> ResponseWriter:
    return Responses().writer(race(), asked(**said))


def asked(**said: Any) -> ParsedRequest:
    return Responses().parse(json.dumps({"model": "m", "input": "hi", **said}).encode(), {})


def parse(data: bytes) -> list[dict[str, Any]]:
    found = []
    for block in data.decode().strip().split("\n\n"):
        name, line = block.split("\n")
        event = json.loads(line.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def write(*events: Event, **said: Any) -> list[dict[str, Any]]:
    return parse(writer(**said).write(events))


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text_is_an_item_with_a_part() -> None:
    told = write(AnswerStart("m-1"), TextDelta("a"), TextDelta("b"), AnswerEnd("stop", USAGE))
    assert types(told) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in told] == list(range(10))
    assert told[6]["text"] == "ab"
    last = told[-1]["response"]
    assert last["output"] == [told[-2]["item"]]
    assert (last["model"], last["status"]) == ("m-1", "completed")
    assert last["usage"] == {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 50,
    }
    Response.model_validate(last)


def test_thoughts_a_refusal_and_calls_are_items_of_their_own_in_order() -> None:
    told = write(
        ReasoningDelta("hm"),
        TextDelta("a"),
        ToolCallDelta(0, "c0", "f", '{"x"'),
        ToolCallDelta(1, "c1", "g", ""),
        ToolCallDelta(0, arguments=":1}"),
        RefusalDelta("no"),
        AnswerEnd("tool_calls"),
    )
    output = told[-1]["response"]["output"]
    assert [item["type"] for item in output] == [
        "reasoning", "message", "function_call", "function_call", "message",
    ]  # fmt: skip
    assert output[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert output[2]["arguments"] == '{"x":1}'
    assert output[3]["arguments"] == "{}"
    assert output[4]["content"] == [{"type": "refusal", "refusal": "no"}]
    assert len({item["id"] for item in output}) == 5
    for event in told:
        if "output_index" in event:
            item = event.get("item") or output[event["output_index"]]
            assert item["id"] == output[event["output_index"]]["id"]
    Response.model_validate(told[-1]["response"])


def test_each_item_is_added_before_it_is_filled_and_done_after() -> None:
    told = write(
        ReasoningDelta("hm"), TextDelta("a"), ToolCallDelta(0, "c", "f", "{}"), AnswerEnd("stop")
    )
    for place in range(3):
        mine = [e["type"] for e in told if e.get("output_index") == place]
        assert mine[0] == "response.output_item.added"
        assert mine[-1] == "response.output_item.done"
        assert mine.count("response.output_item.done") == 1


def test_a_call_of_a_namespaces_tool_comes_back_with_its_names_apart() -> None:
    inner = [{"type": "function", "name": "find"}, {"type": "custom", "name": "patch"}]
    tools = [{"type": "namespace", "name": "crm", "tools": inner}, {"type": "web_search"}]
    told = write(
        AnswerStart(),
        ToolCallDelta(0, "c1", "crm__find", "{}"),
        ToolCallDelta(1, "c2", "crm__patch", '{"input": "x"}'),
        ToolCallDelta(2, "c3", "crm__unknown", "{}"),
        AnswerEnd("tool_calls"),
        tools=tools,
    )
    output = told[-1]["response"]["output"]
    assert [(i["type"], i.get("namespace"), i["name"]) for i in output] == [
        ("function_call", "crm", "find"),
        ("custom_tool_call", "crm", "patch"),
        ("function_call", None, "crm__unknown"),
    ]


def test_a_custom_tools_call_comes_back_as_one() -> None:
    tools = [{"type": "custom", "name": "patch"}]
    told = write(
        ToolCallDelta(0, "c", "patch", '{"input": "*** B'),
        ToolCallDelta(0, arguments='egin"}'),
        AnswerEnd("tool_calls"),
        tools=tools,
    )
    (item,) = told[-1]["response"]["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", "*** Begin")
    assert "custom_tool_call_input.done" in types(told)
    assert not [t for t in types(told) if t.startswith("function_call")]


@pytest.mark.parametrize("arguments", ["no json", "[1]", '{"other": 1}'])
def test_a_custom_call_that_is_none_is_given_whole(arguments: str) -> None:
    tools = [{"type": "custom", "name": "patch"}]
    told = write(ToolCallDelta(0, "c", "patch", arguments), AnswerEnd("stop"), tools=tools)
    assert told[-1]["response"]["output"][0]["input"] == arguments


@pytest.mark.parametrize(
    ("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_is_not_whole_says_why(reason: Any, why: str) -> None:
    told = write(TextDelta("a"), AnswerEnd(reason))
    assert told[-1]["type"] == "response.incomplete"
    assert told[-1]["response"]["incomplete_details"] == {"reason": why}


def test_a_failure_half_way_is_a_response_that_failed() -> None:
    one = writer()
    begun = parse(one.write([TextDelta("a")]))
    (failed,) = parse(one.fail(OmenError("it broke")))
    assert failed["type"] == "response.failed"
    assert failed["sequence_number"] == len(begun)
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "internal_error", "message": "it broke"}
    assert failed["response"]["id"] == begun[0]["response"]["id"]


def test_what_was_asked_comes_back() -> None:
    tools = [{"type": "function", "name": "f"}]
    told = write(TextDelta("a"), AnswerEnd("stop"), tools=tools, temperature=0.5, metadata=None)
    response = told[-1]["response"]
    assert (response["tools"], response["temperature"], response["metadata"]) == (tools, 0.5, {})
    assert response["store"] is False
