"""The websocket over real sockets, by trio-websocket as it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
import trio.testing
import trio_websocket

from omen.sim import Fixed, Profile, SimulatedUpstream
from tests.e2e.served import Served, open_served
from tests.world import upstream, whole

RACE = {"strategy": "race", "k": 3}
FLEET = (
    upstream("openai", first_token=0.01, gap=0.001, tokens=10),
    upstream("anthropic", "anthropic", first_token=5.0),
    upstream("ollama", "ollama", first_token=5.0),
)
FLOOD = SimulatedUpstream(
    "flood", "openai", Profile(first_token=Fixed(0.0), gap=Fixed(0.0), tokens=200_000), 1, ("m",)
)


def url(served: Served) -> str:
    return served.url.replace("http", "ws", 1) + "/omen/ws"


def request(request_id: str, **more: Any) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "omen": RACE}
    return json.dumps({"type": "request", "id": request_id, "body": {**body, **more}})


async def hear_end(socket: trio_websocket.WebSocketConnection) -> list[dict[str, Any]]:
    heard = []
    while not heard or heard[-1]["type"] not in ("done", "error"):
        heard.append(json.loads(await socket.get_message()))
    return heard


async def test_a_race_over_a_socket() -> None:
    async with open_served(*FLEET) as served:
        async with trio_websocket.open_websocket_url(url(served)) as socket:
            await socket.send_message(request("a"))
            heard = await hear_end(socket)
            deltas = [f["chunk"]["choices"][0]["delta"] for f in heard if f["type"] == "chunk"]
            assert "".join(d.get("content") or "" for d in deltas) == whole("openai")
            assert heard[-1]["omen"]["winner"] == "openai/m"
        await served.assert_nothing_left()


@pytest.mark.parametrize("way", ["cancel", "close", "vanish"])
@pytest.mark.parametrize("when", ["before the commit", "after it"])
async def test_who_leaves_has_its_upstreams_closed(way: str, when: str) -> None:
    fleet = FLEET[1:] if when == "before the commit" else (FLOOD, *FLEET[1:])
    async with open_served(*fleet) as served:
        opened = trio_websocket.open_websocket_url(url(served))
        async with opened as socket:
            await socket.send_message(request("a"))
            if when == "after it":
                assert json.loads(await socket.get_message())["type"] == "chunk"
            else:
                for stats in served.stats.values():
                    await stats.wait_until(lambda seen: seen.open == 1)
            if way == "cancel":
                await socket.send_message(json.dumps({"type": "cancel", "id": "a"}))
                assert (await hear_end(socket))[-1]["error"]["code"] == "cancelled"
                await served.assert_nothing_left()
            elif way == "close":
                await socket.aclose()
                await served.assert_nothing_left()
            else:
                await trio.aclose_forcefully(socket._stream)
                await served.assert_nothing_left()


async def test_a_client_that_does_not_read_slows_the_upstream_and_costs_no_memory() -> None:
    async with open_served(FLOOD) as served:
        async with trio_websocket.open_websocket_url(url(served)) as socket:
            await socket.send_message(request("a"))
            await socket.get_message()
            stats = served.stats["flood"]
            await trio.testing.wait_all_tasks_blocked(0.2)
            assert stats.open == 1  # it has not got rid of what it has to say
        await served.assert_nothing_left()


async def refusal(
    served: Served, path: str, *headers: tuple[bytes, bytes]
) -> trio_websocket.ConnectionRejected:
    """Knock at a path over a stream of our own: the library leaves a refused one open."""
    stream = await served.connect()
    assert isinstance(stream, trio.SocketStream)
    found: list[trio_websocket.ConnectionRejected] = []
    try:
        async with trio.open_nursery() as nursery:
            await trio_websocket.wrap_client_stream(
                nursery, stream, "localhost", path, extra_headers=list(headers)
            )
    except* trio_websocket.ConnectionRejected as group:
        found += group.exceptions  # type: ignore[arg-type]
    (one,) = found
    return one


async def test_a_wrong_key_is_refused_in_the_handshake() -> None:
    async with open_served(*FLEET) as served:
        key = (b"authorization", b"Bearer sk-omen-nobody-no")
        refused = await refusal(served, "/omen/ws", key)
    assert refused.status_code == 401
    assert b"invalid_api_key" in (refused.body or b"")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/elsewhere"])
async def test_other_websockets_are_refused_at_once(path: str) -> None:
    async with open_served(*FLEET) as served:
        assert (await refusal(served, path)).status_code == 404


async def test_a_wrong_key_is_refused_in_the_handshake_of_responses() -> None:
    async with open_served(*FLEET) as served:
        key = (b"authorization", b"Bearer sk-omen-nobody-no")
        refused = await refusal(served, "/v1/responses", key)
    assert refused.status_code == 401


async def test_a_flood_of_responses_waits_for_its_reader_and_ends_with_it() -> None:
    async with open_served(FLOOD) as served:
        address = served.url.replace("http", "ws", 1) + "/v1/responses"
        async with trio_websocket.open_websocket_url(address) as socket:
            asked = {"type": "response.create", "model": "m", "input": "hi"}
            await socket.send_message(json.dumps(asked))
            await socket.get_message()
            await trio.testing.wait_all_tasks_blocked(0.2)
            assert served.stats["flood"].open == 1
        await served.assert_nothing_left()


async def test_a_stopping_gateway_closes_sockets_and_says_why() -> None:
    async with open_served(*FLEET) as served:
        opened = trio_websocket.open_websocket_url(url(served))
        async with opened as socket:
            served.shutdown.set()
            with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                await socket.get_message()
            await trio.aclose_forcefully(socket._stream)  # the library would leave it open
            assert closed.value.reason is not None
            assert (closed.value.reason.code, closed.value.reason.reason) == (
                1001,
                "OMEN is about to stop",
            )
