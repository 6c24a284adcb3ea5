"""What the server does with a request that its admission refuses, and with the one after it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

import h2.events
import pytest
import trio
import trio.abc

from omen.serving import Refusal
from omen.serving._eager import MOST_ADMITTED
from omen.serving._early import EarlyRefusals
from tests.descriptors import limited, next_descriptor
from tests.serving.apps import Bare
from tests.serving.harness import (
    H1Client,
    H2Client,
    MemoryListener,
    get,
    post,
    read_all,
    read_until,
    serving,
)
from tests.serving.hostile import UPGRADE

BODY = b'{"error": "busy"}'
BUSY = Refusal(503, ((b"content-length", b"%d" % len(BODY)), (b"retry-after", b"1")), BODY)


@dataclass
class Doorman:
    """Refuses every path that begins with `/echo`, and remembers what it was asked."""

    refuses: bool = False
    """Whether the server may look at heads before it parses them."""
    asked: list[tuple[bytes, bytes, str | None]] = field(default_factory=list)
    headers: list[dict[bytes, bytes]] = field(default_factory=list)
    handshakes: int = 0
    """The TLS connections that come in."""
    unread: list[str] = field(default_factory=list)

    def consider(
        self,
        method: bytes,
        path: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        client: str | None,
    ) -> Refusal | None:
        self.asked.append((method, path, client))
        self.headers.append(dict(headers))
        return BUSY if path.startswith((b"/echo", b"/ws")) else None

    consider_early = consider

    def admits_unread(self, client: str) -> bool:
        self.unread.append(client)
        return len(self.unread) <= self.handshakes


early = pytest.mark.parametrize("refuses", [False, True])


@early
async def test_a_whole_request_is_refused_and_the_connection_is_kept(refuses: bool) -> None:
    doorman = Doorman(refuses)
    async with serving(Bare(), admission=doorman) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(get("/ok"))).body == b"ok"
        for _ in range(3):
            answer = await client.ask(post("/echo", b"hello", "X-Api-Key: k"))
            assert (answer.status, answer.body) == (503, BODY)
            assert answer.headers[b"retry-after"] == b"1"
            assert b"connection" not in answer.headers
        assert (await client.ask(get("/ok"))).body == b"ok"
        assert doorman.asked.count((b"POST", b"/echo", "127.0.0.1")) == 3
        assert any(headers.get(b"x-api-key") == b"k" for headers in doorman.headers)


@early
async def test_a_request_whose_body_is_to_come_ends_its_connection(refuses: bool) -> None:
    async with serving(Bare(), admission=Doorman(refuses)) as server:
        client = H1Client(await server.connect())
        answer = await client.ask(post("/echo", b"hello")[:-2])
        assert (answer.status, answer.headers[b"connection"]) == (503, b"close")
        assert await read_all(client.stream) == b""


@early
async def test_a_request_whose_last_chunk_is_missing_ends_its_connection(refuses: bool) -> None:
    chunked = get("/echo", "transfer-encoding: chunked").replace(b"GET", b"POST")
    async with serving(Bare(), admission=Doorman(refuses)) as server:
        client = H1Client(await server.connect())
        answer = await client.ask(chunked + b"5\r\nhello\r\n")
        assert (answer.status, answer.headers[b"connection"]) == (503, b"close")
        assert await read_all(client.stream) == b""


@early
async def test_requests_that_are_sent_ahead_are_answered_in_order(refuses: bool) -> None:
    async with serving(Bare(), admission=Doorman(refuses)) as server:
        client = H1Client(await server.connect())
        await client.send(get("/ok") + post("/echo", b"1") + get("/ok") + post("/echo", b"2"))
        assert [(await client.answer()).status for _ in range(4)] == [200, 503, 200, 503]


@early
async def test_a_websocket_is_refused_in_its_handshake(refuses: bool) -> None:
    async with serving(Bare(), admission=Doorman(refuses)) as server:
        client = H1Client(await server.connect())
        answer = await client.ask(UPGRADE)
        assert (answer.status, answer.body) == (503, BODY)


@early
async def test_what_is_no_request_is_still_found_out(refuses: bool) -> None:
    async with serving(Bare(), admission=Doorman(refuses)) as server:
        for bad in (
            b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
            b"POST /echo HTTP/1.1\r\n\r\n",
            b"POST  /echo HTTP/1.1\r\nhost: a\r\n\r\n",
            b"POST /echo HTTP/1.1\r\nhost: a\r\nbad field: 1\r\n\r\n",
            b"POST /echo HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
        ):
            assert (await H1Client(await server.connect()).ask(bad)).status == 400


async def test_over_http_2_the_stream_is_refused_and_the_others_go_on() -> None:
    doorman = Doorman()
    async with serving(Bare(), admission=doorman) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start("/echo", method="POST", end=False)
        answer = await client.answer(stream_id)
        assert (answer.status, answer.body) == (503, BODY)
        await client.until(h2.events.StreamReset, stream_id)
        assert (await client.ask("/ok")).body == b"ok"
        assert doorman.asked == [(b"POST", b"/echo", "127.0.0.1"), (b"GET", b"/ok", "127.0.0.1")]


async def test_an_early_refusal_on_a_new_connection_makes_no_connection() -> None:
    """The bytes are there when the connection is accepted, so no task is made for it."""
    doorman = Doorman(refuses=True)
    async with serving(Bare(), admission=doorman) as server:
        host, port = server.handle.addresses[0]
        clients = []
        for _ in range(20):
            client = socket.create_connection((host, port))
            client.sendall(post("/echo", b"hello"))
            clients.append(client)
        answers = []
        for client in clients:
            client.setblocking(False)
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
            answers.append(await read_until(stream, BODY))
            await stream.aclose()
        assert all(a.startswith(b"HTTP/1.1 503 Service Unavailable\r\n") for a in answers)
        assert all(a.endswith(BODY) for a in answers)
        await server.handle.wait_connections(0)
        # The very first one was accepted by itself, as trio accepts.
        assert server.handle.accepted <= 2


async def test_many_connections_are_accepted_in_one_pass() -> None:
    async with serving(Bare()) as server:
        host, port = server.handle.addresses[0]
        clients = [socket.create_connection((host, port)) for _ in range(100)]
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        assert server.handle.connections == 100
        for client in clients:
            client.close()


async def test_of_the_spare_descriptors_one_is_used_in_a_pass(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever gets it makes room first. A whole pass would use them up for all others."""
    async with serving(Bare(), linger=0.1) as server:
        address = server.handle.addresses[0]
        clients = [socket.create_connection(address) for _ in range(100)]
        with limited(next_descriptor() + MOST_ADMITTED):
            for _ in range(1000):
                await trio.lowlevel.checkpoint()
            assert server.handle.accepted + server.handle.refused == 100
            assert server.handle.refused > 0
            for client in clients:
                client.close()
            await server.handle.wait_connections(0)
    assert "no connection can be accepted" not in caplog.text


async def test_without_sockets_nothing_is_accepted_early(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener(), admission=Doorman(True)) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(post("/echo", b"hello"))).status == 503


HEAD = get("/echo").replace(b"GET", b"HEAD")


@pytest.mark.parametrize(
    "data",
    [
        get("/echo"),
        post("/echo", b"hello"),
        get("/echo", "connection: close"),
        get("/echo", "transfer-encoding: chunked").replace(b"GET", b"POST") + b"0\r\n\r\n",
        get("http://localhost/echo"),
    ],
    ids=["plain", "body", "close", "chunks", "absolute"],
)
def test_one_whole_request_is_refused_when_it_is_accepted(data: bytes) -> None:
    response = EarlyRefusals(Doorman(refuses=True)).of_new(data, "127.0.0.1")
    assert response is not None
    assert response.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nconnection: close\r\n" in response
    assert response.endswith(BODY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        get("/echo")[:-1],
        post("/echo", b"hello")[:-1],
        get("/echo") + get("/ok"),
        HEAD,
        UPGRADE,
        get("/echo", "upgrade: websocket"),
        get("/echo").replace(b"\r\n", b"\n"),
        get("/echo", "content-length: 0", "content-length: 1"),
        get("/echo", "content-length: 5", "transfer-encoding: chunked") + b"0\r\n\r\n",
        get("/echo").replace(b"host: localhost", b"host: a b"),
        get("/echo").replace(b"GET", b"get"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01",
    ],
)
def test_everything_else_is_for_its_connection_to_find_out(data: bytes) -> None:
    """There is one grammar of requests, and a `HEAD` must get no body."""
    doorman = Doorman(refuses=True)
    early = EarlyRefusals(doorman)
    assert early.of_new(data, "127.0.0.1") is None
    assert early.of_kept(data, "127.0.0.1") is None
    assert doorman.asked == []
