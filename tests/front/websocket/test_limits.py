"""A websocket's requests have the limits that those over HTTP have."""

from __future__ import annotations

import json

import pytest
from trio.testing import MockClock

from omen.core.counts import RequestCounts
from omen.front.http.request import BodyLimits
from omen.front.websocket._frames import FrameError, RequestFrame, chat_body, read_frame
from omen.isolation import BytesInFlight
from tests.front.websocket.dialog import open_dialog
from tests.world import open_world, upstream, whole

FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)
USER = {"role": "user", "content": "x"}


async def test_too_many_messages_end_the_request_and_not_the_socket(
    autojump_clock: MockClock,
) -> None:
    limits = BodyLimits(counts=RequestCounts(messages=3))
    async with open_world(FAST) as world, open_dialog(world, limits=limits) as dialog:
        await dialog.ask("a", messages=[USER] * 4)
        error = (await dialog.hear_end("a"))["error"]
        assert (error["status"], error["param"]) == (400, "messages")
        await dialog.ask("b", messages=[USER] * 3)
        await dialog.hear_end("b")
        assert dialog.text("b") == whole("fast")


async def test_a_request_is_held_until_it_ends_and_refused_beyond_the_budget(
    autojump_clock: MockClock,
) -> None:
    in_flight = BytesInFlight(3_000)
    limits = BodyLimits(in_flight=in_flight)
    long = [{"role": "user", "content": "x" * 2_000}]
    async with open_world(FAST) as world, open_dialog(world, limits=limits, buffer=100) as dialog:
        await dialog.ask("a", messages=long)
        await dialog.ask("b", messages=long)
        error = (await dialog.hear_end("b"))["error"]
        assert (error["status"], error["code"]) == (503, "overloaded")
        assert in_flight.used > 2_000
        await dialog.hear_end("a")
    assert in_flight.used == 0


def test_a_message_of_too_many_values_is_refused_before_it_is_parsed() -> None:
    data = b'{"type":"request","id":"a","body":{"x":[' + b"{}," * 60_001 + b"{}]}}"
    with pytest.raises(FrameError, match="60000 objects and lists") as caught:
        read_frame(data)
    assert caught.value.error.status == 413


def test_a_heavy_body_is_written_as_a_light_one() -> None:
    body = {"model": "m", "messages": [USER], "x": [1, 0.5, None, "\u4e16"], "stream": True}
    frame = RequestFrame(type="request", id="a", body=body)
    light, heavy = chat_body(frame), chat_body(frame, is_heavy=True)
    assert json.loads(light) == json.loads(heavy) == body
