"""A response that was announced before its answer, and one in its upstream's own words."""

from __future__ import annotations

import json
from typing import Any, cast

import trio
from openai.types.responses import Response

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, AnswerStart, Event, TextDelta, ToolCallDelta, WireEvent
from omen.front.http.chat_route import ChatRoute
from omen.front.responses import Responses
from omen.front.responses._api import ResponseCollector
from omen.gateway import Gateway
from tests.front.client import Conversation, piece, scope, talk
from tests.front.fake_gateway import FakeGateway, Step, fails, sends
from tests.front.responses.test_write import asked, parse, race, types, writer

TOO_LONG = UpstreamFailure(
    FailureKind.CONTEXT_LENGTH, "the prompt is too long", upstream_code="context_length_exceeded"
)
FULL = UpstreamFailure(FailureKind.RATE_LIMIT, "Slow down.", retry_after=1.2)


async def ask(*script: Step) -> Conversation:
    app = ChatRoute(cast(Gateway, FakeGateway(*script)), Responses())
    body = json.dumps({"model": "m", "input": "hi", "stream": True}).encode()
    return await talk(app, scope(), (0, piece(body)))


async def test_a_failure_behind_a_sign_of_life_is_that_of_a_response(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Codex takes no notice of a comment, nor of an `error`."""
    heard = await ask(fails(TOO_LONG, after=40))
    told = parse(heard.body)
    assert [at for at, _ in heard.pieces] == [15.0, 30.0, 40.0]
    assert types(told) == ["created", "in_progress", "in_progress", "failed"]
    assert [event["sequence_number"] for event in told] == [0, 1, 2, 3]
    assert told[-1]["response"]["error"] == {
        "code": "context_length_exceeded",
        "message": "the prompt is too long",
    }
    assert {event["response"]["id"] for event in told} == {told[0]["response"]["id"]}


async def test_a_failure_in_time_has_a_status(autojump_clock: trio.abc.Clock) -> None:
    heard = await ask(fails(TOO_LONG, after=14))
    assert (heard.status, heard.error["code"]) == (400, "context_length_exceeded")


async def test_an_answer_behind_a_sign_of_life_goes_on_with_the_same_response(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask(sends(AnswerStart("m-1"), TextDelta("a"), AnswerEnd("stop"), after=16))
    told = parse(heard.body)
    assert types(told)[:3] == ["created", "in_progress", "output_item.added"]
    assert types(told).count("created") == 1
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert told[0]["response"]["id"] == told[-1]["response"]["id"]
    assert (told[0]["response"]["model"], told[-1]["response"]["model"]) == ("m", "m-1")
    Response.model_validate(told[0]["response"])


async def test_signs_of_life_in_an_answer_are_events_of_its_response(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask(sends(TextDelta("a"), after=1), sends(AnswerEnd("stop"), after=40))
    told = parse(heard.body)
    assert types(told)[5:8] == ["in_progress", "in_progress", "output_text.done"]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))


def test_how_long_to_wait_is_told_in_words_because_nothing_else_is_read() -> None:
    (*_, failed) = parse(writer().fail(FULL))
    assert failed["response"]["error"]["message"] == "Slow down. Please try again in 2s."


def own(kind: str, **fields: Any) -> WireEvent:
    event = {"type": f"response.{kind}", "sequence_number": 900, **fields}
    return WireEvent("responses", event["type"], json.dumps(event).encode())


def response(status: str, **fields: Any) -> dict[str, Any]:
    return {"id": "resp_theirs", "model": "gpt-5.6", "status": status, "output": [], **fields}


OWN: list[Event] = [
    own("created", response=response("in_progress")),
    own("in_progress", response=response("in_progress")),
    own("of_tomorrow", n=1),
    own("output_text.delta", delta="a"),
    TextDelta("a"),
    own("completed", response=response("completed", output=[{"type": "of_tomorrow"}])),
    AnswerEnd("stop"),
]
WIRE = [event for event in OWN if isinstance(event, WireEvent)]


def test_an_upstreams_own_words_go_on_byte_by_byte() -> None:
    written = writer().write(OWN)
    assert written == b"".join(b"event: %s\ndata: %s\n\n" % (e.name.encode(), e.data) for e in WIRE)


def test_the_race_is_explained_in_the_last_of_them() -> None:
    told = parse(writer().write(OWN, {"winner": "a"}))
    assert told[-1]["response"]["omen"] == {"winner": "a"}
    assert [event for event in told[:-1] if "omen" in event.get("response", {})] == []


def test_behind_a_sign_of_life_they_belong_to_the_response_that_was_announced() -> None:
    one = writer()
    told = parse(one.alive() + one.write(OWN))
    assert types(told) == [
        "created", "in_progress", "of_tomorrow", "output_text.delta", "completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in told] == [0, 1, 2, 3, 4]
    assert told[0]["response"]["id"] == told[-1]["response"]["id"] != "resp_theirs"
    assert told[-1]["response"]["output"] == [{"type": "of_tomorrow"}]


def test_a_sign_of_life_between_them_is_of_their_own_response() -> None:
    one = writer()
    told = parse(one.write(OWN[:4]) + one.alive() + one.write(OWN[4:]))
    assert types(told)[4:] == ["in_progress", "completed"]
    assert told[4]["response"]["id"] == told[5]["response"]["id"] == "resp_theirs"
    assert [event["sequence_number"] for event in told[4:]] == [4, 5]


def test_their_failure_half_way_is_that_of_their_response() -> None:
    one = writer()
    told = parse(one.write(OWN[:5]) + one.fail(FULL))
    assert told[-1]["response"]["id"] == "resp_theirs"
    assert (types(told)[-1], told[-1]["sequence_number"]) == ("failed", 4)
    assert told[-1]["response"]["error"]["code"] == "rate_limit"


async def collected(events: list[Event], **said: Any) -> dict[str, Any]:
    collector = ResponseCollector(asked(**said))
    await collector.send(events)
    return dict(collector.body(race()))


async def test_whole_it_is_their_response() -> None:
    assert await collected(OWN) == response("completed", output=[{"type": "of_tomorrow"}])
    explained = await collected(OWN, omen={"explain": True})
    assert explained["omen"]["race_id"] == "r1"


async def test_items_that_the_last_event_lacks_are_those_of_the_events_before() -> None:
    item = {"type": "message", "id": "msg_1"}
    done = own("output_item.done", output_index=0, item=item)
    end = own("completed", response=response("completed"))
    assert (await collected([done, end, AnswerEnd("stop")]))["output"] == [item]


def test_of_an_answer_that_was_cut_only_the_item_that_was_cut_says_so() -> None:
    told = parse(
        writer().write(
            [
                TextDelta("a"),
                ToolCallDelta(0, "c0", "f", "{}"),
                ToolCallDelta(1, "c1", "f", '{"x": '),
                AnswerEnd("length"),
            ]
        )
    )
    last = told[-1]["response"]
    assert last["status"] == "incomplete"
    assert [item["status"] for item in last["output"]] == ["completed", "completed", "incomplete"]
    done = [e["item"]["status"] for e in told if e["type"] == "response.output_item.done"]
    assert done == ["completed", "completed", "incomplete"]


def test_of_a_response_that_failed_what_was_open_is_incomplete() -> None:
    one = writer()
    one.write([TextDelta("a"), ToolCallDelta(0, "c0", "f", '{"x"')])
    (failed,) = parse(one.fail(TOO_LONG))
    output = failed["response"]["output"]
    assert [(i["type"], i["status"]) for i in output] == [
        ("message", "completed"),
        ("function_call", "incomplete"),
    ]
