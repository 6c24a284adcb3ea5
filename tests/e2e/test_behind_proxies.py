"""Behind a real nginx or HAProxy, its rules hold for everybody, and nobody is on this machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import h2.config
import h2.connection
import pytest
import trio
import trio_websocket

from omen.config import ServerSettings
from tests.e2e.served import open_served
from tests.servers import running_haproxy, running_nginx
from tests.serving.harness import read_all, read_until
from tests.world import upstream

INNER = ("/admin/config", "/status", "/v1/models")


Run = Callable[[Path, int], AbstractContextManager[int]]
PROXIES = {
    "nginx for websockets": running_nginx,
    "HAProxy that adds a header": partial(running_haproxy, lines="option forwardfor"),
}
"""Those that say that there is a proxy. Each forwards an upgrade to whatever protocol."""


@asynccontextmanager
async def proxied(
    folder: Path, run: Run = running_nginx, server: ServerSettings | None = None
) -> AsyncIterator[int]:
    """Serve a gateway without keys, for callers on this machine; give the proxy's port."""
    async with open_served(upstream("openai"), server=server) as served:
        _, port = served.handle.addresses[0]
        with run(folder, port) as proxy:
            yield proxy


async def status(port: int, path: str, host: str = "gateway.example") -> int:
    """Ask through the proxy; give the status."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(get(path, "connection: close", host=host))
        return int((await read_all(stream)).split()[1])


def get(path: str, *headers: str, host: str = "gateway.example") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"host: {host}", *headers, "", ""]).encode()


@pytest.mark.parametrize("run", PROXIES.values(), ids=PROXIES)
async def test_what_comes_through_it_is_not_on_this_machine(tmp_path: Path, run: Run) -> None:
    """Else the tests below would prove nothing."""
    async with proxied(tmp_path, run) as port:
        statuses = {path: await status(port, path) for path in (*INNER, "/health")}
    assert statuses == {
        "/admin/config": 403,  # the proxy's own
        "/status": 401,
        "/v1/models": 401,
        "/health": 200,
    }


@pytest.mark.parametrize("host", ["gateway.example", "localhost", "127.0.0.1"])
async def test_nor_what_comes_through_an_nginx_with_its_defaults(tmp_path: Path, host: str) -> None:
    """It adds no header and calls the gateway by its address, but in HTTP/1.0."""
    async with proxied(tmp_path, partial(running_nginx, lines="")) as port:
        statuses = [await status(port, path, host) for path in ("/status", "/v1/models")]
    assert statuses == [401, 401]


async def test_a_proxy_that_says_nothing_at_all_is_known_by_its_name(tmp_path: Path) -> None:
    async with proxied(tmp_path, running_haproxy) as port:
        assert [await status(port, path) for path in ("/status", "/v1/models")] == [403, 403]


async def test_or_by_its_address_if_that_is_configured(tmp_path: Path) -> None:
    """A stranger can send any name through it."""
    server = ServerSettings(trusted_proxies=("127.0.0.1",))
    async with proxied(tmp_path, running_haproxy, server) as port:
        assert [await status(port, path, "localhost") for path in INNER] == [403, 401, 401]


@pytest.mark.parametrize("run", PROXIES.values(), ids=PROXIES)
@pytest.mark.parametrize("token", ["h2c", "H2C", "foo/2, h2c"])
async def test_it_is_not_tunnelled_past_by_an_upgrade_to_http_2(
    tmp_path: Path, run: Run, token: str
) -> None:
    ours = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    settings = (ours.initiate_upgrade_connection() or b"").decode()
    offer = ("connection: upgrade", f"upgrade: {token}", f"http2-settings: {settings}")
    for number, path in enumerate(INNER):
        headers = {":method": "GET", ":path": path, ":scheme": "http", ":authority": "x"}
        ours.send_headers(3 + 2 * number, list(headers.items()), end_stream=True)
    async with (
        proxied(tmp_path, run) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        await stream.send_all(get("/health", *offer))
        head = await read_until(stream, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        await stream.send_all(ours.data_to_send())
        told = await read_all(stream)
    # The proxy itself refuses what is no request. Nothing of it has come to the gateway.
    assert b" 400 Bad" in told
    assert b"budget" not in told
    assert b"providers" not in told


@pytest.mark.parametrize("run", PROXIES.values(), ids=PROXIES)
async def test_websockets_go_through_it(tmp_path: Path, run: Run) -> None:
    async with (
        proxied(tmp_path, run) as port,
        trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/omen/ws") as socket,
    ):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        await socket.send_message(json.dumps({"type": "request", "id": "a", "body": body}))
        told = json.loads(await socket.get_message())
        # The gateway knows that its caller is not on this machine.
        assert (told["type"], told["error"]["code"]) == ("error", "invalid_api_key")
        with pytest.raises(trio_websocket.ConnectionClosed):
            await socket.get_message()
        await trio.aclose_forcefully(socket._stream)  # the library would leave it open
