"""One call by hand, in virtual time: how it is read, and how it ends."""

from __future__ import annotations

import re
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.core.errors import RequestError
from omen.front.grpc._call import Call
from omen.front.grpc._framing import frame
from omen.front.grpc._omen_pb2 import GetProviderStatusRequest as ParsedRequest
from omen.front.http.request import BodyLimits, ClientGoneError
from tests.front.client import scope

MESSAGE = frame(ParsedRequest(provider_id="a").SerializeToString())


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


def call(*said: dict[str, Any], headers: Any = ()) -> tuple[Call, list[dict[str, Any]]]:
    left, sent = list(said), []

    async def receive() -> dict[str, Any]:
        if not left:
            await trio.sleep_forever()
        return left.pop(0)

    async def send(message: Any) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    limits = BodyLimits(size=100, seconds=30.0)
    return Call(scope("/x", headers=headers), receive, send, limits), sent


async def test_a_message_may_come_in_pieces() -> None:
    one, _ = call(body(MESSAGE[:2], more=True), body(MESSAGE[2:]))
    assert (await one.read_only(ParsedRequest)).provider_id == "a"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([body(b"")], "exactly one"),
        ([body(MESSAGE * 2)], "exactly one"),
        ([body(MESSAGE[:-1])], "in the middle"),
        ([body(frame(b"\xff\xff"))], "not what this method takes"),
        ([body(frame(bytes(101)))], "larger than 100"),
    ],
)
async def test_what_is_not_one_message_is_refused(said: Any, words: str) -> None:
    one, _ = call(*said)
    with pytest.raises(RequestError, match=words):
        await one.read_only(ParsedRequest)


async def test_a_message_that_does_not_come_is_not_waited_for(autojump_clock: MockClock) -> None:
    one, _ = call(body(MESSAGE[:2], more=True))
    with pytest.raises(RequestError, match="within 30 s") as told:
        await one.read_only(ParsedRequest)
    assert (told.value.status, trio.current_time()) == (408, 30.0)


async def test_a_client_that_goes_while_it_asks_is_gone() -> None:
    one, _ = call(body(MESSAGE[:2], more=True), {"type": "http.disconnect"})
    with pytest.raises(ClientGoneError):
        await one.read_only(ParsedRequest)


async def test_an_end_has_headers_before_it_and_comes_once() -> None:
    one, sent = call()
    await one.end(RequestError("naïve %", param="p", code="c"), metadata=[(b"x-a", b"b")])
    await one.end()
    assert [message["type"] for message in sent] == [
        "http.response.start",
        "http.response.body",
        "http.response.trailers",
    ]
    assert (b"x-a", b"b") in sent[0]["headers"]
    told = dict(sent[2]["headers"])
    assert told[b"grpc-status"] == b"3"
    assert told[b"grpc-message"] == b"na%C3%AFve %25"
    assert re.fullmatch(rb"[A-Za-z0-9+/]+", told[b"grpc-status-details-bin"])


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("5S", 5.0), ("100m", 0.1), ("2M", 120.0), ("1H", 3600.0), ("250u", 0.00025), ("9n", 9e-9)],
)
def test_how_long_a_client_waits(said: str, seconds: float) -> None:
    one, _ = call(headers=[("grpc-timeout", said)])
    assert one.timeout == pytest.approx(seconds)


@pytest.mark.parametrize("said", ["", "5", "S", "5s", "123456789S", "-1S", "1.5S"])
def test_what_is_no_timeout_is_refused(said: str) -> None:
    one, _ = call(headers=[("grpc-timeout", said)])
    with pytest.raises(RequestError, match="grpc-timeout"):
        _ = one.timeout
