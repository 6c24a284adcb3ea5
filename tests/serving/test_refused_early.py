"""While requests are refused, they are refused in short ways, and a bounded number in a pass."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sized
from contextlib import contextmanager, suppress

import pytest
import trio
from trio.testing import MockClock

from omen.serving._early import MOST_IN_A_PASS, Turnstile
from tests.serving.apps import Bare
from tests.serving.harness import (
    H1Client,
    MemoryListener,
    Server,
    get,
    post,
    read_all,
    read_until,
    serving,
)
from tests.serving.test_admission import BODY, Doorman
from tests.serving.tls import client_context, tls_context

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def connect_at_once(server: Server, count: int, data: bytes) -> list[socket.socket]:
    """Open connections and send data on each, before the server runs again."""
    clients = [socket.create_connection(server.handle.addresses[0]) for _ in range(count)]
    for client in clients:
        client.sendall(data)
    return clients


def stream_of(client: socket.socket) -> trio.SocketStream:
    client.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(client))


def client_hello() -> bytes:
    """Return the first bytes of a client of TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


async def test_on_a_kept_connection_no_handler_starts_and_the_next_request_is_served() -> None:
    app, doorman = Bare(), Doorman(refuses=True)
    async with serving(app, admission=doorman) as server:
        client = H1Client(await server.connect())
        for _ in range(2):
            assert (await client.ask(post("/echo", b"hello"))).status == 503
            assert (await client.ask(get("/ok"))).body == b"ok"
        assert server.handle.accepted == 1


async def test_after_a_refused_request_no_preface_of_http_2_counts() -> None:
    """A proxy may send another client's bytes behind the first request."""
    async with serving(Bare(), admission=Doorman(refuses=True)) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(get("/echo"))).status == 503
        assert (await client.ask(PREFACE)).status == 400
        assert await read_all(client.stream) == b""


async def test_a_kept_connection_that_was_refused_stays_for_the_idle_timeout(
    autojump_clock: MockClock,
) -> None:
    admission = Doorman(refuses=True)
    memory = MemoryListener()
    async with serving(Bare(), memory=memory, admission=admission, keep_alive_timeout=10) as server:
        client = H1Client(await server.connect())
        began = trio.current_time()
        for _ in range(3):
            await trio.sleep(8)
            assert (await client.ask(get("/echo"))).status == 503
        assert await read_all(client.stream) == b""
        assert trio.current_time() - began == 34


async def test_a_client_that_leaves_while_it_is_refused_leaves_nothing() -> None:
    async with serving(Bare(), admission=Doorman(refuses=True)) as server:
        client = H1Client(await server.connect())
        await client.ask(get("/ok"))
        await client.send(get("/echo"))
        await client.stream.aclose()
        await server.handle.wait_connections(0)


class Passes(trio.abc.Instrument):
    """Notes what a list has got in each pass of the scheduler."""

    def __init__(self, items: Sized) -> None:
        self.steps = [0]
        self._items = items
        self._seen = 0

    def before_io_wait(self, timeout: float) -> None:
        self.steps.append(len(self._items) - self._seen)
        self._seen = len(self._items)


@contextmanager
def passes(items: Sized) -> Iterator[Passes]:
    instrument = Passes(items)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield instrument
    finally:
        trio.lowlevel.remove_instrument(instrument)


async def test_in_one_pass_a_number_of_tasks_comes_through_and_the_others_in_the_next() -> None:
    turnstile, passed = Turnstile(4), list[int]()

    async def come(number: int) -> None:
        await turnstile.enter()
        passed.append(number)

    with passes(passed) as seen:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(come, number)
    assert max(seen.steps) == 4
    assert len(passed) == 10


async def test_a_task_that_gives_up_waiting_takes_nobody_s_turn() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter()
    with trio.CancelScope() as scope:
        scope.cancel()
        await turnstile.enter()
    assert scope.cancelled_caught
    with trio.fail_after(5):
        for _ in range(3):
            await turnstile.enter()


async def test_new_connections_are_refused_in_batches() -> None:
    doorman = Doorman(refuses=True)
    async with serving(Bare(), admission=doorman) as server:
        clients = connect_at_once(server, 4 * MOST_IN_A_PASS, post("/echo", b"hello"))
        with passes(doorman.asked) as seen:
            for client in clients:
                stream = stream_of(client)
                assert (await read_until(stream, BODY)).startswith(b"HTTP/1.1 503 ")
                await stream.aclose()
        assert max(seen.steps) == MOST_IN_A_PASS
        assert len(doorman.asked) == len(clients)


async def test_kept_connections_are_refused_in_batches() -> None:
    doorman = Doorman(refuses=True)
    async with serving(Bare(), admission=doorman) as server:
        clients = connect_at_once(server, 3 * MOST_IN_A_PASS, get("/ok"))
        streams = [stream_of(client) for client in clients]
        for stream in streams:
            await read_until(stream, b"ok")
        answered: list[bytes] = []

        async def ask(stream: trio.SocketStream) -> None:
            answered.append(await read_until(stream, BODY))

        for client in clients:
            client.send(get("/echo"))
        with passes(answered) as seen:
            async with trio.open_nursery() as nursery:
                for stream in streams:
                    nursery.start_soon(ask, stream)
        # A slow kernel may deliver two batches together; it is not all of them at once.
        assert max(seen.steps) <= 2 * MOST_IN_A_PASS
        for stream in streams:
            await stream.aclose()


async def test_a_client_that_wants_the_connection_to_end_with_its_response_gets_that() -> None:
    async with serving(Bare(), admission=Doorman(refuses=True)) as server:
        client = H1Client(await server.connect())
        await client.ask(get("/ok"))
        answer = await client.ask(get("/echo", "connection: close"))
        assert (answer.status, answer.headers[b"connection"]) == (503, b"close")
        assert await read_all(client.stream) == b""


async def test_tls_is_refused_before_its_handshake_beyond_what_comes_in() -> None:
    """The close is a reset, because the client's first bytes are not read."""
    doorman = Doorman(refuses=True, handshakes=3)
    async with serving(Bare(), tls=tls_context(), admission=doorman) as server:
        clients = [stream_of(s) for s in connect_at_once(server, 20, client_hello())]
        answered = 0
        for stream in clients:
            with suppress(trio.BrokenResourceError):
                answered += (await stream.receive_some(1)) == b"\x16"
            await stream.aclose()
        assert answered == 3
        assert len(doorman.unread) == 20
        assert server.handle.accepted == 3
        await server.handle.wait_connections(0)


async def test_beside_tls_a_plain_request_gets_its_refusal() -> None:
    doorman = Doorman(refuses=True)
    settings = {"tls": tls_context(), "plain_beside_tls": True, "admission": doorman}
    async with serving(Bare(), **settings) as server:
        (client,) = connect_at_once(server, 1, post("/echo", b"hello"))
        stream = stream_of(client)
        assert (await read_until(stream, BODY)).startswith(b"HTTP/1.1 503 ")
        await stream.aclose()
        assert doorman.unread == []
        assert server.handle.accepted == 0


async def test_on_a_port_that_speaks_only_tls_a_plain_request_learns_of_it() -> None:
    doorman = Doorman(refuses=True)
    async with serving(Bare(), tls=tls_context(), admission=doorman) as server:
        (client,) = connect_at_once(server, 1, post("/echo", b"hello"))
        stream = stream_of(client)
        assert (await read_until(stream, b"only that\n")).startswith(b"HTTP/1.1 400 ")
        await stream.aclose()
    assert doorman.asked == []
