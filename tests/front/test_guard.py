"""While no key is needed, no page in a browser gets anything, on any route, in any door's words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import trio

from omen.accounts.keyring import KeyRing
from omen.config import AuthSettings, ServerSettings, Settings
from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.front.operations.app import make_operations
from omen.front.operations.metrics import Metrics
from omen.serving import LiveConnections
from tests.front.client import Conversation, piece, scope, talk
from tests.world import World, open_world, upstream

Headers = Sequence[tuple[str, str]]
FAST = upstream("fast", first_token=0.0, gap=0.0)
CHAT = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
JSON = ("content-type", "application/json")
ADMIN_KEY = "an-admin-key-of-the-operator"
OWN = ("host", "localhost:8080")
EVIL_HOST = ("host", "evil.example:8080")
EVIL_PAGE = ("origin", "http://evil.example")
HOT = (
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/messages",
    "/v1/messages/count_tokens", "/v1/responses", "/api/chat", "/api/generate", "/api/embed",
    "/api/embeddings", "/openai/deployments/m/chat/completions", "/openai/v1/responses",
)  # fmt: skip


@dataclass
class Door:
    """An app over a gateway, and what it was asked for."""

    app: App
    world: World

    async def ask(
        self,
        path: str,
        *headers: tuple[str, str],
        method: str = "POST",
        client: str = "127.0.0.1",
        body: bytes = CHAT,
    ) -> Conversation:
        asked = scope(path, method, headers, client=(client, 1))
        return await talk(self.app, asked, (0, piece(body)))


@asynccontextmanager
async def opened(
    *, anyone: bool = False, admin_key: str | None = None, **server: Any
) -> AsyncIterator[Door]:
    auth = AuthSettings(allow_anonymous=anyone, admin_key=admin_key)
    async with open_world(FAST, settings=Settings(auth=auth)) as world:
        yield Door(make_app(world.gateway, world.feed, ServerSettings(**server)), world)


def with_a_key(world: World) -> str:
    """Put a key into the gateway's ring; it stays keyless no longer."""
    made = make_key()
    caller = Caller(key_id=made.key_id, name="test", admin=True)
    record = KeyRecord(caller=caller, digest=made.digest, created_at=datetime.now(UTC))
    world.gateway.keys._keys = {made.key_id: record}
    return made.text


async def routes() -> list[tuple[str, str]]:
    """Every route there is, with a method that it takes."""
    async with open_world(FAST) as world:
        metrics = Metrics(world.gateway, LiveConnections())
        rest = make_operations(world.gateway, metrics, lambda: False, 0.0)
        rules = [
            ("/".join("x" if "<" in part else part for part in rule.rule.split("/")), method)
            for rule in rest.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        ]
    return [*rules, *((path, "POST") for path in HOT), ("/omen/races/live", "GET")]


async def test_no_route_answers_a_name_that_is_not_the_gateways_own() -> None:
    """DNS rebinding: the browser takes the page and the gateway for one origin."""
    same_origin = ("origin", "http://evil.example:8080")
    found = await routes()
    assert len(found) > 30
    async with opened() as door:
        for path, method in [*found, ("/nothing", "GET"), ("/", "GET"), ("/v1/../health", "GET")]:
            for headers in ((EVIL_HOST,), (EVIL_HOST, same_origin)):
                heard = await door.ask(path, JSON, *headers, method=method)
                assert heard.status == 403, path
                assert b"[server] hosts" in heard.body
        assert door.world.rows == []


async def test_no_route_answers_a_page_of_another_site() -> None:
    async with opened() as door:
        for path, method in await routes():
            for headers in (
                (EVIL_PAGE,),
                (("origin", "null"),),
                (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")),
            ):
                heard = await door.ask(path, OWN, JSON, *headers, method=method)
                assert heard.status == 403, path
                assert b"another site" in heard.body
        assert door.world.rows == []


@pytest.mark.parametrize(
    ("path", "headers", "told"),
    [
        ("/v1/chat/completions", (), {"error": {"code": "forbidden", "param": None}}),
        ("/v1/messages", (), {"type": "error", "error": {"type": "permission_error"}}),
        ("/v1/models", (("anthropic-version", "1"),), {"type": "error"}),
        ("/api/chat", (), {}),
        ("/cache/clear", (), {"error": {"code": "forbidden"}}),
    ],
)
async def test_the_refusal_is_in_the_doors_words(
    path: str, headers: Headers, told: dict[str, Any]
) -> None:
    async with opened() as door:
        answer = (await door.ask(path, OWN, EVIL_PAGE, *headers)).json
    assert "another site" in json.dumps(answer)
    for name, value in told.items():
        if isinstance(value, dict):
            assert value.items() <= answer[name].items()
        else:
            assert answer[name] == value
    assert isinstance(answer["error"], str) is path.startswith("/api/")


async def test_a_call_of_grpc_is_refused_with_a_status_of_its_own() -> None:
    async with opened() as door:
        headers = [("content-type", "application/grpc"), ("te", "trailers"), EVIL_HOST]
        asked = {**scope("/grpc.health.v1.Health/Check", headers=headers), "http_version": "2"}
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return piece(b"")

        await door.app(asked, receive, send)
    assert (b"grpc-status", b"7") in sent[-1]["headers"]


async def handshake(door: Door, *headers: tuple[str, str], path: str = "/omen/ws") -> int | None:
    """Knock with a websocket's handshake; the status of its refusal, None if it was accepted."""
    sent: list[Any] = []
    asked = {**scope(path, headers=headers), "type": "websocket", "subprotocols": []}
    said = iter([{"type": "websocket.connect"}])

    async def receive() -> Any:
        return next(said, {"type": "websocket.disconnect", "code": 1006})

    async def send(message: Any) -> None:
        sent.append(message)

    await door.app(asked, receive, send)
    start = next(m for m in sent if m["type"] in ("websocket.accept", _REFUSED))
    return cast(int, start["status"]) if start["type"] == _REFUSED else None


_REFUSED = "websocket.http.response.start"


async def test_a_websocket_is_refused_in_its_handshake() -> None:
    async with opened() as door:
        for headers in ((EVIL_HOST,), (OWN, EVIL_PAGE), (OWN, ("origin", "null"))):
            assert await handshake(door, *headers) == 403
            assert await handshake(door, *headers, path="/v1/responses") == 403
        assert await handshake(door, OWN) is None
        assert await handshake(door, OWN, ("origin", "http://localhost:8080")) is None


async def test_with_keys_a_page_may_open_one_and_show_its_key_in_a_frame() -> None:
    async with opened() as door:
        with_a_key(door.world)
        assert await handshake(door, EVIL_HOST, EVIL_PAGE) is None


OWN_PAGES: list[Headers] = [
    (),
    (("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")),
    (("user-agent", "openai-python"), ("authorization", "Bearer unused")),
]


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "omen:8080"])
async def test_own_pages_and_programs_are_served_under_every_own_name(host: str) -> None:
    async with opened(hosts=("omen",)) as door:
        for headers in OWN_PAGES:
            own = [(n, v.replace("localhost:8080", host)) for n, v in headers]
            heard = await door.ask("/v1/chat/completions", ("host", host), JSON, *own)
            assert heard.status == 200
        assert (await door.ask("/cache/clear", ("host", host))).status == 200
        assert (await door.ask("/admin/config", ("host", host), method="GET")).status == 200


async def test_a_link_from_another_site_may_be_followed() -> None:
    followed = (
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    )
    async with opened() as door:
        assert (await door.ask("/health", OWN, *followed, method="GET")).status == 200
        assert (await door.ask("/cache/clear", OWN, *followed)).status == 403


async def test_a_key_is_served_under_any_name_and_to_any_page() -> None:
    """It may come through a load balancer, and no browser sends it on its own."""
    async with opened() as door:
        key = ("authorization", f"Bearer {with_a_key(door.world)}")
        for headers in ((EVIL_HOST,), (EVIL_HOST, EVIL_PAGE), (OWN, EVIL_PAGE)):
            heard = await door.ask("/v1/chat/completions", JSON, key, *headers)
            assert heard.status == 200
            assert (await door.ask("/admin/config", key, *headers, method="GET")).status == 200
            assert (await door.ask("/health", *headers, method="GET")).status == 200
            assert (await door.ask("/v1/models", *headers, method="GET")).status == 401


async def test_what_only_looks_like_a_key_helps_nobody_while_there_are_none() -> None:
    async with opened() as door:
        key = ("authorization", f"Bearer {make_key().text}")
        for path in ("/health", "/v1/models"):
            assert (await door.ask(path, key, EVIL_HOST, method="GET")).status == 403


class TestWhereAnyoneIsServed:
    async def test_any_address_is_a_host_and_other_names_have_to_be_configured(self) -> None:
        async with opened(anyone=True, hosts=("gateway.example",)) as door:
            for host, status in (
                ("203.0.113.5:8080", 200),
                ("gateway.example", 200),
                ("evil.example", 403),
            ):
                heard = await door.ask(
                    "/v1/chat/completions", ("host", host), JSON, client="203.0.113.9"
                )
                assert heard.status == status

    async def test_an_address_that_is_not_the_gateways_own_makes_nobody_an_admin(self) -> None:
        """A proxy on this machine that says nothing of itself may pass it on."""
        async with opened(anyone=True) as door:
            for host, status in (("203.0.113.5:8080", 403), ("127.0.0.1:8080", 200)):
                heard = await door.ask("/admin/config", ("host", host), method="GET")
                assert heard.status == status
                told = (await door.ask("/status", ("host", host), method="GET")).json
                assert ("budget" in told) is (status == 200)

    async def test_a_page_of_another_site_is_not(self) -> None:
        async with opened(anyone=True) as door:
            for client in ("127.0.0.1", "203.0.113.9"):
                heard = await door.ask("/v1/chat/completions", OWN, EVIL_PAGE, JSON, client=client)
                assert heard.status == 403

    async def test_unless_it_shows_a_key(self) -> None:
        async with opened(anyone=True) as door:
            key = ("x-api-key", with_a_key(door.world))
            headers = (EVIL_HOST, EVIL_PAGE, JSON, key)
            assert (await door.ask("/v1/chat/completions", *headers)).status == 200


class TestAdminKey:
    async def test_a_gateway_with_one_starts_closed_also_for_callers_on_this_machine(self) -> None:
        async with opened(admin_key=ADMIN_KEY) as door:
            for path in ("/v1/models", "/admin/config", "/status"):
                assert (await door.ask(path, OWN, method="GET")).status == 401
            assert (await door.ask("/health", method="GET")).status == 200

    @pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key"])
    async def test_it_opens_chats_and_admin_routes_from_anywhere(self, header: str) -> None:
        shown = f"Bearer {ADMIN_KEY}" if header == "authorization" else ADMIN_KEY
        async with opened(admin_key=ADMIN_KEY) as door:
            for path, method in (("/v1/chat/completions", "POST"), ("/admin/config", "GET")):
                heard = await door.ask(
                    path, EVIL_HOST, JSON, (header, shown), method=method, client="203.0.113.9"
                )
                assert heard.status == 200
            assert ADMIN_KEY.encode() not in heard.body
        assert [race.caller.key_id for race, _ in door.world.rows] == ["admin"]

    @pytest.mark.parametrize(
        "shown", ["", ADMIN_KEY[:-1], ADMIN_KEY + "x", ADMIN_KEY.upper(), "é" * 20, "x" * 100_000]
    )
    async def test_nothing_else_does(self, shown: str) -> None:
        async with opened(admin_key=ADMIN_KEY) as door:
            heard = await door.ask("/v1/models", OWN, ("x-api-key", shown), method="GET")
            assert heard.status == 401

    async def test_another_one_takes_its_place_at_a_reload(self) -> None:
        async with opened(admin_key=ADMIN_KEY) as door:
            gateway, new = door.world.gateway, "another-key-of-the-operator"
            gateway.reload(Settings(auth=AuthSettings(admin_key=new)))
            for shown, status in ((ADMIN_KEY, 401), (new, 200)):
                heard = await door.ask("/status", OWN, ("x-api-key", shown), method="GET")
                assert heard.status == status

    async def test_it_works_while_the_database_is_away(self) -> None:
        keys = KeyRing(None, admin_key=ADMIN_KEY)
        keys._keys, keys._away = None, True
        with trio.fail_after(1):
            assert (await keys.admit_admin(ADMIN_KEY, local=False)).admin
