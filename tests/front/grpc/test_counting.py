"""A message of very many fields is refused before it is parsed, and a heavy one read elsewhere."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio

from omen.core.counts import RequestCounts
from omen.core.errors import RequestError
from omen.front.grpc import _call
from omen.front.grpc._call import Call
from omen.front.grpc._counting import has_more_fields
from omen.front.grpc._framing import frame
from omen.front.grpc._omen_pb2 import ChatCompletionRequest, ChatMessage, ContentPart
from omen.front.grpc._request import read_chat
from omen.front.http.request import BodyLimits
from omen.isolation import BytesInFlight
from tests.front.client import scope

KIND = ChatCompletionRequest.DESCRIPTOR


def request(parts: int) -> bytes:
    part = [ContentPart(text="")] * parts
    message = ChatMessage(role="user", parts=part)
    return bytes(ChatCompletionRequest(model="m", messages=[message]).SerializeToString())


def test_the_fields_of_messages_inside_are_counted() -> None:
    # model, messages, role, and for each part itself and its text.
    data = request(10)
    assert not has_more_fields(data, KIND, 23)
    assert has_more_fields(data, KIND, 22)


def test_every_wire_type_is_counted_and_what_is_malformed_ends_the_count() -> None:
    mixed = ChatCompletionRequest(model="m", temperature=0.5, max_tokens=3, stream=True, seed=-1)
    mixed.omen.budget_usd = 0.5
    data = bytes(mixed.SerializeToString())
    assert not has_more_fields(data, KIND, 7)
    assert has_more_fields(data, KIND, 6)
    for broken in (b"\xff" * 20, b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b\x0c"):
        assert not has_more_fields(broken, KIND, 100)


def call(data: bytes, in_flight: BytesInFlight | None = None) -> Call:
    said = [{"type": "http.request", "body": frame(data), "more_body": False}]

    async def receive() -> dict[str, Any]:
        return said.pop(0) if said else await trio.sleep_forever()

    async def send(message: Any) -> None:
        raise AssertionError(message)

    limits = BodyLimits(in_flight=in_flight or BytesInFlight())
    return Call(scope("/x"), receive, send, limits)


async def test_a_message_of_two_bytes_a_part_is_refused_before_it_is_parsed() -> None:
    data = b"\x12\x00" * 100_001
    with pytest.raises(RequestError, match="100000 fields") as caught:
        await call(data).read_only(ChatCompletionRequest)
    assert caught.value.status == 413


@pytest.mark.parametrize(("parts", "is_heavy"), [(10, False), (1000, True)])
async def test_only_a_heavy_message_is_parsed_in_a_worker_thread(
    parts: int, is_heavy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    decode = _call._decode

    def noted(*args: Any) -> Any:
        threads.append(threading.get_ident())
        return decode(*args)

    monkeypatch.setattr(_call, "_decode", noted)
    one = call(request(parts))
    message = await one.read_only(ChatCompletionRequest)
    assert len(message.messages[0].parts) == parts
    assert one.is_heavy is is_heavy
    assert (threads == [threading.get_ident()]) is not is_heavy


async def test_what_is_read_is_held_and_refused_beyond_the_budget() -> None:
    in_flight = BytesInFlight(1000)
    one = call(request(10), in_flight)
    await one.read_only(ChatCompletionRequest)
    assert in_flight.used > 0
    one.held.release()
    with pytest.raises(RequestError, match="too much is held") as caught:
        await call(request(1000), in_flight).read_only(ChatCompletionRequest)
    assert caught.value.status == 503
    assert in_flight.used == 0


def test_a_chat_has_the_same_limits_as_over_http() -> None:
    message = ChatCompletionRequest.FromString(request(6))
    with pytest.raises(RequestError, match="at most 5 content parts"):
        read_chat(message, {}, None, stream=False, counts=RequestCounts(parts=5))
    for is_heavy in (False, True):
        asked = read_chat(message, {}, None, stream=False, is_heavy=is_heavy)
        assert len(asked.request.messages[0].parts) == 6
        assert asked.request.is_heavy is is_heavy
        assert (asked.request.size is None) is not is_heavy
