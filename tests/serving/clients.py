"""Clients of the applications in `apps.py`, honest ones and others, that play by themselves."""

from __future__ import annotations

import h2.events
import trio

from omen.serving import Receive, Scope, Send
from tests.serving.apps import http
from tests.serving.harness import (
    H1Client,
    H2Client,
    Server,
    get,
    post,
    read_all,
    read_until,
    reset,
)
from tests.serving.hostile import START, UPGRADE, data, head, request, ws_frame


async def still_answers(server: Server) -> None:
    assert (await H1Client(await server.connect()).ask(get("/ok"))).body == b"ok"
    assert (await H2Client(await server.connect()).ask("/ok")).body == b"ok"


async def row_1(server: Server) -> None:
    """Data, and the end of a request, behind its complete answer: ordinary gRPC clients do it."""
    client = H2Client(await server.connect())
    for _ in range(40):
        stream_id = await client.start("/early", method="POST", end=False)
        await client.answer(stream_id)
        client.h2.send_data(stream_id, b"late", end_stream=True)
    await client.flush()
    assert (await client.ask("/ok")).body == b"ok"


async def row_2(server: Server) -> None:
    """A path that is not ASCII, a method, a CONNECT without a path, 1100 priorities."""
    for said in (
        request(1, path="/é".encode()),
        request(1, method="GÉT".encode()),
        request(1, method=b"CONNECT", path=None, scheme=None),
        b"".join(
            bytes([0, 0, 5, 2, 0, 0, 0, n >> 7, n << 1 & 255]) + bytes(5) for n in range(1100)
        ),
    ):
        stream = await server.connect()
        await stream.send_all(START + said)
        await stream.send_eof()
        await read_all(stream)


async def row_3(server: Server) -> None:
    """Bytes right behind a websocket's upgrade."""
    stream = await server.connect()
    await stream.send_all(UPGRADE + ws_frame(1, b"hasty"))
    assert b" 400 " in await read_all(stream)


async def pipelined(server: Server) -> None:
    client = H1Client(await server.connect())
    await client.send(post("/echo", b"1") + get("/quart") + post("/echo", b"3"))
    bodies = [(await client.answer()).body for _ in range(3)]
    assert bodies == [b"1", b"from quart", b"3"]
    await client.stream.aclose()


async def asks_quart_and_closes(server: Server) -> None:
    stream = await server.connect()
    await stream.send_all(get("/quart-stream", "connection: close"))
    assert (await read_all(stream)).endswith(b"0\r\n\r\n")
    await stream.aclose()


async def floods_a_websocket(server: Server) -> None:
    stream = await server.connect()
    await stream.send_all(UPGRADE.replace(b"/ws", b"/ws-flood"))
    await read_until(stream, b"101 ")
    await stream.aclose()


async def leaves_ahead_of_its_turn(server: Server) -> None:
    stream = await server.connect()
    await stream.send_all(get("/stream") + get("/ok"))
    await read_until(stream, b"first")
    await stream.aclose()


async def not_reading(server: Server) -> None:
    await H2Client(await server.connect()).start("/flood")


async def leaving(server: Server) -> None:
    stream = await server.connect()
    await stream.send_all(get("/flood") + get("/ok"))
    await stream.receive_some()
    await reset(stream)


async def broken_off(server: Server) -> None:
    client = H2Client(await server.connect())
    await client.until(h2.events.StreamReset, await client.start("/fail-late"))
    await client.stream.aclose()


async def ahead_of_its_turn(server: Server) -> None:
    stream = await server.connect()
    await stream.send_all(head(b"GET /held HTTP/1.1") + data(1) * 5000)
    await stream.aclose()


async def bystander(server: Server, over: trio.Event) -> None:
    one, two = H1Client(await server.connect()), H2Client(await server.connect())
    while not over.is_set():
        assert (await one.ask(get("/ok"))).body == b"ok"
        assert (await two.ask("/ok")).body == b"ok"
        two.events.clear()
    await one.stream.aclose()
    await two.stream.aclose()


@http
async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in as many parts as the path says."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(int(scope["path"][1:])):
        await send({"type": "http.response.body", "body": bytes(7000), "more_body": True})
        await trio.lowlevel.checkpoint()
    await send({"type": "http.response.body", "body": b"end"})
