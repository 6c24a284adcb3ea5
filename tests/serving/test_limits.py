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


async def test_beyond_the_limit_the_answer_is_503_and_says_when_to_come_back() -> None:
    async with serving(Bare(), max_connections=2) as server:
        first, second = H1Client(await server.connect()), H1Client(await server.connect())
        await first.ask(get("/ok"))
        await second.ask(get("/ok"))
        third = H1Client(await server.connect())
        answer = await third.ask(post("/echo", bytes(100_000)))
        assert (answer.status, answer.headers[b"retry-after"]) == (503, b"1")
        assert await read_all(third.stream) == b""
        assert (server.handle.connections, server.handle.refused) == (2, 1)
        assert (await first.ask(get("/ok"))).body == b"ok"


async def test_a_place_that_becomes_free_is_given_again() -> None:
    async with serving(Bare(), max_connections=1) as server:
        for _ in range(3):
            client = H1Client(await server.connect())
            assert (await client.ask(get("/ok"))).body == b"ok"
            await client.stream.aclose()
            await server.handle.wait_connections(0)
        assert server.handle.refused == 0


async def test_a_refused_client_that_does_not_leave_is_left(autojump_clock: trio.abc.Clock) -> None:
    async with serving(Bare(), memory=MemoryListener(), max_connections=0) as server:
        began = trio.current_time()
        clients = [await server.connect() for _ in range(200)]
        answers = [await read_all(client) for client in clients]
        assert sum(b"503" in answer for answer in answers) == 100
        assert answers.count(b"") == 100
        assert server.handle.refused == 200
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await trio.sleep(1)
                await clients[0].send_all(b"x")
        assert trio.current_time() - began <= 3


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
        assert trio.current_time() == pytest.approx(0.3)
    assert len(caplog.records) == 3


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
