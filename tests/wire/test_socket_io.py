"""Plain sockets are read and written directly, and behave as trio's streams do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from omen.wire import _socket_io

_LARGE = bytes(range(256)) * 40_000


def _pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    ours, theirs = trio.socket.socketpair()
    return trio.SocketStream(ours), trio.SocketStream(theirs)


async def test_what_a_socket_does_not_take_at_once_is_sent_all_the_same() -> None:
    ours, theirs = _pair()
    received = bytearray()
    async with ours, theirs, trio.open_nursery() as nursery:
        nursery.start_soon(_socket_io.send_all, ours, _LARGE)
        while len(received) < len(_LARGE):
            received += await _socket_io.receive(theirs)
    assert received == _LARGE


async def test_the_end_of_a_socket_is_an_empty_read() -> None:
    ours, theirs = _pair()
    async with ours:
        await theirs.aclose()
        assert await _socket_io.receive(ours) == b""


@pytest.mark.parametrize("reset", [True, False])
async def test_a_broken_socket_breaks_as_a_stream_does(reset: bool) -> None:
    ours, theirs = _pair()
    async with ours:
        if reset:
            await ours.send_all(b"unread")  # closing with unread bytes resets the connection
        await theirs.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await _socket_io.send_all(ours, b"x")
        if reset:
            with pytest.raises(trio.BrokenResourceError):
                await _socket_io.receive(ours)


@pytest.mark.parametrize("call", [_socket_io.receive, lambda one: _socket_io.send_all(one, b"x")])
async def test_a_closed_stream_is_refused(
    call: Callable[[trio.abc.Stream], Awaitable[object]],
) -> None:
    ours, theirs = _pair()
    await ours.aclose()
    async with theirs:
        with pytest.raises(trio.ClosedResourceError):
            await call(ours)


async def test_a_cancelled_task_sends_nothing() -> None:
    ours, theirs = _pair()
    async with ours, theirs:
        with trio.CancelScope() as scope:
            scope.cancel()
            await _socket_io.send_all(ours, b"x")
        assert scope.cancelled_caught
        assert not theirs.socket.is_readable()


async def test_a_close_wakes_a_read() -> None:
    ours, theirs = _pair()
    async with theirs, trio.open_nursery() as nursery:
        nursery.start_soon(ours.aclose)
        with pytest.raises(trio.ClosedResourceError):
            await _socket_io.receive(ours)


async def test_a_stream_in_memory_is_used_as_it_is() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await _socket_io.send_all(ours, b"x")
    assert await _socket_io.receive(theirs) == b"x"
