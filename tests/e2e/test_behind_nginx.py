"""Behind a real nginx with the usual lines for websockets, its rules hold for everybody."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import h2.config
import h2.connection
import pytest
import trio
import trio_websocket

from tests.e2e.served import open_served
from tests.servers import running_nginx
from tests.serving.harness import read_all, read_until
from tests.world import upstream

INNER = ("/admin/config", "/status", "/v1/models")


@asynccontextmanager
async def proxied(folder: Path) -> AsyncIterator[int]:
    """Serve a gateway without keys, for callers on this machine; give the proxy's port."""
    async with open_served(upstream("openai")) as served:
        _, port = served.handle.addresses[0]
        with running_nginx(folder, port) as proxy:
            yield proxy


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: gateway.example", *headers, "", ""]).encode()


async def test_what_comes_through_it_is_not_on_this_machine(tmp_path: Path) -> None:
    """Else the tests below would prove nothing."""
    statuses = {}
    async with proxied(tmp_path) as port:
        for path in (*INNER, "/health"):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(get(path, "connection: close"))
                statuses[path] = (await read_all(stream)).split()[1]
    assert statuses == {
        "/admin/config": b"403",  # nginx's own
        "/status": b"401",
        "/v1/models": b"401",
        "/health": b"200",
    }


@pytest.mark.parametrize("token", ["h2c", "H2C", "foo/2, h2c"])
async def test_it_is_not_tunnelled_past_by_an_upgrade_to_http_2(tmp_path: Path, token: str) -> None:
    ours = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    settings = (ours.initiate_upgrade_connection() or b"").decode()
    offer = ("connection: upgrade", f"upgrade: {token}", f"http2-settings: {settings}")
    for number, path in enumerate(INNER):
        headers = {":method": "GET", ":path": path, ":scheme": "http", ":authority": "x"}
        ours.send_headers(3 + 2 * number, list(headers.items()), end_stream=True)
    async with (
        proxied(tmp_path) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        await stream.send_all(get("/health", *offer))
        head = await read_until(stream, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        await stream.send_all(ours.data_to_send())
        told = await read_all(stream)
    # nginx itself refuses what is no request. Nothing of it has come to the gateway.
    assert b"server: nginx" in told.lower()
    assert b"budget" not in told
    assert b"providers" not in told


async def test_websockets_go_through_it(tmp_path: Path) -> None:
    async with (
        proxied(tmp_path) as port,
        trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/omen/ws") as socket,
    ):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        await socket.send_message(json.dumps({"type": "request", "id": "a", "body": body}))
        told = json.loads(await socket.get_message())
        # The gateway knows that its caller is not on this machine.
        assert (told["type"], told["error"]["code"]) == ("error", "invalid_api_key")
