"""Every request is reported once, at its end, whatever its door and however it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.config import AuthSettings, ServerSettings, Settings
from omen.config.settings import Price
from omen.core.errors import OmenError
from omen.core.requests import RequestRecord
from omen.front.app import make_app
from omen.front.grpc._framing import frame
from omen.front.grpc._omen_pb2 import ChatCompletionRequest
from omen.front.http.asgi import App
from omen.front.http.recorded import record_of
from omen.serving import ServingSettings, serve
from omen.sim.faults import DeadConnection, Status
from omen.telemetry import RequestRegistry
from tests.front.asking import body
from tests.front.client import GONE, piece, scope, talk
from tests.front.websocket.dialog import open_dialog
from tests.serving.harness import MemoryListener
from tests.world import World, open_world, upstream

FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)
SLOW = upstream("slow", "anthropic", first_token=2.0, gap=0.1, tokens=10)
MESSAGES = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
}


@asynccontextmanager
async def serving(*upstreams: Any, **more: Any) -> AsyncIterator[tuple[World, App]]:
    async with open_world(*(upstreams or (FAST, SLOW)), **more) as world:
        yield world, make_app(world.gateway, world.feed, ServerSettings())


async def ask(app: App, path: str = "/v1/chat/completions", /, **fields: Any) -> None:
    await talk(app, scope(path), (0, piece(body(**fields))))


def only(world: World) -> RequestRecord:
    (record,) = world.requests
    return record


def seen(record: RequestRecord) -> tuple[str, int, str, str | None]:
    return record.door, record.status, record.result, record.error_code


@pytest.mark.parametrize(
    ("path", "door", "fields"),
    [
        ("/v1/chat/completions", "chat", {}),
        ("/v1/chat/completions", "chat", {"stream": True}),
        ("/v1/messages", "messages", {"max_tokens": 9}),
        ("/v1/messages", "messages", {"max_tokens": 9, "stream": True}),
        ("/v1/messages/count_tokens", "count_tokens", {}),
        ("/v1/completions", "completions", {"prompt": "Hello", "messages": None}),
        ("/v1/responses", "responses", {"input": "Hello", "messages": None}),
        ("/v1/embeddings", "embeddings", {"input": "Hello", "messages": None}),
        ("/api/chat", "ollama", {}),
        ("/openai/deployments/m/chat/completions", "chat", {}),
    ],
)
async def test_an_answered_request_is_reported_with_its_door_and_its_race(
    path: str, door: str, fields: dict[str, Any], autojump_clock: MockClock
) -> None:
    said = {name: value for name, value in fields.items() if value is not None}
    whole = {"model": "m", **({} if "messages" in fields else {"messages": MESSAGES["messages"]})}
    async with serving() as (world, app):
        await talk(app, scope(path), (0, piece(json.dumps({**whole, **said}).encode())))
        record = only(world)
    assert seen(record) == (door, 200, "answered", None)
    assert record.race is not None
    assert (record.model, record.path) == ("m", path)
    assert record.request_id == record.race.request_id


async def test_the_duration_is_from_the_arrival_to_the_end(autojump_clock: MockClock) -> None:
    async with serving() as (world, app):
        await ask(app, stream=True, omen={"strategy": "race", "k": 2})
        record = only(world)
    assert record.ended_at is not None
    assert record.ended_at - record.accepted_at == pytest.approx(0.5 + 9 * 0.1)


@pytest.mark.parametrize(
    ("path", "said", "expected"),
    [
        ("/v1/chat/completions", body(model="none"), ("chat", 404, "refused", "model_not_found")),
        ("/v1/chat/completions", b"{", ("chat", 400, "refused", "invalid_request_error")),
        ("/v1/messages", b"{}", ("messages", 400, "refused", "invalid_request_error")),
        ("/nothing/here", b"", ("unknown", 404, "refused", None)),
        ("/cache/clear", b"", ("operations", 200, "answered", None)),
    ],
)
async def test_a_refused_request_is_reported_like_any_other(
    path: str, said: bytes, expected: Any, autojump_clock: MockClock
) -> None:
    async with serving() as (world, app):
        await talk(app, scope(path), (0, piece(said)))
        assert seen(only(world)) == expected


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v1/messages", "messages"),
        ("/v1/models", "operations"),
        ("/nothing/here", "unknown"),
    ],
)
async def test_a_caller_who_is_not_known_is_reported_without_a_name(
    path: str, door: str, autojump_clock: MockClock
) -> None:
    method = "POST" if path.startswith("/v1/chat") or path.endswith("messages") else "GET"
    async with serving() as (world, app):
        away = scope(path, method, client=("203.0.113.9", 1))
        await talk(app, away, (0, piece(body())))
        record = only(world)
    assert (record.door, record.status, record.result) == (door, 401, "refused")
    assert record.caller is None


async def test_an_error_in_the_middle_of_an_answer_has_the_status_it_would_have_had(
    autojump_clock: MockClock,
) -> None:
    broken = upstream("broken", fault=DeadConnection(1.0, after_tokens=6))
    async with serving(broken) as (world, app):
        await ask(app, stream=True)
        record = only(world)
    assert record.sent_status == 200
    assert (record.status, record.result) == (502, "failed")


async def test_a_race_that_nobody_could_answer_has_failed(autojump_clock: MockClock) -> None:
    async with serving(upstream("full", fault=Status(1.0, 503))) as (world, app):
        await ask(app)
        record = only(world)
    assert (record.status, record.result) == (503, "failed")
    assert record.race is not None
    assert {a.outcome for a in record.race.attempts} == {"failed"}


@pytest.mark.parametrize("price", [Price(input=Decimal(1000), output=Decimal(1000))])
async def test_a_request_whose_budget_is_too_small_is_refused(
    price: Price, autojump_clock: MockClock
) -> None:
    async with serving(FAST, price=price) as (world, app):
        await ask(app, omen={"budget_usd": 0.000001})
        record = only(world)
    assert seen(record) == ("chat", 402, "refused", "budget_exceeded")
    assert record.race is not None
    assert record.race.attempts == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("left_at", [0.0, 0.3, 1.0])
async def test_a_client_that_leaves_is_reported_once(
    left_at: float, stream: bool, autojump_clock: MockClock
) -> None:
    async with serving() as (world, app):
        await talk(app, scope(), (0, piece(body(stream=stream))), (left_at, GONE))
        record = only(world)
    assert (record.status, record.result) == (499, "client_left")


async def test_a_client_that_leaves_within_its_request_is_reported(
    autojump_clock: MockClock,
) -> None:
    async with serving() as (world, app):
        await talk(app, scope(), (0, piece(b"{", more=True)), (1, GONE))
        record = only(world)
    assert (record.status, record.result, record.race) == (499, "client_left", None)


async def test_a_stream_that_a_shutdown_cuts_is_reported(autojump_clock: MockClock) -> None:
    settings = Settings(auth=AuthSettings(allow_anonymous=True))
    async with open_world(FAST, settings=settings) as world, trio.open_nursery() as nursery:
        app = make_app(world.gateway, world.feed, ServerSettings())
        listener, shutdown = MemoryListener(), trio.Event()
        chosen = replace(ServingSettings(bind="", port=0), drain=0.25)
        await nursery.start(partial(serve, app, chosen, shutdown=shutdown, listeners=[listener]))
        said = body(stream=True)
        head = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"
        )
        stream = listener.connect()
        await stream.send_all(head % len(said) + said)
        await trio.sleep(0.7)
        shutdown.set()
        await trio.sleep(5)
        record = only(world)
        nursery.cancel_scope.cancel()
    assert (record.status, record.result) == (503, "shutdown")
    assert record.ended_at is not None
    assert record.ended_at - record.accepted_at == pytest.approx(0.7 + 0.25)


async def test_requests_of_a_websocket_are_reported_one_by_one(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_dialog(world, buffer=1000) as dialog:
        await dialog.ask("a")
        await dialog.hear_end("a")
        await dialog.ask("b", model="none")
        await dialog.hear_end("b")
        await dialog.ask("c")
        await dialog.say(type="cancel", id="c")
        await dialog.hear_end("c")
        await dialog.say_text("{")
        await dialog.hear()
        await dialog.ask("d")
        await trio.sleep(0.1)
        await dialog.leave()
        await trio.sleep(1)
        told = [seen(record) for record in world.requests]
    assert told == [
        ("websocket", 200, "answered", None),
        ("websocket", 404, "refused", "model_not_found"),
        ("websocket", 499, "client_left", None),
        ("websocket", 400, "refused", "invalid_json"),
        ("websocket", 499, "client_left", None),
    ]


async def test_a_socket_without_a_key_is_a_refused_request(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world:
        app = make_app(world.gateway, world.feed, ServerSettings())
        asked = scope("/omen/ws", headers=[("authorization", "Bearer sk-omen-no")])
        asked |= {"type": "websocket", "client": ("203.0.113.9", 1), "subprotocols": []}
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await app(asked, receive, send)
        assert seen(only(world))[:3] == ("websocket", 401, "refused")


def grpc_scope(method: str) -> dict[str, Any]:
    asked = scope(f"/omen.v1.OmenService/{method}", headers=[("content-type", "application/grpc")])
    return {**asked, "http_version": "2"}


@pytest.mark.parametrize(
    ("method", "model", "expected"),
    [
        ("ChatCompletion", "m", (200, "answered", None)),
        ("StreamChatCompletion", "m", (200, "answered", None)),
        ("ChatCompletion", "none", (404, "refused", "model_not_found")),
        ("NoSuchMethod", "m", (501, "refused", "unimplemented")),
    ],
)
async def test_a_call_of_grpc_has_the_status_of_http(
    method: str, model: str, expected: Any, autojump_clock: MockClock
) -> None:
    request = ChatCompletionRequest(model=model)
    request.messages.add(role="user", content="Hello")
    async with open_world(FAST) as world:
        app = make_app(world.gateway, world.feed, ServerSettings())
        said = [piece(frame(request.SerializeToString()))]

        async def receive() -> dict[str, Any]:
            if not said:
                await trio.sleep_forever()
            return said.pop(0)

        async def send(message: dict[str, Any]) -> None:
            await trio.lowlevel.checkpoint()

        await app(grpc_scope(method), receive, send)
        assert seen(only(world)) == ("grpc", *expected)


async def test_a_bug_in_a_route_is_a_failed_request(autojump_clock: MockClock) -> None:
    ended: list[RequestRecord] = []
    registry = RequestRegistry([ended.append])
    record = registry.begin("operations", "GET", "/status")
    with pytest.raises(KeyError), registry.recorded(record):
        raise KeyError("sk-secret")
    registry.end(record)
    assert [(r.status, r.result, r.error_code) for r in ended] == [
        (500, "failed", "internal_error")
    ]


async def test_a_code_of_an_upstream_that_is_no_word_is_not_kept() -> None:
    record = record_of(scope())
    error = OmenError("x")
    error.code = "the prompt was: my password is hunter2"
    record.set_error(error)
    assert record.error_code == "server_error"
