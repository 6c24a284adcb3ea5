"""Who may open a socket, and what those are told who may not."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock

from omen.config import ServerSettings
from omen.front.app import make_app
from tests.front.client import piece, scope, talk
from tests.front.keys import with_keys
from tests.front.websocket.dialog import open_dialog
from tests.world import open_world, upstream

FAST = upstream("fast", first_token=0.0, gap=0.0)
ELSEWHERE = "203.0.113.9"


async def test_a_key_in_a_header_opens_it() -> None:
    async with open_world(FAST) as world:
        key = with_keys(world).add()
        headers = [("authorization", f"Bearer {key}")]
        async with open_dialog(world, headers=headers, client=ELSEWHERE) as dialog:
            await dialog.ask("a")
            assert (await dialog.hear_end("a"))["type"] == "done"
    assert {race.caller.name for race, _ in world.rows} == {"test"}


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_a_wrong_key_in_a_header_is_a_401_before_the_socket_is_open(header: str) -> None:
    async with open_world(FAST) as world:
        with_keys(world).add()
        shown = "Bearer nonsense" if header == "authorization" else "nonsense"
        async with open_dialog(world, headers=[(header, shown)]) as dialog:
            assert dialog.refused is not None
            assert (dialog.refused["status"], dialog.refused["code"]) == (401, "invalid_api_key")


async def test_a_key_in_the_first_frame_opens_it() -> None:
    async with open_world(FAST) as world:
        key = with_keys(world).add()
        async with open_dialog(world, client=ELSEWHERE) as dialog:
            await dialog.say(type="auth", key=key)
            await dialog.ask("a")
            assert (await dialog.hear_end("a"))["type"] == "done"


@pytest.mark.parametrize("first", ["request", "ping", "auth"])
async def test_without_a_key_that_is_needed_the_socket_closes(
    first: str, autojump_clock: MockClock
) -> None:
    async with open_world(FAST) as world:
        with_keys(world).add()
        async with open_dialog(world) as dialog:
            if first == "request":
                await dialog.ask("a")
            else:
                await dialog.say(type=first, **({"key": "sk-omen-no"} if first == "auth" else {}))
            told = await dialog.hear()
            assert (told["type"], told["id"]) == ("error", None)
            assert (told["error"]["status"], told["error"]["code"]) == (401, "invalid_api_key")
            assert await dialog.hear() == {}
            assert dialog.closed is not None
            assert dialog.closed[0] == 4401


async def test_a_client_that_shows_no_key_in_time_is_closed(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world:
        with_keys(world).add()
        async with open_dialog(world) as dialog:
            assert await dialog.hear() == {}
            assert dialog.closed == (4401, "no key was shown within 10 s")
            assert trio.current_time() == 10.0


async def test_a_key_that_is_revoked_opens_nothing_more() -> None:
    async with open_world(FAST) as world:
        keys = with_keys(world)
        key = keys.add()
        async with open_dialog(world, headers=[("x-api-key", key)]) as dialog:
            await dialog.ask("a")
            assert (await dialog.hear_end("a"))["type"] == "done"
            keys.clear()
            await dialog.ask("b")
            assert (await dialog.hear_end("b"))["error"]["status"] == 401


async def test_a_key_is_bound_by_its_limits() -> None:
    async with open_world(FAST) as world:
        key = with_keys(world).add(requests_per_minute=1)
        async with open_dialog(world, headers=[("x-api-key", key)]) as dialog:
            await dialog.ask("a")
            assert (await dialog.hear_end("a"))["type"] == "done"
            await dialog.ask("b")
            error = (await dialog.hear_end("b"))["error"]
            assert (error["status"], error["code"]) == (429, "rate_limit_exceeded")
            assert error["retry_after"] > 0


async def test_without_keys_only_who_is_here_is_served(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world:
        async with open_dialog(world) as dialog:
            await dialog.ask("a")
            assert (await dialog.hear_end("a"))["type"] == "done"
        async with open_dialog(world, client=ELSEWHERE) as dialog:
            await dialog.ask("a")
            assert (await dialog.hear())["error"]["status"] == 401


@pytest.mark.parametrize(
    ("origin", "served"),
    [
        ("http://test", True),
        ("https://TEST", True),
        ("http://evil.example", False),
        ("http://test:81", False),
        ("null", False),
    ],
)
async def test_a_page_of_another_site_is_nobody_here_though_its_browser_is(
    origin: str, served: bool
) -> None:
    headers = [("host", "test"), ("origin", origin)]
    async with open_world(FAST) as world, open_dialog(world, headers=headers) as dialog:
        await dialog.ask("a")
        assert ((await dialog.hear())["type"] == "chunk") is served


async def test_a_page_of_another_site_that_shows_a_key_is_served() -> None:
    async with open_world(FAST) as world:
        key = with_keys(world).add()
        headers = [("host", "test"), ("origin", "http://other.example")]
        async with open_dialog(world, headers=headers) as dialog:
            await dialog.say(type="auth", key=key)
            await dialog.ask("a")
            assert (await dialog.hear_end("a"))["type"] == "done"


async def test_who_asks_without_an_upgrade_is_told_to() -> None:
    async with open_world(FAST) as world:
        app = make_app(world.gateway, world.feed, ServerSettings())
        conversation = await talk(app, scope("/omen/ws", method="GET"), (0, piece(b"")))
        assert conversation.status == 426
        assert json.loads(conversation.body)["error"]["code"] == "upgrade_required"


async def test_a_page_in_a_browser_offers_the_key_beside_the_subprotocol() -> None:
    """It can set no other header, and drops a socket that picks none of those it offers."""
    async with open_world(FAST) as world:
        key = with_keys(world).add()
        offered = ["other", "omen", f"bearer.{key}"]
        async with open_dialog(world, client=ELSEWHERE, subprotocols=offered) as dialog:
            assert dialog.subprotocol == "omen"
            await dialog.ask("a")
            assert (await dialog.hear_end("a"))["type"] == "done"
    assert {race.caller.name for race, _ in world.rows} == {"test"}


async def test_a_key_offered_so_that_opens_nothing_closes_the_socket_with_a_code() -> None:
    """A page can read the code, and could not read the status of a handshake."""
    async with open_world(FAST) as world:
        with_keys(world).add()
        offered = ["omen", "bearer.sk-omen-wrong"]
        async with open_dialog(world, client=ELSEWHERE, subprotocols=offered) as dialog:
            await dialog.ask("a")
            told = await dialog.hear()
            assert (told["type"], told["error"]["status"]) == ("error", 401)
            assert await dialog.hear() == {}
            assert dialog.closed is not None
            assert dialog.closed[0] == 4401


async def test_other_subprotocols_are_not_picked() -> None:
    async with open_world(FAST) as world, open_dialog(world, subprotocols=["graphql"]) as dialog:
        assert dialog.subprotocol is None
