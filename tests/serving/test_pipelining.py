"""Requests sent ahead of their turn, and next requests sent very early."""

from __future__ import annotations

import random

import pytest
import trio
import trio.abc
import trio.testing

from omen.serving._h1 import H1
from tests.serving.apps import Bare, Mounted
from tests.serving.harness import (
    H1Client,
    MemoryListener,
    Stream,
    get,
    post,
    read_all,
    reset,
    serving,
)

SEEDS = range(200)


@pytest.mark.parametrize("leave", ["FIN", "RST"])
async def test_a_request_ahead_of_its_turn_hides_no_disconnect(leave: str) -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/held") + get("/ok"))
        await app.until(app.begun, "/held")
        await trio.testing.wait_all_tasks_blocked()
        await (stream.aclose() if leave == "FIN" else reset(stream))
        await app.until(app.heard, "/held")
        await server.handle.wait_connections(0)
        assert app.begun == ["/held"]


async def test_requests_ahead_of_their_turn_are_answered_in_order() -> None:
    app = Bare()
    async with serving(app) as server:
        client = H1Client(await server.connect())
        await client.send(post("/echo", b"one") + post("/echo", b"two") + get("/ok"))
        assert [(await client.answer()).body for _ in range(3)] == [b"one", b"two", b"ok"]
        assert (await client.ask(post("/echo", b"four"))).body == b"four"


async def test_too_many_bytes_ahead_cost_the_rest_of_the_connection_not_the_answer() -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/held"))
        await app.until(app.begun, "/held")
        await stream.send_all(get("/ok") * 4000)
        await trio.testing.wait_all_tasks_blocked()
        app.release.set()
        answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"held")
        assert app.begun == ["/held"]


async def test_a_flood_ahead_hides_no_disconnect_either() -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/held") + get("/ok") * 100_000)
        await stream.aclose()
        await app.until(app.heard, "/held")
        await server.handle.wait_connections(0)


@pytest.mark.parametrize("header", ["connection: keep-alive", "connection: close"])
async def test_what_is_held_is_bounded(header: str) -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/held", header) + get("/ok") * 100_000)
        (connection,) = server.handle._live
        protocol = connection._protocol._protocol
        assert isinstance(protocol, H1)
        assert protocol._framing.held <= 64 * 1024


async def test_a_stray_line_end_after_the_last_request_costs_nobody_the_answer() -> None:
    """Some clients send one after a body. After `Connection: close` h11 takes it for an error."""
    async with serving(Bare()) as server:
        stream = await server.connect()
        await stream.send_all(post("/echo", b"body", "connection: close") + b"\r\n")
        assert (await read_all(stream)).endswith(b"body")
        client = H1Client(await server.connect())
        await client.send(get("/ok", "connection: close"))
        await client.send(b"\r\n")
        assert (await client.answer()).body == b"ok"


async def test_a_body_that_nobody_reads_hides_no_disconnect_up_to_the_limit() -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(post("/deaf", bytes(1_000_000)))
        await app.until(app.begun, "/deaf")
        await stream.aclose()
        # Told, though not heeded: the connection has nothing left but that handler.
        await trio.testing.wait_all_tasks_blocked()
        assert "ending" in repr(next(iter(server.handle._live)))


class Hasty:
    """A client that asks again as soon as the last byte of an answer has come.

    The server's task that wrote that byte may not have had its turn again.
    """

    def __init__(self, stream: Stream, choice: random.Random) -> None:
        self._stream = stream
        self._choice = choice

    async def send(self, data: bytes) -> None:
        """Send in pieces that are cut anywhere, with any number of turns between them."""
        while data:
            cut = self._choice.randrange(1, len(data) + 1)
            await self._stream.send_all(data[:cut])
            data = data[cut:]
            for _ in range(self._choice.randrange(3)):
                await trio.lowlevel.checkpoint()

    async def receive(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            data = await self._stream.receive_some()
            assert data, f"the connection ended after {got!r}"
            got += data
        return got


@pytest.mark.parametrize("path", ["/ok", "/quart"])
async def test_the_next_request_of_a_fast_client_is_never_dropped(
    path: str, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    """Every seed is another order of tasks, another cutting of the bytes, another haste.

    A request that is dropped shows as a wait, and virtual time jumps to the keep-alive timeout.
    """
    async with serving(Mounted(), memory=MemoryListener()) as server:
        first = H1Client(await server.connect())
        await first.send(get(path, "connection: close"))
        expected = len((await read_all(first.stream)).replace(b"Connection: close\r\n", b""))
        began = trio.current_time()
        for seed in SEEDS:
            scheduler.seed(seed)
            choice = random.Random(seed)
            client = Hasty(await server.connect(), choice)
            for _ in range(6):
                ahead = choice.choice([1, 1, 1, 2, 3])
                await client.send(get(path) * ahead)
                await client.receive(expected * ahead)
        assert trio.current_time() == began


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_a_request_at_the_very_moment_of_the_idle_timeout_is_answered_or_not_taken(
    keep_alive: bool, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    """It is never begun and then cut off."""
    app = Bare()
    async with serving(app, memory=MemoryListener(), keep_alive_timeout=10) as server:
        for seed in range(50):
            scheduler.seed(seed)
            client = H1Client(await server.connect())
            await client.ask(get("/ok"))
            await trio.sleep(10)
            begun = app.begun.count("/ok")
            try:
                await client.send(get("/ok", *([] if keep_alive else ["connection: close"])))
            except trio.BrokenResourceError:
                answer = b""
            else:
                answer = await read_all(client.stream)
            assert app.begun.count("/ok") - begun == answer.count(b"HTTP/1.1 200")
