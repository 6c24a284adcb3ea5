"""Forty streams in flight when the server is told to stop: all of them end properly."""

from __future__ import annotations

import h2.events
import pytest
import trio
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.harness import H1Client, H2Client, get, read_all, serving
from tests.serving.tls import tls_context


class Forty:
    """Forty streams that go on for a while after the server was told to stop."""

    def __init__(self) -> None:
        self.begun = 0
        self.all_begun, self.told = trio.Event(), trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begin", "more_body": True})
        self.begun += 1
        if self.begun == 40:
            self.all_begun.set()
        await self.told.wait()
        for _ in range(20):
            await send({"type": "http.response.body", "body": bytes(3000), "more_body": True})
            await trio.lowlevel.checkpoint()
        await send({"type": "http.response.body", "body": b"end"})


WHOLE = b"begin" + bytes(60_000) + b"end"


@pytest.mark.parametrize("tls", [False, True])
async def test_forty_streams_on_one_http_2_connection_all_end_properly(tls: bool) -> None:
    app = Forty()
    async with serving(app, tls=tls_context() if tls else None) as server:
        client = H2Client(await (server.connect_tls("h2") if tls else server.connect()))
        running = [await client.start("/") for _ in range(40)]
        await app.all_begun.wait()
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked(0.01)
        app.told.set()
        for stream_id in running:
            assert (await client.answer(stream_id)).body == WHOLE
        await client.until(h2.events.ConnectionTerminated)
        await client.stream.aclose()
        await server.ended.wait()
        assert server.handle.connections == 0


@pytest.mark.parametrize("tls", [False, True])
async def test_forty_http_1_connections_all_end_properly(tls: bool) -> None:
    app = Forty()
    async with serving(app, tls=tls_context() if tls else None) as server:
        clients = [
            H1Client(await (server.connect_tls() if tls else server.connect())) for _ in range(40)
        ]
        for client in clients:
            await client.send(get("/"))
        await app.all_begun.wait()
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked(0.01)
        app.told.set()
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(_read_whole, client)
        await server.ended.wait()
        assert server.handle.connections == 0


async def _read_whole(client: H1Client) -> None:
    assert (await client.answer()).body == WHOLE
    assert await read_all(client.stream) == b""
    await client.stream.aclose()
