"""Several processes accept from one socket: each gets as many connections as the others."""

from __future__ import annotations

import array
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import trio
import trio.testing

from omen.serving import TABLE_BYTES, ConnectionShare, clear_share
from omen.serving._accepting import Acceptor
from omen.serving._eager import EagerListener
from omen.serving._live import LiveConnections

SECONDS = 30.0


@pytest.fixture
def table() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(array.array("q", [-1] * (TABLE_BYTES // 8)).tobytes())
        file.flush()
        yield file.fileno()


def test_a_process_has_room_until_it_is_two_and_a_sixteenth_ahead(table: int) -> None:
    one, two = ConnectionShare(table, 0), ConnectionShare(table, 1)
    one.begin()
    assert one.room > 100  # it is alone
    two.begin()
    assert (one.room, two.room, two.others) == (2, 2, (0,))
    for _ in range(32):
        one.enter()
    assert (one.room, two.room) == (0, 32 + 2 + 2)
    one.leave()
    assert two.others == (31,)
    one.end()  # it accepts no more: its number does not hold up the other one
    assert two.room > 100
    one.leave()
    assert two.others == ()


def test_a_dead_process_does_not_count(table: int) -> None:
    one, two = ConnectionShare(table, 0), ConnectionShare(table, 1)
    one.begin()
    two.begin()
    two.enter()
    two.enter()
    assert two.room == 0
    clear_share(table, 0)
    assert two.room > 100


async def test_a_burst_is_divided(table: int) -> None:
    taken, processes = Counter[int](), 3
    with ExitStack() as stack:
        here = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=200))
        here.setblocking(False)
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                for number in range(processes):
                    share = ConnectionShare(table, number)
                    nursery.start_soon(accept, here, share, number, taken, nursery)
                await trio.testing.wait_all_tasks_blocked(0.01)
                for _ in range(90):
                    stack.enter_context(socket.create_connection(here.getsockname()))
                while taken.total() < 90:  # noqa: ASYNC110
                    await trio.sleep(0.01)
                nursery.cancel_scope.cancel()
    # One that is late on a busy machine gives some up, so the shares are not exact.
    assert max(taken.values()) <= 45, taken
    assert len(taken) == processes


async def accept(
    here: socket.socket,
    share: ConnectionShare,
    number: int,
    taken: Counter[int],
    nursery: trio.Nursery,
) -> None:
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(here.dup()))

    async def hold(stream: trio.abc.Stream) -> None:
        taken[number] += 1
        await trio.sleep_forever()

    acceptor = Acceptor(LiveConnections(), share)
    await acceptor.accept(
        EagerListener(listener, None, tls=False, plain=True, share=share), hold, nursery
    )


async def test_a_process_that_hangs_keeps_no_connection_waiting(table: int) -> None:
    hanging, share = ConnectionShare(table, 0), ConnectionShare(table, 1)
    hanging.begin()  # it has no connection, and takes none
    with ExitStack() as stack:
        here = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=50))
        here.setblocking(False)
        listener = EagerListener(
            trio.SocketListener(trio.socket.from_stdlib_socket(here.dup())),
            None,
            tls=False,
            plain=True,
            share=share,
        )
        for _ in range(12):
            stack.enter_context(socket.create_connection(here.getsockname()))
        with trio.fail_after(SECONDS):
            async with listener:
                for _ in range(12):
                    await (await listener.accept()).aclose()


async def test_the_count_falls_when_a_connection_ends(table: int) -> None:
    share, other = ConnectionShare(table, 0), ConnectionShare(table, 1)
    with ExitStack() as stack:
        here = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        here.setblocking(False)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(here.dup()))

        async def echo(stream: trio.abc.Stream) -> None:
            while await stream.receive_some(1):  # type: ignore[attr-defined]
                pass

        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                acceptor = Acceptor(LiveConnections(), share)
                nursery.start_soon(
                    acceptor.accept,
                    EagerListener(listener, None, tls=False, plain=True, share=share),
                    echo,
                    nursery,
                )
                with socket.create_connection(here.getsockname()):
                    while other.others != (1,):  # noqa: ASYNC110
                        await trio.sleep(0.01)
                while other.others != (0,):  # noqa: ASYNC110
                    await trio.sleep(0.01)
                nursery.cancel_scope.cancel()
    assert other.others == ()  # its listener is closed
