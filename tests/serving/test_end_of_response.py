"""What happens on a connection when a response is complete."""

from __future__ import annotations

import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from omen.serving._h1 import H1
from tests.serving.apps import Bare, Mounted, http
from tests.serving.harness import H1Client, H2Client, MemoryListener, get, read_all, serving

PATHS = ["/ok", "/quart", "/quart-stream"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_client_that_asked_for_close_gets_the_answer_and_the_end(path: str) -> None:
    async with serving(Mounted()) as server:
        stream = await server.connect()
        await stream.send_all(get(path, "connection: close"))
        answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer.lower()
        await stream.aclose()
        await server.handle.wait_connections(0)


@pytest.mark.parametrize("path", PATHS)
async def test_an_idle_connection_is_closed_after_the_keep_alive_timeout(
    path: str, autojump_clock: trio.abc.Clock
) -> None:
    async with serving(Mounted(), memory=MemoryListener(), keep_alive_timeout=300) as server:
        client = H1Client(await server.connect())
        await trio.sleep(7)
        assert (await client.ask(get(path))).status == 200
        asked = trio.current_time()
        assert await read_all(client.stream) == b""
        assert trio.current_time() - asked == 300


@pytest.mark.parametrize("path", PATHS)
async def test_many_requests_share_a_connection(path: str) -> None:
    async with serving(Mounted()) as server:
        client = H1Client(await server.connect())
        for _ in range(20):
            assert (await client.ask(get(path))).status == 200
        assert server.handle.accepted == 1


@pytest.mark.parametrize("path", PATHS)
async def test_the_same_on_http_2(path: str) -> None:
    async with serving(Mounted()) as server:
        client = H2Client(await server.connect())
        for _ in range(20):
            assert (await client.ask(path)).status == 200
        assert server.handle.accepted == 1


async def test_a_nursery_cancelled_at_the_disconnect_leaves_a_usable_connection() -> None:
    app = Bare()
    app.release.set()
    async with serving(app) as server:
        client = H1Client(await server.connect())
        for _ in range(20):
            assert (await client.ask(get("/held"))).body == b"held"
        await client.send(get("/held", "connection: close"))
        assert b"held" in await read_all(client.stream)


async def test_the_end_is_recorded_even_if_that_takes_a_wait_and_the_handler_is_cancelled_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """quart-trio cancels the sending task when it sees the disconnect that ends the response."""
    recorded = trio.Event()
    told = H1._maybe_recycle

    async def slowly(self: H1) -> None:
        await told(self)
        await trio.testing.wait_all_tasks_blocked()
        recorded.set()

    monkeypatch.setattr(H1, "_maybe_recycle", slowly)
    async with serving(Mounted()) as server:
        await H1Client(await server.connect()).ask(get("/quart"))
        await recorded.wait()


async def test_after_the_answer_comes_a_disconnect_as_often_as_one_asks() -> None:
    heard: list[str] = []
    finished = trio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        heard.extend([(await receive())["type"], (await receive())["type"]])
        finished.set()

    async with serving(app) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(get("/"))).status == 204
        await finished.wait()
    assert heard == ["http.disconnect", "http.disconnect"]


async def test_there_is_no_server_header() -> None:
    async with serving(Bare()) as server:
        first = await H1Client(await server.connect()).ask(get("/ok"))
        second = await H2Client(await server.connect()).ask("/ok")
        assert b"server" not in first.headers
        assert b"server" not in second.headers
        assert b"date" in first.headers
