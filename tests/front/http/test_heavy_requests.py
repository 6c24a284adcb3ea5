"""What one request has too much of is refused, and reading a heavy one makes nobody wait."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
import trio

from omen.accounts.keyring import KeyRing
from omen.core.counts import RequestCounts
from omen.front.anthropic.api import Messages
from omen.front.anthropic.count_tokens import CountTokens
from omen.front.http.asgi import App
from omen.front.http.auth import Authenticator
from omen.front.http.chat_route import ChatRoute
from omen.front.http.dialect import ParsedRequest
from omen.front.http.json_route import json_route
from omen.front.http.request import BodyLimits
from omen.front.ollama import OllamaChat
from omen.front.openai.api import ChatCompletions, OpenAIErrors
from omen.front.openai.embeddings import EmbeddingsPlan
from omen.front.responses import Responses
from omen.gateway import Gateway
from omen.isolation import BytesInFlight, is_heavy
from tests.front.chatting import WHOLE
from tests.front.client import GONE, Conversation, piece, scope, talk
from tests.front.fake_gateway import FakeGateway

FEW = BodyLimits(
    counts=RequestCounts(messages=3, parts=5, tool_calls=2, tools=2, stops=2, inputs=2)
)
USER = {"role": "user", "content": "x"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "x"}] * 6}
TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


class SeenThread(ChatCompletions):
    """Notes in which thread a request is read."""

    def __init__(self) -> None:
        self.read_in: list[int] = []

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
        self.read_in.append(threading.get_ident())
        return super().parse(body, headers)


async def post(app: App, body: Any) -> Conversation:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await talk(app, scope(), (0, piece(data)))


def gateway() -> Gateway:
    return cast(Gateway, FakeGateway(WHOLE))


def chat(limits: BodyLimits = FEW) -> ChatRoute:
    return ChatRoute(gateway(), ChatCompletions(), limits)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [USER] * 4}, "messages"),
        ({"messages": [PARTS]}, "messages"),
        ({"messages": [{"role": "assistant", "tool_calls": [CALL] * 3}]}, "messages"),
        ({"messages": [USER], "tools": [TOOL] * 3}, "tools"),
        ({"messages": [USER], "stop": ["a", "b", "c"]}, "stop"),
        ({"messages": [USER], "logit_bias": {str(n): 1 for n in range(10_001)}}, "logit_bias"),
    ],
)
async def test_a_request_with_too_many_of_something_is_a_400_that_names_it(
    fields: dict[str, Any], param: str
) -> None:
    heard = await post(chat(), {"model": "m", **fields})
    assert (heard.status, heard.error["param"]) == (400, param)
    assert heard.error["code"] == "array_above_max_length"
    assert (await post(chat(), {"model": "m", "messages": [USER] * 3})).status == 200


async def test_every_dialect_refuses_in_its_own_words(autojump_clock: trio.abc.Clock) -> None:
    many = {"model": "m", "messages": [USER] * 4, "max_tokens": 1}
    heard = await post(ChatRoute(gateway(), Messages(), FEW), many)
    assert (heard.status, heard.json["error"]["type"]) == (400, "invalid_request_error")
    heard = await post(ChatRoute(gateway(), OllamaChat(), FEW), many)
    assert (heard.status, list(heard.json)) == (400, ["error"])
    responses = ChatRoute(gateway(), Responses(), FEW, messages_name="input")
    heard = await post(responses, {"model": "m", "input": [USER] * 4})
    assert (heard.status, heard.error["param"]) == (400, "input")
    gate = Authenticator(KeyRing(None))
    heard = await post(json_route(CountTokens(gateway()), Messages(), gate, FEW), many)
    assert heard.status == 400
    embeddings = json_route(EmbeddingsPlan(gateway()), OpenAIErrors(), gate, FEW)
    heard = await post(embeddings, {"model": "m", "input": ["a", "b", "c"]})
    assert (heard.status, heard.error["param"]) == (400, "input")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"role":"user","content":[' + b"{}," * 60_000 + b"{}]}]}",
        b'{"model":"m","x":[' + b"0," * 350_000 + b"0]}",
        b'{"model":"m","x":[' + b'"",' * 120_000 + b'""]}',
        b'{"model":"m","x":{' + b'"a":0,' * 80_000 + b'"a":0}}',
        b'{"model":"m","x":' + b"[" * 70_000 + b"}",
    ],
    ids=["objects", "numbers", "texts", "fields", "depth"],
)
async def test_a_body_of_too_many_values_is_a_413_before_it_is_parsed(body: bytes) -> None:
    heard = await post(chat(), body)
    assert (heard.status, heard.error["code"]) == (413, "request_too_large")


async def test_ten_thousand_mistakes_are_counted_and_not_listed() -> None:
    parts = [{"type": "text", "text": 1}] * 10_000
    heard = await post(chat(), {"model": "m", "messages": [{"role": "user", "content": parts}]})
    assert (heard.status, heard.error["message"]) == (
        400,
        "the body: 10000 fields are not what they should be",
    )


async def test_a_large_body_is_refused_for_the_same_mistakes_as_a_small_one() -> None:
    padding = "x" * 70_000
    for fields, param in (
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [USER], "temperature": 3}, "temperature"),
        ({"messages": [USER], "max_tokens": "1"}, "max_tokens"),
        ({"messages": [USER], "metadata": {"a": float("inf")}}, "metadata.a"),
    ):
        heard = await post(chat(), {"model": "m", "padding": padding, **fields})
        assert (heard.status, heard.error["param"]) == (400, param)
    assert (await post(chat(), b'{"model": "' + b"x" * 70_000)).status == 400


@pytest.mark.parametrize("size", [10, 300_000])
async def test_only_a_heavy_request_is_read_in_a_worker_thread(size: int) -> None:
    seen = SeenThread()
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * size}]}
    assert (await post(ChatRoute(gateway(), seen), body)).status == 200
    assert (seen.read_in == [threading.get_ident()]) is (size < 1000)


async def test_a_short_body_of_many_objects_is_heavy_too() -> None:
    assert is_heavy(b"[" + b"{}," * 400 + b"{}]")
    assert not is_heavy(b"[" + b"{}," * 100 + b"{}]")
    seen = SeenThread()
    await post(ChatRoute(gateway(), seen), {"model": "m", "messages": [USER] * 500})
    assert seen.read_in != [threading.get_ident()]


async def test_bodies_beyond_the_budget_are_503_and_the_memory_comes_back(
    autojump_clock: trio.abc.Clock,
) -> None:
    in_flight = BytesInFlight(300_000)
    app = ChatRoute(gateway(), ChatCompletions(), BodyLimits(in_flight=in_flight))
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 200_000}]})
    heard: list[Conversation] = []

    async def slow(data: bytes) -> None:
        said = [(0.0, piece(data[:-1], more=True)), (5.0, piece(data[-1:])), (9.0, GONE)]
        heard.append(await talk(app, scope(), *said))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow, body.encode())
        await trio.sleep(1)
        assert in_flight.used == len(body) - 1
        refused = await post(app, body.encode())
        assert (refused.status, refused.error["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        small = {"model": "m", "messages": [USER]}
        assert (await post(app, small)).status == 200
    assert heard[0].status == 200
    assert (in_flight.used, in_flight.refused) == (0, 1)
    assert (await post(app, body.encode())).status == 200


async def test_a_compressed_body_counts_as_what_it_becomes() -> None:

    in_flight = BytesInFlight(1_000_000)
    app = replace(chat(), body_limits=BodyLimits(in_flight=in_flight))
    data = gzip.compress(b" " * 3_000_000)
    heard = await talk(app, scope(headers=[("content-encoding", "gzip")]), (0, piece(data)))
    assert heard.status == 503
    assert in_flight.used == 0
