"""A peer that closes at once, at whatever step, fails the connection at once, without a timeout."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

import omen.client
from omen.client import ConnectFailed, ConnectionLost
from omen.client._link import Link

Peer = trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]
Behave = Callable[[Peer], Awaitable[None]]
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE_1013 = b"\x88\x02\x03\xf5"


async def _request(peer: Peer) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await peer.receive_some()
    return head


async def accept(peer: Peer, *, cut: int | None = None, more: bytes = b"") -> None:
    """Answer the handshake, or its first bytes, and say `more`."""
    head = await _request(peer)
    (key,) = [
        line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")
    ]
    token = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-accept: " + token + b"\r\n\r\n"
    )
    await peer.send_all(answer[:cut] + more)


async def at_the_accept(peer: Peer) -> None:
    """Close before the request is read."""


async def after_the_request(peer: Peer) -> None:
    await _request(peer)


async def in_the_handshake(peer: Peer) -> None:
    await accept(peer, cut=40)


async def after_the_handshake(peer: Peer) -> None:
    await accept(peer)


async def with_a_close_frame(peer: Peer) -> None:
    await accept(peer, more=CLOSE_1013)


async def with_a_close_frame_later(peer: Peer) -> None:
    await accept(peer)
    await peer.send_all(CLOSE_1013)


async def with_an_answer(peer: Peer) -> None:
    await _request(peer)
    await peer.send_all(b"HTTP/1.1 503 no\r\ncontent-length: 2\r\n\r\nno")


BEHAVIOURS = [
    at_the_accept, after_the_request, in_the_handshake, after_the_handshake, with_a_close_frame,
    with_a_close_frame_later, with_an_answer,
]  # fmt: skip


@asynccontextmanager
async def peers(
    monkeypatch: pytest.MonkeyPatch, behave: Behave, *, stays: bool
) -> AsyncIterator[list[int]]:
    """Dial into peers that behave like this; `stays`: they leave it to the client to close."""
    dialled: list[int] = []
    async with trio.open_nursery() as nursery:

        async def serve(peer: Peer) -> None:
            await behave(peer)
            if stays:
                await trio.sleep_forever()
            await peer.aclose()

        async def dial(target: object) -> Peer:
            await trio.lowlevel.checkpoint()
            dialled.append(1)
            ours, theirs = memory_stream_pair()
            nursery.start_soon(serve, theirs)
            return ours

        monkeypatch.setattr("omen.client._dial._open_stream", dial)
        yield dialled
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("behave", BEHAVIOURS, ids=lambda b: b.__name__)
async def test_the_connection_fails_at_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, behave: Behave
) -> None:
    async with peers(monkeypatch, behave, stays=False) as dialled:
        with pytest.raises((ConnectFailed, ConnectionLost)):
            async with omen.client.connect("http://gateway") as gateway:
                async with gateway.race("hi"):
                    await trio.lowlevel.checkpoint()
        assert trio.current_time() == 0.0
        assert len(dialled) <= 2


@pytest.mark.parametrize("behave", [with_a_close_frame, with_a_close_frame_later])
async def test_a_peer_that_says_goodbye_and_stays_is_not_waited_for(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, behave: Behave
) -> None:
    async with peers(monkeypatch, behave, stays=True):
        with pytest.raises((ConnectFailed, ConnectionLost)):
            async with omen.client.connect("http://gateway") as gateway:
                async with gateway.race("hi"):
                    await trio.lowlevel.checkpoint()
        assert trio.current_time() <= 2.0  # the closing handshake of each connection has a second


async def test_a_socket_that_is_lost_before_its_waiter_runs_is_a_failure(
    autojump_clock: MockClock,
) -> None:
    """Tasks run in any order, so it may be gone when the task that waits for it gets its turn."""
    link = Link("http://gateway/omen/ws", [], 64)

    async def wait() -> None:
        with pytest.raises(ConnectFailed, match="the connection was lost"):
            await link.connected()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        link._notify()
    assert trio.current_time() == 0.0
