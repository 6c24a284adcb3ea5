"""More connections than there may be, and more than the machine can hold."""

from __future__ import annotations

import errno
import logging

import pytest
import trio
import trio.abc
import trio.testing

from tests.serving.apps import Bare
from tests.serving.harness import H1Client, H2Client, MemoryListener, get, post, read_all, serving


async def test_when_all_run_requests_a_further_one_gets_503_and_a_time_to_come_back() -> None:
    app = Bare()
    async with serving(app, max_connections=2) as server:
        busy = [H1Client(await server.connect()), H1Client(await server.connect())]
        for client in busy:
            await client.send(get("/held"))
        await app.until(app.begun, "/held", 2)
        third = H1Client(await server.connect())
        answer = await third.ask(post("/echo", bytes(100_000)))
        assert (answer.status, answer.headers[b"retry-after"]) == (503, b"1")
        assert await read_all(third.stream) == b""
        assert (server.handle.connections, server.handle.refused) == (2, 1)
        app.release.set()
        assert [(await client.answer()).body for client in busy] == [b"held", b"held"]


async def test_a_place_that_becomes_free_is_given_again() -> None:
    async with serving(Bare(), max_connections=1) as server:
        for _ in range(3):
            client = H1Client(await server.connect())
            assert (await client.ask(get("/ok"))).body == b"ok"
            await client.stream.aclose()
            await server.handle.wait_connections(0)
        assert server.handle.refused == 0


async def test_each_refused_client_gets_its_503_and_if_it_does_not_leave_it_is_left(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener(), max_connections=0) as server:
        began = trio.current_time()
        clients = [await server.connect() for _ in range(200)]
        answers = [await read_all(client) for client in clients]
        assert sum(b"503" in answer for answer in answers) == 200
        assert server.handle.refused == 200
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await trio.sleep(1)
                await clients[0].send_all(b"x")
        assert trio.current_time() - began <= 3


async def test_only_a_few_refused_clients_may_linger_when_few_connections_are_allowed(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Each holds a descriptor, and what is beyond the limit of connections is for upstreams."""
    app = Bare()
    async with serving(app, memory=MemoryListener(), max_connections=16) as server:
        for _ in range(16):
            await H1Client(await server.connect()).send(get("/held"))
        await app.until(app.begun, "/held", 16)
        refused = [await server.connect() for _ in range(20)]
        assert all([b" 503 " in await read_all(client) for client in refused])
        lingering = 0
        for client in refused:
            try:
                await client.send_all(b"x")
                lingering += 1
            except trio.BrokenResourceError:
                pass
        assert lingering == 2


class Exhausted(MemoryListener):
    """A listener on a machine that is out of file descriptors, a few times."""

    failures = 3

    async def accept(self) -> trio.abc.Stream:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return await super().accept()


async def test_running_out_of_file_descriptors_does_not_end_the_server(
    autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Bare(), memory=Exhausted()) as server:
        client = H1Client(await server.connect())
        with caplog.at_level(logging.ERROR):
            assert (await client.ask(get("/ok"))).body == b"ok"
        assert trio.current_time() == pytest.approx(0.1 + 0.2 + 0.4)
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None


async def test_the_handle_says_what_an_operator_would_ask() -> None:
    app = Bare()
    async with serving(app) as server:
        (address,) = server.handle.addresses
        assert address[0] == "127.0.0.1"
        assert address[1] > 0
        one, two = H1Client(await server.connect()), H2Client(await server.connect())
        await one.send(get("/held"))
        await app.until(app.begun, "/held")
        await two.ask("/ok")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert repr(server.handle) == (
            f"<ServerHandle 127.0.0.1:{address[1]}; 2 connections, 1 of them idle;"
            " 2 accepted, 0 refused>"
        )


async def test_an_address_that_is_taken_is_an_os_error() -> None:
    async with serving(Bare()) as server:
        port = server.handle.addresses[0][1]
        with pytest.RaisesGroup(pytest.RaisesExc(OSError), flatten_subgroups=True):
            async with serving(Bare(), port=port):
                pytest.fail("two servers on one port")
