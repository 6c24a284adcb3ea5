"""What a request used is free when it ends. What only a collection frees is a cycle.

Cycles keep bodies and answers in memory until a full collection, which is rare and stops every
stream; and while they wait, what lies between them cannot go back to the system.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import h2.connection
import h2.events
import pytest
import trio
from trio.testing import MockClock

from omen.config import AuthSettings, ServerSettings, Settings
from omen.front.app import make_app
from omen.front.grpc import _omen_pb2 as pb
from omen.front.grpc._framing import frame
from omen.sim import SimulatedUpstream
from omen.sim.faults import DeadConnection, Status, Truncated
from tests.front.responses_socket.turns import ask as respond
from tests.front.responses_socket.turns import open_socket
from tests.front.websocket.dialog import open_dialog
from tests.garbage import left_in_cycles
from tests.serving.harness import H2Client, MemoryListener, post, serving
from tests.world import World, open_world, upstream

HELLO = [{"role": "user", "content": "hello"}]
FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=20)
SLOW = upstream("slow", "anthropic", first_token=0.9, gap=0.1, tokens=20)
FULL = upstream("full", fault=Status(0.1, 503))
CUT = upstream("cut", first_token=0.1, gap=0.1, tokens=20, fault=Truncated(1.0, 5))
DEAD = upstream("dead", fault=DeadConnection(1.0, 0, before_head=True))
CHAT = "/v1/chat/completions"


def type_of_ours(one: object) -> str | None:
    """Name the type of an object of OMEN's, or of the parsers that refer to one.

    h2's connection has a table of its own methods, so it is a cycle whoever uses it.
    """
    module = type(one).__module__
    is_ours = module.startswith(("omen", "httptools")) and not module.startswith("omen.sim")
    if not is_ours or isinstance(one, h2.connection.H2Connection):
        return None
    return f"{module}.{type(one).__name__}"


def request(path: str, **fields: Any) -> bytes:
    """Write a request whose connection ends with the response."""
    filled = {"model": "m", "messages": HELLO, **fields}
    body = json.dumps({name: v for name, v in filled.items() if v is not None}).encode()
    return post(path, body, "content-type: application/json", "connection: close")


async def ask(listener: MemoryListener, data: bytes, leave_after: float = 100.0) -> bytes:
    """Ask on a connection of its own; leave when the response has ended, or earlier."""
    heard, stream = bytearray(), listener.connect()
    with trio.move_on_after(leave_after):
        await stream.send_all(data)
        while more := await stream.receive_some():
            heard += more
    await trio.aclose_forcefully(stream)
    await trio.sleep(50)  # the other attempts, and what is written a moment later
    return bytes(heard)


@asynccontextmanager
async def opened(*upstreams: SimulatedUpstream) -> AsyncIterator[tuple[World, MemoryListener]]:
    listener = MemoryListener()
    settings = Settings(auth=AuthSettings(allow_anonymous=True))
    async with open_world(*upstreams, settings=settings) as world:
        app = make_app(world.gateway, world.feed, ServerSettings())
        async with serving(app, memory=listener):
            yield world, listener


RACE = {"strategy": "race", "k": 2}
REQUESTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "plain": (CHAT, {}, 200),
    "stream": (CHAT, {"stream": True}, 200),
    "race": (CHAT, {"stream": True, "omen": RACE}, 200),
    "race, explained": (CHAT, {"stream": True, "omen": {**RACE, "explain": True}}, 200),
    "hedge": (
        CHAT,
        {"stream": True, "omen": {"strategy": "speculate_k", "k": 2, "hedge_delay_ms": 100}},
        200,
    ),
    "vote": (
        CHAT,
        {"omen": {"strategy": "parallel_merge", "k": 2, "merge": {"method": "vote"}}},
        200,
    ),
    "deadline": (CHAT, {"stream": True, "omen": {**RACE, "max_latency_ms": 200}}, 504),
    "messages": ("/v1/messages", {"max_tokens": 50, "stream": True}, 200),
    "responses": ("/v1/responses", {"input": "hello", "messages": None, "stream": True}, 200),
    "ollama": ("/api/chat", {}, 200),
    "a mistake": (CHAT, {"temperature": "warm"}, 400),
    "an unknown model": (CHAT, {"model": "nobody/has-it"}, 404),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_an_answered_request_leaves_no_cycle(name: str, autojump_clock: MockClock) -> None:
    path, fields, status = REQUESTS[name]
    data = request(path, **fields)
    async with opened(FAST, SLOW) as (world, listener):
        await ask(listener, data)  # what is made once for all is made now
        with left_in_cycles(type_of_ours) as found:
            heard = await ask(listener, data)
        assert heard.startswith(b"HTTP/1.1 %d " % status), heard[:300]
        world.assert_nothing_left()
    assert found == []


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"stream": True, "omen": RACE}], ids=str)
@pytest.mark.parametrize("leave_after", [0.2, 1.0])
async def test_a_client_that_leaves_leaves_no_cycle(
    fields: dict[str, Any], leave_after: float, autojump_clock: MockClock
) -> None:
    data = request(CHAT, **fields)
    async with opened(FAST, SLOW) as (world, listener):
        await ask(listener, data)
        with left_in_cycles(type_of_ours) as found:
            await ask(listener, data, leave_after)
        world.assert_nothing_left()
    assert found == []


async def ask_http_2(listener: MemoryListener, path: str, body: bytes, kind: str) -> None:
    stream = listener.connect()
    client = H2Client(stream)
    number = client.h2.get_next_available_stream_id()
    pseudo = {"method": "POST", "path": path, "scheme": "http", "authority": "omen"}
    headers = [*((f":{name}", value) for name, value in pseudo.items()), ("content-type", kind)]
    client.h2.send_headers(number, [*headers, ("te", "trailers")])
    client.h2.send_data(number, body, end_stream=True)
    await client.flush()
    await client.until(h2.events.StreamEnded, number)
    await trio.aclose_forcefully(stream)
    await trio.sleep(50)


@pytest.mark.parametrize("is_grpc", [False, True], ids=["chat", "grpc"])
async def test_nor_does_a_stream_of_http_2(is_grpc: bool, autojump_clock: MockClock) -> None:
    said = pb.ChatCompletionRequest(
        model="m", messages=[pb.ChatMessage(role="user", content="hello")]
    )
    chat = json.dumps({"model": "m", "messages": HELLO, "stream": True, "omen": RACE}).encode()
    asked = (CHAT, chat, "application/json")
    if is_grpc:
        path = "/omen.v1.OmenService/StreamChatCompletion"
        asked = (path, frame(said.SerializeToString()), "application/grpc")
    async with opened(FAST, SLOW) as (world, listener):
        await ask_http_2(listener, *asked)
        with left_in_cycles(type_of_ours) as found:
            await ask_http_2(listener, *asked)
        world.assert_nothing_left()
    assert found == []


async def talk_over_websocket(world: World) -> None:
    async with open_dialog(world, buffer=100) as dialog:
        await dialog.ask(1)
        assert (await dialog.hear_end(1))["type"] == "done"
        await dialog.leave()
    await trio.sleep(50)


async def respond_over_websocket(world: World) -> None:
    async with open_socket(world, buffer=100) as dialog:
        assert (await respond(dialog))["type"] == "response.completed"
        await dialog.leave()
    await trio.sleep(50)


@pytest.mark.parametrize("talk", [talk_over_websocket, respond_over_websocket])
async def test_nor_does_a_websocket(
    talk: Callable[[World], Awaitable[None]], autojump_clock: MockClock
) -> None:
    async with open_world(FAST, SLOW) as world:
        await talk(world)
        with left_in_cycles(type_of_ours) as found:
            await talk(world)
        world.assert_nothing_left()
    assert found == []


@pytest.mark.parametrize("broken", [FULL, CUT, DEAD], ids=lambda up: up.name)
@pytest.mark.parametrize("fields", [{}, {"stream": True}], ids=str)
async def test_an_upstream_that_fails_leaves_no_cycle(
    fields: dict[str, Any], broken: SimulatedUpstream, autojump_clock: MockClock
) -> None:
    data = request(CHAT, **fields)
    async with opened(broken) as (world, listener):
        await ask(listener, data)
        with left_in_cycles(type_of_ours) as found:
            await ask(listener, data)
        world.assert_nothing_left()
    assert found == []
