"""Programs written for Azure OpenAI work when their endpoint is OMEN."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from omen.config import ServerSettings
from omen.front.app import make_app
from omen.front.azure_paths import openai_path, with_model
from tests.front.client import Conversation, piece, scope, talk
from tests.front.websocket.test_handshake import ELSEWHERE, with_keys
from tests.world import World, open_world, upstream

HELLO = [{"role": "user", "content": "hi"}]
UP = upstream("up", first_token=0.0, gap=0.0)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/openai/deployments/m/chat/completions", ("/v1/chat/completions", "m")),
        ("/openai/deployments/up/m/chat/completions", ("/v1/chat/completions", "up/m")),
        ("/openai/deployments/m/completions", ("/v1/completions", "m")),
        ("/openai/deployments/m/embeddings", ("/v1/embeddings", "m")),
        ("/openai/v1/chat/completions", ("/v1/chat/completions", None)),
        ("/openai/v1/responses", ("/v1/responses", None)),
        ("/openai/responses", ("/v1/responses", None)),
        ("/openai/models", ("/v1/models", None)),
        (
            "/openai/deployments/m/images/generations",
            ("/v1/deployments/m/images/generations", None),
        ),
        ("/v1/chat/completions", None),
        ("/openaix/v1/chat/completions", None),
    ],
)
def test_a_path_of_azure_is_one_of_openai(path: str, meant: Any) -> None:
    assert openai_path(path) == meant


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b"\xff"])
def test_a_body_that_is_no_object_is_left_to_be_refused(body: bytes) -> None:
    assert with_model(body, "m") == body


async def ask(world: World, path: str, body: dict[str, Any], **more: Any) -> Conversation:
    app = make_app(world.gateway, world.feed, ServerSettings())  # type: ignore[arg-type]
    asked = scope(path, query="api-version=2024-10-21", **more)
    return await talk(app, asked, (0, piece(json.dumps(body).encode())))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("named", [{}, {"model": "gpt-of-another-name"}])
async def test_a_deployment_is_a_model(
    named: dict[str, str], stream: bool, autojump_clock: trio.abc.Clock
) -> None:
    async with open_world(UP) as world:
        body = {**named, "messages": HELLO, "stream": stream}
        heard = await ask(world, "/openai/deployments/m/chat/completions", body)
        assert heard.status == 200
        assert heard.headers["x-omen-model"] == "m"


@pytest.mark.parametrize(
    ("rest", "body"), [("completions", {"prompt": "hi"}), ("embeddings", {"input": "hi"})]
)
async def test_so_it_is_for_prompts_and_vectors(
    rest: str, body: dict[str, Any], autojump_clock: trio.abc.Clock
) -> None:
    async with open_world(UP) as world:
        assert (await ask(world, f"/openai/deployments/m/{rest}", body)).status == 200
        missing = await ask(world, f"/openai/deployments/none/{rest}", body)
        assert (missing.status, missing.error["code"]) == (404, "model_not_found")


async def test_the_newer_paths_name_the_model_in_the_body(autojump_clock: trio.abc.Clock) -> None:
    async with open_world(UP) as world:
        body = {"model": "m", "messages": HELLO}
        assert (await ask(world, "/openai/v1/chat/completions", body)).status == 200
        asked = {"model": "m", "input": "hi"}
        assert (await ask(world, "/openai/responses", asked)).status == 200


async def test_the_key_is_an_api_key(autojump_clock: trio.abc.Clock) -> None:
    async with open_world(UP) as world:
        key = with_keys(world).add()
        path, body = "/openai/deployments/m/chat/completions", {"messages": HELLO}
        elsewhere = {"client": (ELSEWHERE, 1)}
        assert (await ask(world, path, body, **elsewhere)).status == 401
        shown = {"headers": [("api-key", key)], **elsewhere}
        assert (await ask(world, path, body, **shown)).status == 200
