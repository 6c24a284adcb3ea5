"""A key has a limit of requests at the same time, at every door, whatever addresses use it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.config import AuthSettings, ServerSettings, Settings
from omen.front.app import make_app
from omen.front.grpc import _omen_pb2 as pb
from omen.front.grpc._framing import frame
from omen.front.http.asgi import App
from omen.telemetry import LiveFeed
from tests.front.client import GONE, Conversation, piece, scope, talk
from tests.front.keys import Keys, with_keys
from tests.front.websocket.dialog import open_dialog
from tests.world import World, open_world, upstream

SLOW = upstream("slow", first_token=5.0, gap=0.0, tokens=3)
HELLO = [{"role": "user", "content": "hello"}]
DOORS: list[tuple[str, dict[str, Any], Any]] = [
    ("/v1/chat/completions", {"messages": HELLO}, ("error", "code", "rate_limit_exceeded")),
    ("/v1/completions", {"prompt": "hello"}, ("error", "code", "rate_limit_exceeded")),
    ("/v1/embeddings", {"input": "hello"}, ("error", "code", "rate_limit_exceeded")),
    ("/v1/messages", {"messages": HELLO, "max_tokens": 9}, ("error", "type", "rate_limit_error")),
    ("/v1/responses", {"input": "hello"}, ("error", "code", "rate_limit_exceeded")),
    ("/api/chat", {"messages": HELLO}, None),
    ("/api/generate", {"prompt": "hello"}, None),
]
CHAT = DOORS[0][0], DOORS[0][1]


@dataclass
class Served:
    """A gateway with keys, of which each may have `limit` requests at the same time."""

    app: App
    world: World
    keys: Keys

    async def post(self, path: str, fields: dict[str, Any], key: str | None) -> Conversation:
        headers = [("content-type", "application/json")]
        if key is not None:
            headers.append(("authorization", f"Bearer {key}"))
        body = json.dumps({"model": "m", "stream": False, **fields}).encode()
        return await talk(self.app, scope(path, headers=headers), (0, piece(body)))

    async def status(self, key: str) -> dict[str, Any]:
        headers = [("authorization", f"Bearer {key}")]
        asked = scope("/rate-limit/status", "GET", headers)
        heard = await talk(self.app, asked, (0, piece(b"")))
        return dict(json.loads(heard.body)["concurrent"])


@asynccontextmanager
async def served(limit: int = 1, *, anonymous: bool = False) -> AsyncIterator[Served]:
    auth = AuthSettings(max_concurrent_requests=limit, allow_anonymous=anonymous)
    async with open_world(SLOW, settings=Settings(auth=auth)) as world:
        keys = with_keys(world)
        keys.allow_anonymous = anonymous
        yield Served(make_app(world.gateway, LiveFeed(), ServerSettings()), world, keys)
        world.assert_nothing_left()
        assert len(keys.running) == 0


@pytest.mark.parametrize(("path", "fields", "code"), DOORS, ids=lambda value: str(value))
async def test_a_further_request_of_a_key_is_refused_in_the_words_of_its_door(
    autojump_clock: MockClock, path: str, fields: dict[str, Any], code: Any
) -> None:
    async with served() as gateway, trio.open_nursery() as nursery:
        key, other = gateway.keys.add(), gateway.keys.add()
        nursery.start_soon(gateway.post, *CHAT, key)
        await trio.sleep(1)
        heard = await gateway.post(path, fields, key)
        assert (heard.status, heard.headers["retry-after"]) == (429, "1")
        body = json.loads(heard.body)
        if code is None:
            assert "1 requests at the same time" in body["error"]
        else:
            assert body[code[0]][code[1]] == code[2]
        assert gateway.world.stats["slow"].started == 1
        assert (await gateway.post(*CHAT, other)).status == 200
        assert (await gateway.post(*CHAT, key)).status == 200


async def test_a_request_counts_from_its_key_on_and_until_its_client_has_left(
    autojump_clock: MockClock,
) -> None:
    """A body that comes slowly holds a place, too."""
    async with served() as gateway, trio.open_nursery() as nursery:
        key = gateway.keys.add()
        headers = [("authorization", f"Bearer {key}"), ("content-type", "application/json")]
        slow = scope(CHAT[0], headers=headers)
        nursery.start_soon(talk, gateway.app, slow, (0, piece(b"{", more=True)), (9, GONE))
        await trio.sleep(8)
        assert await gateway.status(key) == {"limit": 1, "requests": 1, "websockets": 0}
        assert (await gateway.post(*CHAT, key)).status == 429
        await trio.sleep(2)
        assert await gateway.status(key) == {"limit": 1, "requests": 0, "websockets": 0}
        assert (await gateway.post(*CHAT, key)).status == 200


async def test_refusals_are_in_the_metrics_from_the_first_one_on(
    autojump_clock: MockClock,
) -> None:
    line = b'omen_requests_refused_total{when="key_has_too_many"}'
    async with served() as gateway, trio.open_nursery() as nursery:
        key, admin = gateway.keys.add(), gateway.keys.add(admin=True)
        asked = scope("/metrics", "GET", [("authorization", f"Bearer {admin}")])
        assert line not in (await talk(gateway.app, asked, (0, piece(b"")))).body
        nursery.start_soon(gateway.post, *CHAT, key)
        await trio.sleep(1)
        for _ in range(2):
            assert (await gateway.post(*CHAT, key)).status == 429
        assert line + b" 2.0\n" in (await talk(gateway.app, asked, (0, piece(b"")))).body


async def test_callers_without_a_key_are_not_counted(autojump_clock: MockClock) -> None:
    async with served(anonymous=True) as gateway, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(gateway.post, *CHAT, None)
        await trio.sleep(1)
        assert gateway.world.stats["slow"].open == 3
        assert gateway.keys.running.total == 0


async def test_a_reload_changes_the_limit_for_what_begins_then(autojump_clock: MockClock) -> None:
    async with served(1) as gateway, trio.open_nursery() as nursery:
        key = gateway.keys.add()
        nursery.start_soon(gateway.post, *CHAT, key)
        await trio.sleep(1)
        in_force = gateway.world.gateway.settings
        more = replace(in_force, auth=AuthSettings(max_concurrent_requests=2))
        assert gateway.world.gateway.reload(more).applied == ("auth",)
        nursery.start_soon(gateway.post, *CHAT, key)
        await trio.sleep(1)
        assert (await gateway.post(*CHAT, key)).status == 429
        assert gateway.keys.running.refused == 1


async def test_grpc_calls_count_as_well(autojump_clock: MockClock) -> None:
    request = pb.ChatCompletionRequest(
        model="m", messages=[pb.ChatMessage(role="user", content="x")]
    )
    async with served() as gateway, trio.open_nursery() as nursery:
        key = gateway.keys.add()
        nursery.start_soon(gateway.post, *CHAT, key)
        await trio.sleep(1)
        headers = [("content-type", "application/grpc"), ("authorization", f"Bearer {key}")]
        asked = {
            **scope("/omen.v1.OmenService/ChatCompletion", headers=headers),
            "http_version": "2",
        }
        said: list[Any] = []
        asks = [piece(frame(request.SerializeToString()))]

        async def receive() -> dict[str, Any]:
            if not asks:
                await trio.sleep_forever()
            return asks.pop()

        async def send(message: Any) -> None:
            said.append(message)

        await gateway.app(asked, receive, send)
        trailers = dict(said[-1]["headers"])
        assert trailers[b"grpc-status"] == b"8"  # RESOURCE_EXHAUSTED
        assert gateway.world.stats["slow"].started == 1


async def test_requests_of_a_websocket_count_as_those_over_http(autojump_clock: MockClock) -> None:
    async with served(2) as gateway:
        key = gateway.keys.add()
        headers = [("authorization", f"Bearer {key}")]
        async with (
            trio.open_nursery() as nursery,
            open_dialog(gateway.world, headers=headers, buffer=100) as dialog,
        ):
            nursery.start_soon(gateway.post, *CHAT, key)
            await trio.sleep(1)
            await dialog.ask("a")
            await trio.sleep(1)
            await dialog.ask("b")
            error = (await dialog.hear_end("b"))["error"]
            assert (error["status"], error["code"]) == (429, "rate_limit_exceeded")
            assert error["retry_after"] == 1
            assert (await dialog.hear_end("a"))["type"] == "done"
            await dialog.ask("c")
            assert (await dialog.hear_end("c"))["type"] == "done"
            await dialog.leave()


async def test_a_key_has_as_many_websockets_open_as_requests(autojump_clock: MockClock) -> None:
    async with served(1) as gateway:
        key, world = gateway.keys.add(), gateway.world
        headers = [("authorization", f"Bearer {key}")]
        async with open_dialog(world, headers=headers) as first:
            async with open_dialog(world, headers=headers) as second:
                assert second.refused is not None
                assert second.refused["status"] == 429
            async with open_dialog(world) as late:
                await late.say(type="auth", key=key)
                assert (await late.hear())["error"]["status"] == 429
                await first.leave()
                await trio.sleep(1)
                await late.say(type="auth", key=key)
                await late.say(type="auth", key=key)
                await late.say(type="ping")
                assert (await late.hear())["type"] == "pong"
                assert await gateway.status(key) == {"limit": 1, "requests": 0, "websockets": 1}
        assert await gateway.status(key) == {"limit": 1, "requests": 0, "websockets": 0}


async def test_a_socket_that_takes_another_key_gives_the_first_ones_place_back(
    autojump_clock: MockClock,
) -> None:
    async with served(1) as gateway:
        key, other = gateway.keys.add(), gateway.keys.add()
        headers = [("authorization", f"Bearer {key}")]
        async with open_dialog(gateway.world, headers=headers) as dialog:
            await dialog.say(type="auth", key=other)
            await dialog.say(type="ping")
            assert (await dialog.hear())["type"] == "pong"
            assert (await gateway.status(key))["websockets"] == 0
            assert (await gateway.status(other))["websockets"] == 1
