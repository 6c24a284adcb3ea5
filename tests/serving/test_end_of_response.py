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


@pytest.mark.parametrize("headers", [(), ("connection: close",)])
async def test_the_end_is_recorded_without_a_checkpoint(
    headers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """quart-trio cancels the sending task when it sees the disconnect that ends the response.

    At a checkpoint the task would be cancelled, and the connection neither reused nor closed.
    """
    ends = 0
    end_exchange = H1.end_exchange

    async def at_once(self: H1) -> None:
        nonlocal ends
        with trio.testing.assert_no_checkpoints():
            await end_exchange(self)
        ends += 1

    monkeypatch.setattr(H1, "end_exchange", at_once)
    async with serving(Mounted()) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(get("/quart", *headers))).body == b"from quart"
        await trio.testing.wait_all_tasks_blocked()
        assert ends == 1


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


@pytest.mark.parametrize(("sent", "is_last"), [(b"x" * 10, False), (b"xxx", True), (b"", True)])
async def test_an_answer_before_the_end_of_its_request_says_that_it_is_the_last(
    sent: bytes, is_last: bool
) -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.testing.wait_all_tasks_blocked()  # what was sent is here
        await send({"type": "http.response.start", "status": 501, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})

    async with serving(http(refuse), memory=MemoryListener()) as server:
        stream = await server.connect()
        head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n"
        await stream.send_all(head + sent)
        answer = (await stream.receive_some()).lower()
        assert answer.startswith(b"http/1.1 501 ")
        assert (b"connection: close" in answer) is is_last
        if not is_last:
            await stream.send_all(head + sent)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 501 ")
        await stream.aclose()
