"""Websockets over an HTTP/2 stream (RFC 8441)."""

from __future__ import annotations

import h2.events
import trio

from tests.serving.apps import Bare
from tests.serving.harness import H2Client, Server, serving
from tests.serving.hostile import ws_frame


async def open_websocket(server: Server) -> tuple[H2Client, int]:
    client = H2Client(await server.connect())
    await client.flush()
    await client.until(h2.events.RemoteSettingsChanged)
    pseudo = {"method": "CONNECT", "protocol": "websocket", "path": "/ws", "scheme": "http"}
    headers = [(f":{name}", value) for name, value in {**pseudo, "authority": "test"}.items()]
    client.h2.send_headers(1, [*headers, ("sec-websocket-version", "13")])
    await client.flush()
    await client.until(h2.events.ResponseReceived, 1)
    return client, 1


async def test_messages_go_both_ways_and_a_close_is_answered_before_the_stream_ends() -> None:
    app = Bare()
    async with serving(app) as server:
        client, stream_id = await open_websocket(server)
        client.h2.send_data(stream_id, ws_frame(1, b"hello"))
        await client.flush()
        await client.until(h2.events.DataReceived, stream_id)
        client.h2.send_data(stream_id, ws_frame(8, b"\x03\xe8"))
        await client.flush()
        answer = await client.answer(stream_id)
        assert (answer.status, answer.body) == (200, b"\x81\x05hello\x88\x02\x03\xe8")
        await app.until(app.heard, "/ws")
        assert (await client.ask("/ok")).body == b"ok"


async def test_a_client_that_just_ends_its_stream_has_left() -> None:
    app = Bare()
    async with serving(app) as server:
        client, stream_id = await open_websocket(server)
        client.h2.end_stream(stream_id)
        await client.flush()
        with trio.fail_after(5):
            await app.until(app.heard, "/ws")
        assert (await client.ask("/ok")).body == b"ok"
