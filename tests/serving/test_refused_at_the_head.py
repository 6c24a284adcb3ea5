"""Requests that are refused as soon as their head is here, before they cost anything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
import trio
import trio.abc
import trio.testing

from omen.serving._admission import Refusal
from omen.serving._server import _Server
from tests.serving.apps import Bare
from tests.serving.harness import H1Client, MemoryListener, get, post, read_all, serving
from tests.serving.hostile import HANDSHAKE

lockstep = partial(MemoryListener, trio.testing.lockstep_stream_pair)
FULL = Refusal(503, ((b"retry-after", b"2"), (b"content-length", b"4")), b"full")


class Door:
    """Refuses every path that begins with `/no`, and notes what it was asked."""

    def __init__(self) -> None:
        self.considered: list[tuple[bytes, bytes, str | None]] = []

    def consider(
        self,
        method: bytes,
        path: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        client: str | None,
    ) -> Refusal | None:
        self.considered.append((method, path, client))
        assert (b"host", b"localhost") in headers
        return FULL if path.startswith(b"/no") else None


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    """A door in front of every server that a test starts."""
    made = Door()
    init = _Server.__init__

    def with_door(self: _Server, *arguments: object) -> None:
        init(self, *arguments)  # type: ignore[arg-type]
        object.__setattr__(self._service, "admission", made)

    monkeypatch.setattr(_Server, "__init__", with_door)
    return made


async def test_a_refused_request_starts_no_handler_and_costs_one_write(
    door: Door, autojump_clock: trio.abc.Clock
) -> None:
    app = Bare()
    async with serving(app, memory=lockstep()) as server:
        stream = await server.connect()
        await stream.send_all(get("/no?x=y"))
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nretry-after: 2\r\n" in answer
        assert answer.count(b"\r\ncontent-length: 4\r\n") == 1
        assert answer.endswith(b"\r\n\r\nfull")
        assert b"connection: close" not in answer
    assert app.begun == []
    assert door.considered == [(b"GET", b"/no?x=y", None)]


async def test_the_connection_goes_on_when_the_whole_request_is_here(door: Door) -> None:
    app = Bare()
    async with serving(app) as server:
        client = H1Client(await server.connect())
        await client.send(get("/no") + post("/no", b"short") + post("/echo", b"a") + get("/no"))
        answers = [await client.answer() for _ in range(4)]
        assert [answer.status for answer in answers] == [503, 503, 200, 503]
        assert (await client.ask(get("/ok"))).body == b"ok"
        assert server.handle.accepted == 1
    assert app.begun == ["/echo", "/ok"]
    assert {client for _, _, client in door.considered} == {"127.0.0.1"}


@pytest.mark.parametrize(
    "request_",
    [
        post("/no", bytes(100))[:-1],
        b"POST /no HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
        get("/no", "expect: 100-continue", "content-length: 9").replace(b"GET", b"POST"),
        get("/no", "connection: close"),
        b"GET /no HTTP/1.0\r\nhost: localhost\r\n\r\n",
        get("/no", *(header.decode() for header in HANDSHAKE)),
    ],
    ids=["half a body", "half a chunked body", "a body to come", "close", "1.0", "websocket"],
)
async def test_otherwise_it_ends_in_good_order(
    request_: bytes, door: Door, autojump_clock: trio.abc.Clock
) -> None:
    """What still comes is read for a while, so that no reset destroys the answer."""
    app = Bare()
    async with serving(app, memory=MemoryListener(), linger=2) as server:
        stream = await server.connect()
        await stream.send_all(request_)
        answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"\r\nconnection: close\r\n" in answer
        await stream.send_all(b"the rest")
        await server.handle.wait_connections(0)
    assert app.begun == []


async def test_a_refused_head_has_no_body(door: Door) -> None:
    async with serving(Bare()) as server:
        stream = await server.connect()
        await stream.send_all(get("/no", "connection: close").replace(b"GET", b"HEAD"))
        answer = await read_all(stream)
        assert b"\r\ncontent-length: 4\r\n" in answer
        assert answer.endswith(b"\r\n\r\n")


async def test_a_refused_request_is_not_busy_and_its_connection_expires(
    door: Door, autojump_clock: trio.abc.Clock
) -> None:
    async with serving(Bare(), memory=MemoryListener(), keep_alive_timeout=10) as server:
        client = H1Client(await server.connect())
        await trio.sleep(7)
        assert (await client.ask(get("/no"))).status == 503
        refused_at = trio.current_time()
        assert "1 of them idle" in repr(server.handle)
        assert await read_all(client.stream) == b""
        assert trio.current_time() - refused_at == 10


async def test_in_a_drain_a_refusal_is_the_last_response(
    door: Door, autojump_clock: trio.abc.Clock
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener()) as server:
        busy, idle = H1Client(await server.connect()), H1Client(await server.connect())
        await idle.ask(get("/ok"))
        await busy.send(get("/held"))
        await app.until(app.begun, "/held")
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked()
        assert (await idle.ask(get("/no"))).headers[b"connection"] == b"close"
        assert await read_all(idle.stream) == b""
        app.release.set()
        await busy.answer()


async def test_what_is_malformed_is_not_considered(door: Door) -> None:
    async with serving(Bare()) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(get("no"))).status == 400
    assert door.considered == []


async def test_a_client_that_leaves_during_its_refusal_starts_nothing(
    door: Door, autojump_clock: trio.abc.Clock
) -> None:
    """Not even the request that it has sent ahead."""
    app = Bare()
    async with serving(app, memory=lockstep(), write_timeout=5) as server:
        stream = await server.connect()
        await stream.send_all(get("/no") + get("/ok"))
        await server.handle.wait_connections(0)
    assert app.begun == []
