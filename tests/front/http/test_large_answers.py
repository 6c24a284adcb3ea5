"""A whole answer is held in the common budget, and a large one is written in a worker thread."""

from __future__ import annotations

import json
import threading
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    ReasoningDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
)
from omen.front.anthropic.api import Messages
from omen.front.http.chat_route import ChatRoute
from omen.front.http.event_collector import Gathering
from omen.front.http.json_route import _is_large
from omen.front.http.request import BodyLimits
from omen.front.ollama import OllamaChat
from omen.front.openai import completion
from omen.front.openai.api import ChatCompletions
from omen.front.responses import Responses
from omen.gateway import Gateway
from omen.isolation import BytesInFlight
from tests.front.client import Conversation, piece, scope, talk
from tests.front.fake_gateway import FakeGateway, sends

ASK = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 9}


async def ask(
    route: type, *events: Event, in_flight: BytesInFlight | None = None, **fields: Any
) -> Conversation:
    gateway = FakeGateway(sends(AnswerStart("m")), *(sends(event) for event in events))
    limits = BodyLimits(in_flight=in_flight or BytesInFlight())
    app = ChatRoute(cast(Gateway, gateway), route(), limits)
    body = {**ASK, **({"input": "x"} if route is Responses else {}), "stream": False, **fields}
    return await talk(app, scope(), (0, piece(json.dumps(body).encode())))


async def test_an_answer_that_the_memory_has_no_room_for_is_a_503_and_the_memory_comes_back(
    autojump_clock: MockClock,
) -> None:
    in_flight = BytesInFlight(100_000)
    pieces = [TextDelta("x" * 40_000)] * 3
    heard = await ask(ChatCompletions, *pieces, AnswerEnd("stop"), in_flight=in_flight)
    assert heard.status == 503
    assert int(heard.headers["retry-after"]) >= 1
    assert (in_flight.used, in_flight.refused) == (0, 1)
    heard = await ask(ChatCompletions, *pieces[:2], AnswerEnd("stop"), in_flight=in_flight)
    assert heard.status == 200
    assert in_flight.used == 0


async def test_a_stream_holds_nothing_of_what_it_passes_on(autojump_clock: MockClock) -> None:
    in_flight = BytesInFlight(100_000)
    pieces = [TextDelta("x" * 40_000)] * 30
    heard = await ask(ChatCompletions, *pieces, AnswerEnd("stop"), in_flight=in_flight, stream=True)
    assert heard.status == 200
    assert heard.body.count(b"x" * 40_000) == 30


def text_of(route: type, answer: Any) -> str:
    if route is ChatCompletions:
        return str(answer["choices"][0]["message"]["content"])
    if route is Messages:
        return str(answer["content"][0]["text"])
    if route is Responses:
        return str(answer["output"][0]["content"][0]["text"])
    return str(answer["message"]["content"])


@pytest.mark.parametrize("route", [ChatCompletions, Messages, Responses, OllamaChat])
async def test_a_large_answer_is_the_same_in_every_dialect(route: type) -> None:
    words = 'say "\u4e16\u2028\n' * 40_000
    half = len(words) // 2
    heard = await ask(route, TextDelta(words[:half]), TextDelta(words[half:]), AnswerEnd("stop"))
    assert heard.status == 200
    assert text_of(route, heard.json) == words


async def test_only_a_large_answer_is_written_in_a_worker_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[int] = []
    whole = completion.Completion.body

    def noted(self: completion.Completion, *args: Any) -> Any:
        threads.append(threading.get_ident())
        return whole(self, *args)

    monkeypatch.setattr(completion.Completion, "body", noted)
    for size in (10, 300_000):
        await ask(ChatCompletions, TextDelta("x" * size), AnswerEnd("stop"))
    assert [ident == threading.get_ident() for ident in threads] == [True, False]


async def test_deltas_that_continue_each_other_are_kept_as_one() -> None:
    gathering = Gathering()
    logprobs = {"logprobs": {"content": [1]}}
    await gathering.send([TextDelta("lost"), Restart(), AnswerStart("m")])
    await gathering.send([TextDelta("a"), TextDelta("b")])
    await gathering.send([TextDelta("c"), ReasoningDelta("d"), ReasoningDelta("e")])
    await gathering.send([TextDelta("f", logprobs), TextDelta("g", logprobs), TextDelta("h")])
    await gathering.send([ToolCallDelta(0, "1", "f", "{"), ToolCallDelta(0, arguments="}")])
    await gathering.send([ToolCallDelta(1, "2", "f", "{"), ToolCallDelta(0, arguments=" ")])
    await gathering.send([ToolCallDelta(1, arguments="}"), AnswerEnd("stop")])
    assert gathering.events == [
        AnswerStart("m"),
        TextDelta("abc"),
        ReasoningDelta("de"),
        TextDelta("f", logprobs),
        TextDelta("g", logprobs),
        TextDelta("h"),
        ToolCallDelta(0, "1", "f", "{}"),
        ToolCallDelta(1, "2", "f", "{"),
        ToolCallDelta(0, arguments=" "),
        ToolCallDelta(1, arguments="}"),
        AnswerEnd("stop"),
    ]


def test_an_answer_of_many_vectors_is_large_and_one_vector_is_not() -> None:
    assert _is_large({"data": [{"embedding": [0.5] * 1000}] * 3})
    assert not _is_large({"data": [{"embedding": [0.5] * 1000}], "usage": {"a": 1}})


async def test_time_is_known_in_a_worker_thread_too() -> None:
    from omen.isolation import loop_time, off_loop

    before = trio.current_time()
    there = await off_loop(loop_time)
    assert before <= there <= trio.current_time()
