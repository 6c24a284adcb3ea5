"""Responses: named events in their order, items, endings, and what is repeated of the request."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from omen.sim import (
    ErrorIn200,
    Fault,
    Fixed,
    MidstreamError,
    Profile,
    SimulatedUpstream,
    answer_text,
)
from tests.sim.asking import QUICK, TOOL, ask, serving
from tests.sim.naive import Received, sse

FLAT_TOOL = {"type": "function", "strict": None, **TOOL}
SUMMARY = {"effort": "low", "summary": "auto"}


async def respond(model: str, nursery: trio.Nursery, **body: Any) -> Received:
    whole = {"model": model, "input": "hello", **body}
    return await ask(serving("openai", model), nursery, "POST", "/v1/responses", whole)


def events(got: Received) -> list[dict[str, Any]]:
    """The events of a stream, checked for what holds for all of them."""
    named = [(name, json.loads(data)) for name, data in sse(got.body)]
    assert all(name == data["type"] for name, data in named)
    found = [data for _, data in named]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


async def test_a_text_streams_as_the_events_of_one_message(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await respond("gpt-4.1", nursery, stream=True)
    assert got.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = events(got)
    assert [event["type"].removeprefix("response.") for event in found] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * 4,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert found[0]["response"]["status"] == "in_progress"
    assert found[2]["item"]["content"] == []
    text = answer_text("sim", 4)
    assert "".join(event["delta"] for event in found[4:8]) == text
    assert found[8]["text"] == text
    done = found[-1]["response"]
    assert (done["status"], done["error"], done["incomplete_details"]) == ("completed", None, None)
    assert done["output"] == [found[-2]["item"]]
    assert done["output"][0]["content"][0]["text"] == text
    assert b"[DONE]" not in got.body


async def test_events_of_an_item_name_it_and_its_place(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    found = events(await respond("gpt-5", nursery, stream=True, reasoning=SUMMARY))
    places = {
        event.get("item_id") or event["item"]["id"]: event["output_index"]
        for event in found
        if "output_index" in event
    }
    assert [(name.partition("_")[0], place) for name, place in places.items()] == [
        ("rs", 0),
        ("msg", 1),
    ]


async def test_usage_counts_reasoning_into_output_tokens(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    found = events(await respond("gpt-5", nursery, stream=True, reasoning={"effort": "low"}))
    assert found[-1]["response"]["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 11,
    }
    assert found[0]["response"]["usage"] is None


async def test_a_summary_of_the_reasoning_comes_first_for_those_who_ask(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    found = events(await respond("gpt-5", nursery, stream=True, reasoning=SUMMARY))
    kinds = [event["type"].removeprefix("response.") for event in found]
    assert kinds[2:11] == [
        "output_item.added",
        "reasoning_summary_part.added",
        *["reasoning_summary_text.delta"] * 4,
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    thought = "".join(e["delta"] for e in found if e["type"].endswith("summary_text.delta"))
    reasoning, message = found[-1]["response"]["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": thought}]
    assert message["type"] == "message"


async def test_without_asking_the_reasoning_is_an_item_with_nothing_in_it(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await respond("gpt-5", nursery, stream=True, include=["reasoning.encrypted_content"])
    found = events(got)
    assert not [event for event in found if "summary" in event["type"]]
    reasoning, _ = found[-1]["response"]["output"]
    assert reasoning["summary"] == []
    assert reasoning["encrypted_content"]


async def test_a_function_call_has_an_id_and_another_one_to_be_answered_by(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    found = events(await respond("gpt-5.4", nursery, stream=True, tools=[FLAT_TOOL]))
    added = next(e["item"] for e in found if e.get("item", {}).get("type") == "function_call")
    assert (added["name"], added["arguments"]) == ("lookup_weather", "")
    assert added["id"].startswith("fc_")
    assert added["call_id"].startswith("call_")
    deltas = [e["delta"] for e in found if e["type"] == "response.function_call_arguments.delta"]
    (done,) = [e for e in found if e["type"] == "response.function_call_arguments.done"]
    assert len(deltas) > 2
    assert "".join(deltas) == done["arguments"] == '{"city": "simulated"}'
    assert (done["item_id"], done["output_index"]) == (added["id"], 1)
    _, call = found[-1]["response"]["output"]
    assert (call["status"], call["arguments"]) == ("completed", done["arguments"])


async def test_a_limit_makes_the_response_incomplete(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    found = events(await respond("gpt-4.1", nursery, stream=True, max_output_tokens=2))
    ended = found[-1]
    assert ended["type"] == "response.incomplete"
    assert ended["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    (message,) = ended["response"]["output"]
    assert (message["status"], message["content"][0]["text"]) == ("incomplete", "This is")


async def test_a_limit_may_be_reached_in_thought_and_then_nothing_is_said(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    for stream in (True, False):
        got = await respond("gpt-5", nursery, stream=stream, max_output_tokens=3)
        response = events(got)[-1]["response"] if stream else got.json
        assert response["status"] == "incomplete"
        assert [item["type"] for item in response["output"]] == ["reasoning"]
        assert response["usage"]["output_tokens"] == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(MidstreamError(1, after_tokens=2), "response.failed"), (ErrorIn200(1), "error")],
)
async def test_a_failure_is_a_failed_response_or_an_error_before_there_is_one(
    fault: Fault, kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    profile = Profile(first_token=Fixed(0), gap=Fixed(0), faults=(fault,))
    upstream = SimulatedUpstream("sim", "openai", profile, models=("gpt-5",))
    body = {"model": "gpt-5", "input": "hello", "stream": True, "reasoning": SUMMARY}
    failed = events(await ask(upstream, nursery, "POST", "/v1/responses", body))[-1]
    assert failed["type"] == kind
    if kind == "error":
        assert {"code", "message", "param"} < set(failed)
    else:
        assert failed["response"]["status"] == "failed"
        assert failed["response"]["error"]["code"] == "server_error"


async def test_whole_it_is_the_response_that_a_stream_ends_with(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    for more in ({}, {"tools": [FLAT_TOOL]}, {"reasoning": SUMMARY}, {"max_output_tokens": 9}):
        streamed = events(await respond("gpt-5", nursery, stream=True, **more))[-1]["response"]
        whole = (await respond("gpt-5", nursery, **more)).json
        same = dict.fromkeys(("created_at",), 0)
        if "tools" in more:  # streamed, a call is as many tokens as it has pieces
            same["usage"] = 0
        assert {**whole, **same} == {**streamed, **same}


async def test_a_response_repeats_its_request(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    asked = {"instructions": "be brief", "metadata": {"a": "b"}, "store": False, "user": "me"}
    got = (await respond("gpt-4.1", nursery, tools=[FLAT_TOOL], **asked)).json
    assert asked.items() <= got.items()
    assert got["tools"] == [FLAT_TOOL]
    assert (got["object"], got["model"], got["truncation"]) == ("response", "gpt-4.1", "disabled")


async def test_reasoning_takes_its_time_whether_or_not_it_shows(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    for reasoning in (SUMMARY, {"effort": "low"}):
        got = await respond("gpt-5", nursery, stream=True, reasoning=reasoning)
        first_text = next(time for time, raw in got.arrivals if b"output_text.delta" in raw)
        assert first_text == 0.5 + 4 * 0.25
    assert QUICK.gap == Fixed(0.25)
