"""A route without `/v1`, or with it twice, is the same route."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.config import ServerSettings
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.front.plain_paths import versioned_path
from tests.front.client import Conversation, piece, scope, talk
from tests.front.websocket.dialog import open_dialog
from tests.world import World, open_world, upstream

FAST = upstream("fast", first_token=0.0, gap=0.0)
WORDS = [{"role": "user", "content": "hi"}]
POSTS: list[tuple[str, dict[str, Any]]] = [
    ("/chat/completions", {"messages": WORDS}),
    ("/completions", {"prompt": "hi"}),
    ("/embeddings", {"input": "hi"}),
    ("/responses", {"input": "hi"}),
    ("/messages", {"messages": WORDS, "max_tokens": 99}),
    ("/messages/count_tokens", {"messages": WORDS}),
]
_NEW = ("id", "created", "created_at")


def app_of(world: World) -> App:
    """Return an app; lists of models have the second at which it was made."""
    return make_app(world.gateway, world.feed, ServerSettings(), trio.Event())


async def ask(app: App, path: str, method: str, body: bytes, *headers: tuple[str, str]) -> Any:
    sent = [
        ("content-type", "application/json"),
        ("host", "localhost"),
        ("x-request-id", "r1"),
        *headers,
    ]
    answer: Conversation = await talk(app, scope(path, method, sent), (0, piece(body)))
    told = json.loads(answer.body or b"null")
    if isinstance(told, dict):
        told = {name: value for name, value in told.items() if name not in _NEW}
        told.pop("output", None)  # its items have ids
    return answer.status, told


@pytest.mark.parametrize("prefix", ["", "/v1/v1"])
@pytest.mark.parametrize(("path", "fields"), POSTS, ids=lambda value: str(value))
async def test_a_post_is_answered_alike(
    autojump_clock: MockClock, prefix: str, path: str, fields: dict[str, Any]
) -> None:
    async with open_world(FAST) as world:
        app = app_of(world)
        for model in ("m", "none-such"):
            body = json.dumps({"model": model, **fields}).encode()
            usual = await ask(app, "/v1" + path, "POST", body)
            assert await ask(app, prefix + path, "POST", body) == usual
        usual = await ask(app, "/v1" + path, "GET", b"")
        assert await ask(app, prefix + path, "GET", b"") == usual
        doors = [record.door for record in world.requests]
        assert len(set(doors)) == 1
        assert {record.path for record in world.requests} == {"/v1" + path, prefix + path}


@pytest.mark.parametrize("path", ["/models", "/models/m", "/models/fast/m", "/models/none"])
async def test_models_are_listed_alike(autojump_clock: MockClock, path: str) -> None:
    async with open_world(FAST) as world:
        app = app_of(world)
        for headers in ((), (("anthropic-version", "2023-06-01"),)):
            usual = await ask(app, "/v1" + path, "GET", b"", *headers)
            assert await ask(app, path, "GET", b"", *headers) == usual


async def test_no_page_of_another_site_gets_around_the_guard_by_them() -> None:
    body = json.dumps({"model": "m", "messages": WORDS}).encode()
    page = ("origin", "http://evil.example")
    async with open_world(FAST) as world:
        app = app_of(world)
        for path in ("/chat/completions", "/v1/v1/chat/completions", "/models"):
            status, _ = await ask(app, path, "POST", body, page)
            assert status == 403


async def test_a_websocket_of_responses_is_found_without_it(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world:
        app = app_of(world)
        opened: dict[str, Any] = {"headers": [("host", "localhost")], "path": "/responses"}
        async with open_dialog(world, route=lambda door: app, **opened) as dialog:
            await dialog.say(type="response.create", model="m", input="hi", generate=False)
            assert (await dialog.hear())["type"] == "response.created"


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/v1", "/health", "/metrics", "/chat", "/api/chat", "/v1/chat/completions",
     "/v2/chat/completions", "/models.json", "/v1/v1/health", "/v1/models/m", "/completionsx"],
)  # fmt: skip
def test_other_paths_stay_as_they_are(path: str) -> None:
    assert versioned_path(path) == path
