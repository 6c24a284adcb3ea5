"""What the chat route answers, and when: from ASGI messages to ASGI messages, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.core.events import TextDelta
from tests.front.asking import body
from tests.front.chatting import END, HELLO, START, WHOLE, ask, route
from tests.front.chunks import read_chunks, steps
from tests.front.client import piece, scope, talk
from tests.front.fake_gateway import RACE_ID, FakeGateway, sends, waits


async def test_a_stream_begins_at_the_commit_and_each_piece_goes_out_when_it_is_there(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(
        sends(START, HELLO, after=2), sends(TextDelta(" you"), after=0.5), sends(END, after=0.25)
    )
    heard = await ask(gateway, stream=True, stream_options={"include_usage": True})
    assert (heard.status, heard.started_at) == (200, 2.0)
    assert [at for at, _ in heard.pieces] == [2.0, 2.5, 2.75]
    assert heard.ended_at == 2.75
    assert steps(read_chunks(heard.body)) == [
        ("role", "assistant"),
        ("content", "Hello you"),
        ("finish", "stop"),
        ("usage", {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}),
    ]


async def test_a_streams_headers_name_the_race_and_who_won_it(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(waits(1), sends(START, HELLO, END, after=0.25))
    heard = await ask(gateway, [("x-request-id", "r-1")], stream=True)
    assert heard.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-request-id": "r-1",
        "x-omen-race-id": RACE_ID,
        "x-omen-strategy": "race",
        "x-omen-attempts": "1",
        "x-omen-provider": "alpha",
        "x-omen-model": "model-1",
        "x-omen-ttft-ms": "1250.0",
    }


async def test_a_whole_answer_has_the_same_names_and_goes_out_when_it_is_complete(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask(FakeGateway(sends(START, HELLO, after=1), sends(END, after=2)))
    assert (heard.status, heard.started_at, heard.ended_at) == (200, 3.0, 3.0)
    told = heard.json
    assert told["id"] == f"chatcmpl-{RACE_ID}"
    assert told["model"] == "model-1-2026"
    assert told["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Hello",
        "refusal": None,
    }
    named = {name: value for name, value in heard.headers.items() if name.startswith("x-omen-")}
    assert named == {
        "x-omen-race-id": RACE_ID,
        "x-omen-strategy": "race",
        "x-omen-attempts": "1",
        "x-omen-provider": "alpha",
        "x-omen-model": "model-1",
        "x-omen-ttft-ms": "1000.0",
    }


@pytest.mark.parametrize("stream", [True, False])
async def test_a_model_may_have_any_name_and_a_header_holds_visible_ascii_of_it(
    stream: bool, autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(WHOLE, model="mödel\r\nset-cookie: a=b\x7f")
    heard = await ask(gateway, stream=stream)
    assert heard.headers["x-omen-model"] == "m?del??set-cookie: a=b?"


async def test_a_body_may_come_in_pieces(autojump_clock: trio.abc.Clock) -> None:
    gateway, whole = FakeGateway(WHOLE), body(stream=True)
    heard = await talk(
        route(gateway),
        scope(),
        (0, piece(whole[:10], more=True)),
        (1, piece(b"", more=True)),
        (2, {"type": "http.request", "body": whole[10:], "more_body": True}),
        (3, {"type": "http.request"}),
    )
    assert (heard.status, heard.started_at) == (200, 3.0)
    assert gateway.requests[0].messages[0].text == "Hello"


async def test_the_gateway_is_told_the_model_the_hints_and_when_the_request_began(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(WHOLE)
    headers = [("x-request-id", "r-1"), ("x-omen-k", "3")]
    await talk(route(gateway), scope(headers=headers), (4, piece(body(model="a/b"))))
    ((model, hints, accepted_at, request_id),) = gateway.planned
    assert (model, hints.k, request_id) == ("a/b", 3, "r-1")
    assert accepted_at == trio.current_time() - 4  # not when its body was there


# What only those see who asked for it


@pytest.mark.parametrize("stream", [True, False])
async def test_without_opt_in_there_is_nothing_of_omens_in_the_answer(
    stream: bool, autojump_clock: trio.abc.Clock
) -> None:
    heard = await ask(FakeGateway(WHOLE), stream=stream)
    assert b'"omen"' not in heard.body
    assert b"routing_metadata" not in heard.body


EXPLAINED = {
    "race_id": RACE_ID,
    "strategy": "race",
    "intent": "code",
    "order": None,
    "winner": "alpha/model-1",
    "accepted_unix": 0.0,
    "committed_ms": 1500.0,
    "attempts": [
        {
            "provider": "alpha",
            "model": "model-1",
            "role": "primary",
            "outcome": "won",
            "started_ms": 500.0,
            "first_token_ms": 1500.0,
            "ended_ms": None,
            "tokens": 0,
            "prompt_tokens": 3,
            "cost_usd": None,
            "provenance": "exact",
            "reason": None,
        }
    ],
    "hedge_delay_ms": None,
    "cost_usd": None,
    "race_premium_usd": None,
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("asks", [{"omen": {"explain": True}}, {}])
async def test_explain_adds_the_race_to_the_last_chunk_or_to_the_completion(
    stream: bool, asks: dict[str, Any], autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(sends(START, HELLO, after=1), sends(END, after=1), intent="code")
    headers = [] if asks else [("x-omen-explain", "true")]
    asked = scope(headers=headers)
    heard = await talk(route(gateway), asked, (0.5, piece(body(stream=stream, **asks))))
    if stream:
        *before, last = read_chunks(heard.body)
        assert not any("omen" in chunk for chunk in before)
    else:
        last = heard.json
    assert last["omen"] == EXPLAINED


async def test_a_request_with_tags_is_told_how_it_was_routed(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(sends(START, HELLO, END, after=1.5))
    heard = await ask(gateway, tags={"project": "p"})
    assert heard.json["routing_metadata"] == {
        "provider": "alpha",
        "model_used": "model-1",
        "latency_ms": 1500.0,
        "was_cached": False,
        "cost_usd": None,
        "routing_reason": "race: first useful of 1 started",
    }


async def test_a_stream_has_no_routing_metadata(autojump_clock: trio.abc.Clock) -> None:
    heard = await ask(FakeGateway(WHOLE), stream=True, tags={"project": "p"})
    assert b"routing_metadata" not in heard.body
