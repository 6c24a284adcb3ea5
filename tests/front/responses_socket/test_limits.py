"""What a socket of Responses keeps and runs is bounded, and each refusal has its code."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.accounts.keyring import KeyRing
from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.front.http.request import BodyLimits
from omen.front.responses_socket import ConversationBudget
from omen.front.responses_socket._frames import Create, body_of, items_of, read_frame
from omen.isolation import BytesInFlight
from tests.front.responses_socket.turns import ask, create, hear_all, open_socket
from tests.world import World, open_world, upstream

FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)
ELSEWHERE = "203.0.113.9"
ITEM = b"x" * 36
"""An item that takes a hundred bytes with what is beside it."""


class Keys(KeyRing):
    """A ring with one key."""

    def __init__(self) -> None:
        super().__init__(None)
        made = make_key()
        self.text = made.text
        caller = Caller(key_id=made.key_id, name="test")
        record = KeyRecord(caller=caller, digest=made.digest, created_at=datetime.now(UTC))
        self._keys = {made.key_id: record}


def with_key(world: World) -> str:
    keys = Keys()
    world.gateway.keys = keys
    return keys.text


async def test_a_key_in_the_handshake_opens_it_and_without_one_it_is_a_401() -> None:
    async with open_world(FAST) as world:
        headers = [("authorization", f"Bearer {with_key(world)}")]
        async with open_socket(world, headers=headers, client=ELSEWHERE) as dialog:
            assert (await ask(dialog))["type"] == "response.completed"
            world.gateway.keys = Keys()  # the key is revoked: the next turn needs one that is not
            end = await ask(dialog)
            assert (end["status"], end["error"]["code"]) == (401, "invalid_api_key")
        for wrong in ([], [("authorization", "Bearer nonsense")]):
            async with open_socket(world, headers=wrong, client=ELSEWHERE) as dialog:
                assert dialog.refused is not None
                assert dialog.refused["status"] == 401


async def test_a_page_of_another_site_opens_none_without_a_key() -> None:
    headers = [("origin", "http://evil.example"), ("host", "localhost:8080")]
    async with open_world(FAST) as world, open_socket(world, headers=headers) as dialog:
        assert dialog.refused is not None
        assert dialog.refused["status"] in (401, 403)


async def test_the_turns_of_a_stream_are_answered_in_their_order_and_streams_side_by_side(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_socket(world, buffer=1000) as dialog:
        for name in (None, None, "a", "a", "b"):
            await create(dialog, stream_id=name)
        for _ in range(5):
            await hear_all(dialog)
    ends = [(at, e) for at, e in dialog.heard if e["type"] == "response.completed"]
    names = sorted((at, str(e.get("stream_id"))) for at, e in ends)
    assert [name for _, name in names] == ["None", "a", "b", "None", "a"]
    assert [at for at, _ in names] == pytest.approx([1.4] * 3 + [2.8] * 2)
    of_a = [e for _, e in dialog.heard if e.get("stream_id") == "a"]
    begun = [e["type"] for e in of_a if e["type"] in ("response.created", "response.completed")]
    assert begun == ["response.created", "response.completed"] * 2


async def test_a_response_of_one_stream_can_be_continued_on_another(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        first = (await ask(dialog, stream_id="a"))["response"]["id"]
        end = await ask(dialog, stream_id="b", previous_response_id=first)
        assert (end["type"], end["stream_id"]) == ("response.completed", "b")
        end = await ask(dialog, stream_id="a", previous_response_id=first)
        assert end["type"] == "response.completed"


@pytest.mark.parametrize("name", ["", "a b", "x" * 257, 3, "ü"])
async def test_a_stream_has_a_plain_name(name: Any) -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        end = await ask(dialog, stream_id=name)
        assert (end["status"], end["error"]["code"]) == (400, "invalid_stream_id")


async def test_a_socket_has_so_many_streams_and_turns_and_no_more(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_socket(world, buffer=10_000) as dialog:
        for number in range(32):
            await ask(dialog, stream_id=f"s{number}", generate=False)
        end = await ask(dialog, stream_id="one-more", generate=False)
        assert end["error"]["code"] == "websocket_stream_limit_reached"
        assert end["stream_id"] == "one-more"
        for number in range(64):
            await create(dialog, stream_id=f"s{number % 32}")
        await wait_all_tasks_blocked()
        assert world.stats["fast"].open == 16
        await create(dialog)
        await wait_all_tasks_blocked()
        refusals = [e for _, e in dialog.heard if e["type"] == "error"][1:]
        assert refusals == []
        ends = 0
        while ends < 65:
            event = await dialog.hear()
            ends += event["type"] in ("response.completed", "error")
        (refused,) = [e for _, e in dialog.heard if e["type"] == "error"][1:]
        assert (refused["status"], refused["error"]["code"]) == (429, "too_many_requests")
        assert refused["headers"]["retry-after"] == "1"
    world.assert_nothing_left()


async def test_what_one_message_cannot_be_is_refused_and_the_socket_stays() -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        for text, code in (
            ("{", "invalid_json"),
            ("[]", "invalid_frame"),
            ('{"type": "response.steer"}', "invalid_frame"),
            ('{"type": ["response.create"]}', "invalid_frame"),
            ('{"type": "response.create", "stream_id": 3}', "invalid_stream_id"),
        ):
            await dialog.say_text(text)
            event = await dialog.hear()
            assert (event["type"], event["error"]["code"]) == ("error", code)
        for fields, name in (
            ({"generate": 3}, "generate"),
            ({"previous_response_id": 3}, "previous_response_id"),
            ({"background": True}, "background"),
            ({"conversation": "c"}, "conversation"),
            ({"prompt": {"id": "p"}}, "prompt"),
            ({"input": 3}, "input"),
        ):
            said = {"model": "m", "input": "hello", **fields}
            await dialog.say(type="response.create", **said)
            event = await dialog.hear()
            assert (event["status"], event["error"]["param"]) == (400, name)
        await dialog.say(type="response.processed", response_id="r")
        await dialog.say(type="response.cancel", response_id="r")
        assert (await ask(dialog, generate=False))["type"] == "response.completed"


async def test_a_conversation_is_no_larger_than_a_body(autojump_clock: MockClock) -> None:
    limits = BodyLimits(size=2000)
    async with open_world(FAST) as world, open_socket(world, limits=limits) as dialog:
        first = (await ask(dialog, "x" * 900))["response"]["id"]
        end = await ask(dialog, "x" * 900, previous_response_id=first)
        assert (end["status"], end["error"]["code"]) == (413, "request_too_large")


async def test_turns_are_held_until_they_end(autojump_clock: MockClock) -> None:
    in_flight = BytesInFlight(6_000)
    limits = BodyLimits(in_flight=in_flight)
    async with (
        open_world(FAST) as world,
        open_socket(world, limits=limits, buffer=1000) as dialog,
    ):
        for _ in range(3):
            await create(dialog, "x" * 2_000)
        await wait_all_tasks_blocked()
        (refused,) = [e for e in [await dialog.hear()] if e["type"] == "error"]
        assert (refused["status"], refused["error"]["code"]) == (503, "overloaded")
        assert in_flight.used > 4_000
        while in_flight.used:
            await hear_all(dialog)
            await wait_all_tasks_blocked()


async def test_an_hour_ends_a_socket_when_its_turns_are_answered(
    autojump_clock: MockClock,
) -> None:
    slow = replace(FAST, profile=upstream("fast", first_token=20.0).profile)
    budget = ConversationBudget()
    async with open_world(slow) as world, open_socket(world, budget, buffer=1000) as dialog:
        await ask(dialog, generate=False)
        await trio.sleep(3590.0)
        await create(dialog)
        await trio.sleep(15.0)
        await create(dialog)
        kinds = [(await hear_all(dialog))[-1] for _ in range(3)]
        assert await dialog.hear() == {}
        assert dialog.closed is not None
        assert dialog.closed[0] == 1000
        await wait_all_tasks_blocked()
        assert budget.used == 0
    code = "websocket_connection_limit_reached"
    assert [(e["type"], e.get("error", {}).get("code")) for e in kinds] == [
        ("error", code),
        ("response.completed", None),
        ("error", code),
    ]


async def test_a_stopping_gateway_answers_what_runs_and_closes(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_socket(world, buffer=1000) as dialog:
        await create(dialog)
        await create(dialog)
        await wait_all_tasks_blocked()
        dialog.shutdown.set()
        await wait_all_tasks_blocked()
        await create(dialog)
        ends = [(await hear_all(dialog))[-1] for _ in range(3)]
        assert sorted(end["type"] for end in ends) == ["error", *["response.completed"] * 2]
        assert await dialog.hear() == {}
        assert dialog.closed is not None
        assert dialog.closed[0] == 1001


async def test_a_client_that_does_not_read_slows_its_upstream(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        await create(dialog)
        await trio.sleep(100.0)
        assert (world.transport.sockets_in_use, world.requests) == (1, [])
        assert (await hear_all(dialog))[-1]["type"] == "response.completed"
    world.assert_nothing_left()


async def test_a_binary_message_ends_a_socket() -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        await dialog.to_server.send({"type": "websocket.receive", "text": None, "bytes": b"x"})
        assert await dialog.hear() == {}
        assert dialog.closed is not None
        assert dialog.closed[0] == 1003


def test_a_stream_keeps_its_last_response_only_and_a_closed_socket_none() -> None:
    budget = ConversationBudget(10_000)
    socket = budget.open(5_000)
    socket.keep(None, "r1", (ITEM,))
    socket.keep("a", "r2", (ITEM,) * 3)
    socket.keep(None, "r3", (ITEM,) * 2)
    assert [socket.find(name) is not None for name in ("r1", "r2", "r3")] == [False, True, True]
    assert (socket.used, budget.used) == (628, 628)
    socket.forget("r2")
    assert (socket.find("r2"), budget.used) == (None, 264)
    socket.close()
    assert budget.used == 0


def test_a_conversation_beyond_the_limit_of_its_socket_is_not_kept() -> None:
    budget = ConversationBudget(10_000)
    socket = budget.open(1_000)
    socket.keep(None, "small", (ITEM,) * 4)
    socket.keep("a", "other", (ITEM,) * 8)
    assert (socket.find("small"), budget.used) == (None, 864)
    socket.keep("a", "large", (ITEM,) * 10)
    assert (socket.find("large"), socket.find("other"), budget.used) == (None, None, 0)


def test_a_full_budget_costs_the_socket_that_holds_most() -> None:
    budget = ConversationBudget(2_000)
    greedy, modest = budget.open(2_000), budget.open(2_000)
    modest.keep(None, "m", (ITEM,) * 4)
    for number in range(5):
        greedy.keep(f"s{number}", f"g{number}", (ITEM,) * 4)
    assert modest.find("m") is not None
    kept = [number for number in range(5) if greedy.find(f"g{number}") is not None]
    assert kept == [2, 3, 4]
    assert budget.used == 4 * 464


def test_the_body_of_a_turn_is_the_one_of_a_post() -> None:
    said = {"type": "response.create", "model": "m", "input": "é", "stream_id": "s", "stream": 1}
    create = read_frame(json.dumps(said).encode())
    assert isinstance(create, Create)
    items = items_of(create)
    assert items is not None
    assert json.loads(body_of(create, (b'{"a":1}', *items))) == {
        "input": [{"a": 1}, {"type": "message", "role": "user", "content": "é"}],
        "stream": True,
        "model": "m",
    }
