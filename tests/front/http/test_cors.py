"""Pages of other origins: which may read answers, and that no guard becomes weaker by it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from omen.config import AuthSettings, ServerSettings, Settings
from omen.front.app import make_app
from tests.front.client import Conversation, piece, scope, talk
from tests.front.websocket.dialog import open_dialog
from tests.world import World, open_world, upstream

APP = "https://app.example"
EVIL = "http://evil.example"
KEY = "an-admin-key-of-the-operator"
FAST = upstream("fast", first_token=0.0, gap=0.0)
CHAT = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
BEARER = {"authorization": f"Bearer {KEY}"}
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-omen-strategy",
}
KEYED = Settings(auth=AuthSettings(admin_key=KEY))


async def ask(
    world: World,
    *,
    origins: tuple[str, ...] = (APP,),
    path: str = "/v1/chat/completions",
    method: str = "POST",
    body: bytes = CHAT,
    **headers: str,
) -> Conversation:
    server = ServerSettings(cors_origins=origins)
    app = make_app(world.gateway, world.feed, server, trio.Event())
    named = {"host": "localhost:8080", "content-type": "application/json", **headers}
    sent = [(name.replace("_", "-"), value) for name, value in named.items()]
    return await talk(app, scope(path, method, sent), (0, piece(body)))


def allowed(answer: Conversation) -> str | None:
    return answer.headers.get("access-control-allow-origin")


async def test_it_is_off_by_default() -> None:
    async with open_world(FAST, settings=KEYED) as world:
        answer = await ask(world, origins=(), origin=APP, **BEARER)
        assert (answer.status, allowed(answer), "vary" in answer.headers) == (200, None, False)
        preflight = await ask(world, origins=(), method="OPTIONS", origin=APP, **PREFLIGHT)
        assert (preflight.status, allowed(preflight)) == (401, None) or preflight.status >= 400


async def test_a_named_page_with_a_key_may_read_answers_and_their_headers() -> None:
    async with open_world(FAST, settings=KEYED) as world:
        preflight = await ask(world, method="OPTIONS", origin=APP, **PREFLIGHT)
        assert (preflight.status, allowed(preflight), preflight.body) == (204, APP, b"")
        assert preflight.headers["access-control-allow-headers"] == (
            "authorization,content-type,x-omen-strategy"
        )
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in preflight.headers
        answer = await ask(world, origin=APP, **BEARER)
        shown = answer.headers["access-control-expose-headers"].split(", ")
        assert (answer.status, allowed(answer)) == (200, APP)
        assert [name for name in answer.headers if name.startswith("x-")] != []
        assert {name for name in answer.headers if name.startswith("x-")} <= set(shown)
        assert answer.headers["vary"] == "Origin"


async def test_errors_and_streams_can_be_read_as_well() -> None:
    async with open_world(FAST, settings=KEYED) as world:
        assert allowed(await ask(world, origin=APP)) == APP  # 401
        assert allowed(await ask(world, origin=APP, path="/nowhere", **BEARER)) == APP
        body = json.dumps({**json.loads(CHAT), "stream": True}).encode()
        answer = await ask(world, origin=APP, body=body, **BEARER)
        assert (answer.status, allowed(answer)) == (200, APP)
        models = await ask(world, origin=APP, method="GET", path="/v1/models", **BEARER)
        assert (models.status, allowed(models)) == (200, APP)


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "https://app.example:8443", "http://app.example", f"{APP}.evil", ""]
)
async def test_another_page_may_read_nothing_and_caches_keep_them_apart(origin: str) -> None:
    async with open_world(FAST, settings=KEYED) as world:
        answer = await ask(world, origin=origin, **BEARER)
        assert (answer.status, allowed(answer), answer.headers["vary"]) == (200, None, "Origin")
        preflight = await ask(world, method="OPTIONS", origin=origin, **PREFLIGHT)
        assert allowed(preflight) is None
        assert preflight.status >= 400
        no_page = await ask(world, **BEARER)
        assert (allowed(no_page), no_page.headers["vary"]) == (None, "Origin")


async def test_without_keys_a_named_page_may_ask_models_and_nothing_of_the_operators() -> None:
    async with open_world(FAST) as world:
        page = {"origin": APP, "sec_fetch_site": "cross-site"}
        assert (await ask(world, **page)).status == 200
        models = await ask(world, method="GET", path="/v1/models", **page)
        assert (models.status, allowed(models)) == (200, APP)
        for method, path in (
            ("GET", "/admin/config"),
            ("GET", "/admin/usage"),
            ("POST", "/cache/clear"),
            ("GET", "/omen/races"),
            ("GET", "/omen/providers"),
            ("GET", "/status"),
        ):
            assert (await ask(world, method=method, path=path, **page)).status == 403, path


@pytest.mark.parametrize("settings", [None, Settings(auth=AuthSettings(allow_anonymous=True))])
@pytest.mark.parametrize("origins", [(APP,), ("*",)])
async def test_without_keys_no_other_page_gets_anything(
    settings: Settings | None, origins: tuple[str, ...]
) -> None:
    async with open_world(FAST, settings=settings) as world:
        for page in (
            {"origin": EVIL},
            {"origin": "null"},
            {"sec_fetch_site": "cross-site"},
            {"origin": APP, "host": "evil.example:8080"},
        ):
            answer = await ask(world, origins=origins, **page)
            assert answer.status == 403, page
        assert len(list(world.gateway.races)) == 0


async def test_any_page_may_read_what_its_key_opens_where_the_operator_says_so() -> None:
    async with open_world(FAST, settings=KEYED) as world:
        answer = await ask(world, origins=("*",), origin=EVIL, **BEARER)
        assert (answer.status, allowed(answer)) == (200, EVIL)
        refused = await ask(world, origins=("*",), origin=EVIL)
        assert (refused.status, allowed(refused)) == (401, EVIL)


@pytest.mark.parametrize("names", ["", "x\ny", "é", "x" * 5000])
async def test_a_preflight_repeats_no_names_that_are_none(names: str) -> None:
    wanted = {**PREFLIGHT, "access-control-request-headers": names}
    async with open_world(FAST, settings=KEYED) as world:
        preflight = await ask(world, method="OPTIONS", origin=APP, **wanted)
    assert preflight.headers["access-control-allow-headers"] == "authorization, content-type"


async def test_a_public_page_may_ask_a_gateway_in_a_private_network() -> None:
    wanted = {**PREFLIGHT, "access-control-request-private-network": "true"}
    async with open_world(FAST, settings=KEYED) as world:
        preflight = await ask(world, method="OPTIONS", origin=APP, **wanted)
    assert preflight.headers["access-control-allow-private-network"] == "true"


async def test_a_preflight_is_a_request_of_no_door() -> None:
    async with open_world(FAST, settings=KEYED) as world:
        await ask(world, method="OPTIONS", origin=APP, **PREFLIGHT)
    assert [(r.door, r.status) for r in world.requests] == [("operations", 204)]


@pytest.mark.parametrize(("origin", "is_open"), [(APP, True), (EVIL, False), ("null", False)])
async def test_the_same_pages_may_open_websockets(origin: str, is_open: bool) -> None:
    headers = {"host": "localhost:8080", "origin": origin}
    async with open_world(FAST) as world:
        for path in ("/omen/ws", "/v1/responses"):
            server = ServerSettings(cors_origins=(APP,))
            app = make_app(world.gateway, world.feed, server, trio.Event())
            opened: dict[str, Any] = {"headers": list(headers.items()), "path": path}
            async with open_dialog(world, route=lambda door, app=app: app, **opened) as dialog:
                assert (dialog.refused is None) is is_open, path
