"""What one upstream sends costs its own request, and nobody else's time or memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.core import json_writing
from omen.core.chat import ImagePart, Message
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, Event, TextDelta, ToolCallDelta
from omen.core.plan import Plan
from omen.core.records import RaceRecord
from omen.isolation import BytesInFlight
from omen.providers import KINDS
from omen.race.attempts import AnswerLimits, Attempts, _decoding
from tests.race.attempts.scripted import (
    CANDIDATE,
    DONE,
    FINISH,
    REQUEST,
    SSE,
    USAGE,
    Opened,
    Pieces,
    Scripted,
    chunk,
    text,
)

_Result = TypeVar("_Result")
END = FINISH + USAGE + DONE


def texts(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_the_frames_of_one_read_come_in_batches_and_others_run_between_them(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((0.1, text("x") * 1000 + END)))
    steps: list[int] = [0]

    async def other() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            steps[0] += 1

    batches: list[int] = []
    turns: list[int] = []
    events: list[Event] = []
    async with trio.open_nursery() as nursery, opened.open() as attempt:
        some = await attempt.receive()
        nursery.start_soon(other)
        while some:
            events += some
            batches.append(len(some))
            before = steps[0]
            some = await attempt.receive()
            turns.append(steps[0] - before)
        nursery.cancel_scope.cancel()
    assert texts(events) == "x" * 1000
    assert isinstance(events[-1], AnswerEnd)
    assert max(batches) <= _decoding.MOST_FRAMES + 1  # and the start of the answer
    assert len(batches) == 8
    # In one round of the scheduler the other task runs before or after this one.
    assert sum(turns) >= len(batches) - 2


async def test_a_cancel_between_two_batches_loses_nothing(autojump_clock: MockClock) -> None:
    numbers = b"".join(text(f"{n} ") for n in range(1000))
    opened = Opened(Scripted((0.1, numbers + END)))
    events: list[Event] = []
    async with opened.open() as attempt:
        while not events or not isinstance(events[-1], AnswerEnd):
            with trio.CancelScope() as scope:
                scope.cancel()
                events += await attempt.receive()
            if scope.cancelled_caught:
                events += await attempt.receive()
    assert texts(events) == "".join(f"{n} " for n in range(1000))


async def test_events_before_a_failure_in_one_long_read_reach_the_client(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((0.1, text("x") * 300 + b"data: nonsense\n\n" + text("y"))))
    events: list[Event] = []
    with pytest.raises(UpstreamFailure) as caught:
        async with opened.open() as attempt:
            events += await attempt.receive()
            attempt.commit()
            while True:
                events += await attempt.receive()
    assert caught.value.kind is FailureKind.PROTOCOL
    assert texts(events) == "x" * 300


async def test_a_heavy_frame_is_decoded_in_a_worker_thread_and_its_text_comes_in_pieces() -> None:
    threads: set[int] = set()

    async def noted(function: Callable[[], _Result]) -> _Result:
        def run() -> _Result:
            threads.add(threading.get_ident())
            return function()

        return await trio.to_thread.run_sync(run)

    words = "word " * 100_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_decoding, "off_loop", noted)
        opened = Opened(Scripted((0.0, text("light") + text(words) + END)))
        events: list[Event] = []
        async with opened.open() as attempt:
            while some := await attempt.receive():
                events += some
    assert texts(events) == "light" + words
    assert threads
    assert threading.get_ident() not in threads
    sizes = [len(event.text) for event in events if isinstance(event, TextDelta)]
    assert max(sizes) == _decoding.LARGE_TEXT


@pytest.mark.parametrize("name", ["content", "reasoning_content", "refusal"])
async def test_a_long_text_of_any_kind_is_whole_in_its_pieces(name: str) -> None:
    long = "ab" * 100_000
    piece = chunk(json.dumps({name: long}))
    opened = Opened(Scripted((0.0, piece + text("seen") + END)))
    events: list[Any] = []
    async with opened.open() as attempt:
        while some := await attempt.receive():
            events += some
    assert "".join(getattr(e, "text", "") for e in events) == long + "seen"


async def test_long_arguments_are_whole_in_their_pieces_and_named_once() -> None:
    arguments = json.dumps({"a": "x" * 200_000})
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": arguments}}
    opened = Opened(Scripted((0.0, chunk(json.dumps({"tool_calls": [call]})) + END)))
    events: list[Event] = []
    async with opened.open() as attempt:
        while some := await attempt.receive():
            events += some
    calls = [event for event in events if isinstance(event, ToolCallDelta)]
    assert "".join(one.arguments for one in calls) == arguments
    assert [one.name for one in calls if one.name] == ["f"]
    assert {one.index for one in calls} == {0}


def calls(count: int) -> bytes:
    return b"".join(
        chunk(
            json.dumps(
                {
                    "tool_calls": [
                        {"index": n, "id": str(n), "function": {"name": "f", "arguments": "{}"}}
                    ]
                }
            )
        )
        for n in range(count)
    )


@pytest.mark.parametrize(
    ("sent", "words"),
    [(calls(4), "more than 3 tool calls"), (text("x" * 101), "more than 100 bytes")],
)
async def test_an_answer_with_too_much_of_something_is_a_failure_of_its_upstream(
    sent: bytes, words: str, autojump_clock: MockClock
) -> None:
    transport = Scripted((0.1, sent + END))
    limits = AnswerLimits(size=100, tool_calls=3)
    attempts = Attempts(transport, KINDS, answer=limits)
    race = RaceRecord("r", Plan("s", (CANDIDATE,)), trio.current_time())
    with pytest.raises(UpstreamFailure, match=words) as caught:
        async with attempts.opener(race, REQUEST)(CANDIDATE) as attempt:
            while await attempt.receive():
                pass
    assert caught.value.kind is FailureKind.PROTOCOL
    assert caught.value.failover


async def test_what_is_held_before_the_commit_counts_and_comes_back(
    autojump_clock: MockClock,
) -> None:
    in_flight = BytesInFlight(1_000_000)
    transport = Scripted((0.1, text("x" * 5000)), (1.0, text("y" * 5000)), (1.0, END))
    attempts = Attempts(transport, KINDS, in_flight=in_flight)
    race = RaceRecord("r", Plan("s", (CANDIDATE,)), trio.current_time())
    async with attempts.opener(race, REQUEST)(CANDIDATE) as attempt:
        await attempt.receive()
        assert in_flight.used == pytest.approx(5000, abs=300)
        attempt.commit()
        assert in_flight.used == 0
        await attempt.receive()
        assert in_flight.used == 0
    transport = Scripted((0.1, text("x" * 5000)))
    attempts = Attempts(transport, KINDS, in_flight=in_flight)
    with pytest.raises(UpstreamFailure):
        async with attempts.opener(race, REQUEST)(CANDIDATE) as attempt:
            while True:
                await attempt.receive()
    assert in_flight.used == 0


async def test_an_attempt_that_the_memory_has_no_room_for_is_no_fault_of_its_upstream(
    autojump_clock: MockClock,
) -> None:
    in_flight = BytesInFlight(2_000)
    attempts = Attempts(Scripted((0.1, text("x" * 5000))), KINDS, in_flight=in_flight)
    race = RaceRecord("r", Plan("s", (CANDIDATE,)), trio.current_time())
    with pytest.raises(UpstreamFailure, match="too much is held") as caught:
        async with attempts.opener(race, REQUEST)(CANDIDATE) as attempt:
            await attempt.receive()
    failure = caught.value
    assert (failure.kind, failure.status, failure.retryable) == (FailureKind.INTERNAL, 503, True)
    assert in_flight.used == 0


class Answering(httpx.AsyncBaseTransport):
    """Answers each request, and keeps its body."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.content)
        return httpx.Response(200, headers=SSE, stream=Pieces([(0.0, text("seen") + END)]))


async def test_a_picture_is_encoded_once_for_all_attempts_of_its_race() -> None:
    escaped: list[int] = []
    escape = json_writing._escape

    def counted(value: str) -> str:
        escaped.append(len(value))
        return escape(value)

    url = "data:image/png;base64," + "QUJD" * 100_000
    request = replace(REQUEST, messages=(Message("user", (ImagePart(url),)),), is_heavy=True)
    transport, in_flight = Answering(), BytesInFlight()
    attempts = Attempts(transport, KINDS, in_flight=in_flight)
    candidates = [replace(CANDIDATE, provider=name, model=name) for name in ("a", "b", "c")]
    race = RaceRecord("r", Plan("race", tuple(candidates)), trio.current_time())
    opener = attempts.opener(race, request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_writing, "_escape", counted)
        for candidate in candidates:
            async with opener(candidate) as attempt:
                await attempt.receive()
                # The body was sent, and is not kept while the answer comes.
                assert in_flight.used < 10_000
    assert len(transport.bodies) == 3
    assert all(url.encode() in body for body in transport.bodies)
    assert [json.loads(body)["model"] for body in transport.bodies] == ["a", "b", "c"]
    assert len(url) <= sum(escaped) < len(url) + 2_000


async def test_a_heavy_request_is_what_a_light_one_would_be() -> None:
    words = 'say "\u4e16\n' * 20_000
    transport = Answering()
    attempts = Attempts(transport, KINDS)
    race = RaceRecord("r", Plan("race", (CANDIDATE,)), trio.current_time())
    for is_heavy in (False, True):
        request = replace(
            REQUEST,
            messages=(Message("user", (ImagePart("data:image/png;base64,QQ=="),)),),
            user=words,
            is_heavy=is_heavy,
        )
        async with attempts.opener(race, request)(CANDIDATE) as attempt:
            await attempt.receive()
    light, heavy = transport.bodies
    assert light == heavy
