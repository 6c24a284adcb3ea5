"""The bytes of a connection over a real socket, which is written and read by our own calls."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio
import trio.testing

from omen.serving._wire import WRITES_AT_ONCE, Wire

MUCH = bytes(range(256)) * 40_000


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Wire, trio.SocketStream]]:
    """A wire, and the client's end of its connection."""
    ours, theirs = socket.socketpair()
    server, client = (
        trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in (ours, theirs)
    )
    async with client, Wire(server, write_timeout=30, linger=0) as wire:
        yield wire, client


async def test_a_small_write_is_at_the_client_before_any_other_task_runs() -> None:
    async with connected() as (wire, client):
        with trio.testing.assert_no_checkpoints():
            assert await wire.write(b"token")
        assert await client.receive_some() == b"token"


async def test_a_task_that_only_writes_lets_others_run() -> None:
    async with connected() as (wire, client):
        turns = 0
        over = trio.Event()

        async def count() -> None:
            nonlocal turns
            while not over.is_set():
                turns += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            for _ in range(10 * WRITES_AT_ONCE):
                assert await wire.write(b"x")
            over.set()
        assert turns >= 9
        assert len(await client.receive_some()) == 10 * WRITES_AT_ONCE


async def test_what_the_socket_does_not_take_at_once_comes_later_and_in_order() -> None:
    async with connected() as (wire, client):
        got = bytearray()

        async def write(data: bytes) -> None:
            assert await wire.write(data)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, MUCH)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(write, b"behind it")
            await trio.testing.wait_all_tasks_blocked()
            while len(got) < len(MUCH) + 9:
                got += await client.receive_some()
        assert got == MUCH + b"behind it"


async def test_a_write_does_not_overtake_another_that_waits() -> None:
    """Not even if the socket has room again by then."""
    async with connected() as (wire, client):
        async with trio.open_nursery() as nursery:

            async def write_much() -> None:
                assert await wire.write(MUCH)

            async def write_behind() -> None:
                got.extend(os.read(client.socket.fileno(), len(MUCH)))
                assert await wire.write(b"behind it")

            got = bytearray()
            nursery.start_soon(write_much)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(write_behind)
            await trio.testing.wait_all_tasks_blocked()
            while len(got) < len(MUCH) + 9:
                got += await client.receive_some()
        assert got == MUCH + b"behind it"


async def test_a_read_waits_and_returns_what_came() -> None:
    async with connected() as (wire, client):
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                assert await wire.receive() == b"hello"

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await client.send_all(b"hello")
        await client.send_eof()
        assert await wire.receive() == b""


async def test_a_cancelled_read_loses_nothing() -> None:
    async with connected() as (wire, client):
        await client.send_all(b"hello")
        with trio.CancelScope() as scope:
            scope.cancel()
            await wire.receive()
        assert scope.cancelled_caught
        assert await wire.receive() == b"hello"


async def test_a_client_that_has_gone_takes_nothing_and_sends_nothing() -> None:
    async with connected() as (wire, client):
        await client.aclose()
        assert await wire.receive() == b""
        assert not await wire.write(b"x")


async def test_a_closed_socket_wakes_its_reader_and_refuses_writes() -> None:
    """Even if the system has given its number to another socket by then."""
    async with connected() as (wire, client):
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                assert await wire.receive() == b""

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await wire.aclose()
        again = socket.socketpair()
        assert not await wire.write(b"x")
        assert await wire.receive() == b""
        assert await client.receive_some() == b""
        for end in again:
            end.setblocking(False)
            with suppress(BlockingIOError):
                assert end.recv(1) == b""
            end.close()


async def test_nothing_is_written_behind_the_eof() -> None:
    async with connected() as (wire, client):
        await wire.finish()
        assert not await wire.write(b"x")
        assert await client.receive_some() == b""
