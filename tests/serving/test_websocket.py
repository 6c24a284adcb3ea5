"""Websockets, by hand: masked frames with a mask of zeros."""

from __future__ import annotations

import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import Bare, Mounted, http
from tests.serving.harness import (
    H1Client,
    MemoryListener,
    Stream,
    get,
    read_all,
    read_until,
    reset,
    serving,
)
from tests.serving.hostile import HANDSHAKE, UPGRADE, ws_frame


async def open_websocket(stream: Stream, path: str = "/ws") -> None:
    await stream.send_all(get(path, *(header.decode() for header in HANDSHAKE)))
    assert b" 101 " in await read_until(stream, b"\r\n\r\n")


async def test_messages_go_both_ways_and_a_close_is_answered() -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await open_websocket(stream)
        await stream.send_all(ws_frame(1, b"hello"))
        assert await read_until(stream, b"hello") == b"\x81\x05hello"
        await stream.send_all(ws_frame(8, b"\x03\xe8"))
        assert await read_all(stream) == b"\x88\x02\x03\xe8"
        await stream.aclose()
        await server.handle.wait_connections(0)
        assert app.heard == ["/ws"]


@pytest.mark.parametrize("path", ["/ws", "/ws-flood"])
@pytest.mark.parametrize("leave", ["FIN", "RST"])
async def test_a_client_that_leaves_is_heard_of(path: str, leave: str) -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await open_websocket(stream, path)
        await (stream.aclose() if leave == "FIN" else reset(stream))
        await app.until(app.heard, path)
        await server.handle.wait_connections(0)


async def test_quarts_websockets_are_cancelled() -> None:
    async with serving(Mounted()) as server:
        stream = await server.connect()
        await open_websocket_quietly(stream)
        await stream.aclose()
        await server.handle.wait_connections(0)


async def open_websocket_quietly(stream: Stream) -> None:
    """Quart accepts when it first sends or receives: this one does neither."""
    await stream.send_all(get("/quart-ws", *(header.decode() for header in HANDSHAKE)))
    await trio.testing.wait_all_tasks_blocked(0.01)


async def test_sending_in_a_loop_to_a_client_that_left_lets_others_run(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Without a checkpoint there, this handler would never be cancelled, nor anything else run."""
    sends: list[int] = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        # The client has left, and the handler has been told: it sends on all the same.
        with trio.CancelScope() as scope_of_sending:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stop_after_a_turn, scope_of_sending)
                while True:
                    await send({"type": "websocket.send", "text": "x"})
                    sends.append(1)
                    assert len(sends) < 1000

    async def stop_after_a_turn(scope: trio.CancelScope) -> None:
        await trio.lowlevel.checkpoint()
        scope.cancel()

    async with serving(app, memory=MemoryListener()) as server:
        stream = await server.connect()
        await open_websocket(stream)
        await stream.aclose()
        await server.handle.wait_connections(0)
        assert 0 < len(sends) < 10


async def test_bytes_right_behind_the_upgrade_are_answered_400_and_the_connection_closed() -> None:
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(UPGRADE + ws_frame(1, b"too early"))
        answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"101" not in answer.partition(b"\r\n")[0]
        await stream.aclose()
        await server.handle.wait_connections(0)
        assert (await H1Client(await server.connect()).ask(get("/ok"))).body == b"ok"


async def test_a_refused_handshake_closes_the_connection() -> None:
    async with serving(Bare()) as server:
        stream = await server.connect()
        await stream.send_all(get("/ws", *(header.decode() for header in HANDSHAKE[:2])))
        assert (await read_all(stream)).startswith(b"HTTP/1.1 400 ")


async def test_compression_is_not_offered() -> None:
    """64 KiB of it may inflate to 64 MiB before any limit is asked."""
    headers = [header.decode() for header in HANDSHAKE]
    async with serving(Bare()) as server:
        stream = await server.connect()
        offer = "sec-websocket-extensions: permessage-deflate"
        await stream.send_all(get("/ws", *headers, offer))
        answer = await read_until(stream, b"\r\n\r\n")
        assert b" 101 " in answer
        assert b"sec-websocket-extensions" not in answer.lower()


async def test_a_message_that_is_too_big_ends_the_websocket() -> None:
    app = Bare()
    async with serving(app, max_message=1000) as server:
        stream = await server.connect()
        await open_websocket(stream)
        await stream.send_all(ws_frame(1, bytes(900), fin=False) + ws_frame(0, bytes(900)))
        assert await read_all(stream) == b"\x88\x02\x03\xf1"  # 1009, message too big
        await app.until(app.heard, "/ws")


async def test_a_slow_handler_slows_its_client() -> None:
    """Messages that are not read wait up to the limit; then the socket is not read either."""
    received = 0
    go_on = trio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal received
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        while (await receive())["type"] == "websocket.receive":
            received += 1

    async with serving(app, max_unread=100_000) as server:
        stream = await server.connect()
        await open_websocket(stream)
        many = ws_frame(2, bytes(10_000)) * 2000
        sent = trio.Event()

        async def send_them() -> None:
            await stream.send_all(many)
            sent.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_them)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert not sent.is_set()
            go_on.set()
        await stream.aclose()
        await server.handle.wait_connections(0)
        assert received == 2000


async def test_a_client_that_says_nothing_is_pinged_and_then_counts_as_gone(
    autojump_clock: trio.abc.Clock,
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), websocket_patience=60.0) as server:
        stream = await server.connect()
        await open_websocket(stream)
        opened = trio.current_time()
        assert await read_all(stream) == b"\x89\x00" * 3
        assert trio.current_time() - opened == 60.0
        await app.until(app.heard, "/ws")
        await stream.aclose()
        await server.handle.wait_connections(0)


async def test_a_client_that_answers_pings_stays(autojump_clock: trio.abc.Clock) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener(), websocket_patience=60.0) as server:
        stream = await server.connect()
        await open_websocket(stream)
        for _ in range(10):
            assert await read_until(stream, b"\x00") == b"\x89\x00"
            await stream.send_all(ws_frame(10, b""))
        assert trio.current_time() >= 150.0
        assert app.heard == []
        await stream.send_all(ws_frame(8, b"\x03\xe8"))
        await app.until(app.heard, "/ws")
        left = trio.current_time()
        await stream.aclose()
        await server.handle.wait_connections(0)
        assert trio.current_time() == left  # the pinging does not outlive the websocket


async def test_who_is_not_listened_to_is_not_taken_for_gone(
    autojump_clock: trio.abc.Clock,
) -> None:
    """A handler that is slow has its client wait; the pongs wait with what the client said."""
    received = 0

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal received
        await receive()
        await send({"type": "websocket.accept"})
        await trio.sleep(600)
        while (await receive())["type"] == "websocket.receive":
            received += 1

    memory = MemoryListener()
    async with serving(app, memory=memory, max_unread=10_000, websocket_patience=60.0) as server:
        stream = await server.connect()
        await open_websocket(stream)
        await stream.send_all(ws_frame(2, bytes(6000)) * 3)
        await trio.sleep(601)
        await stream.aclose()
        await server.handle.wait_connections(0)
        assert received == 3


@pytest.mark.parametrize("version", ["8", "7", "14", "13, 8", "x"])
async def test_another_version_is_refused_with_the_one_that_is_spoken(version: str) -> None:
    """RFC 6455, section 4.4."""
    given = [h.decode() for h in HANDSHAKE if b"version" not in h.lower()]
    async with serving(Bare()) as server:
        stream = await server.connect()
        await stream.send_all(get("/ws", *given, f"Sec-WebSocket-Version: {version}"))
        answer = (await read_all(stream)).lower()
        assert answer.startswith(b"http/1.1 426 ")
        assert b"sec-websocket-version: 13\r\n" in answer
        assert b"upgrade: websocket\r\n" in answer


def masked(opcode: int, data: bytes, first: int = 0x80) -> bytes:
    return bytes([first | opcode, 0x80 | len(data)]) + bytes(4) + data


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (masked(1, b"a\xff"), 1007),
        (masked(1, b"\xe2\x82"), 1007),
        (masked(1, b"a\xed\xa0\x80"), 1007),
        (masked(1, b"a", first=0) + masked(0, b"\xff"), 1007),
        (masked(3, b""), 1002),
        (masked(11, b""), 1002),
        (masked(1, b"a", first=0xC0), 1002),
        (masked(0, b"a"), 1002),
        (masked(1, b"a", first=0) + masked(1, b"b"), 1002),
        (masked(9, b"a", first=0), 1002),
        (masked(8, b"a"), 1002),
        (masked(8, b"\x03\xed"), 1002),
        (b"\x81\x01a", 1002),
    ],
    ids=repr,
)
async def test_frames_that_break_the_protocol_end_the_socket_with_the_reason(
    frames: bytes, code: int
) -> None:
    """RFC 6455, section 7.4.1. Without a code a client takes it for a fault of the network."""
    app = Bare()
    async with serving(app) as server:
        stream = await server.connect()
        await open_websocket(stream)
        await stream.send_all(frames)
        assert await read_all(stream) == b"\x88\x02" + code.to_bytes(2)
        await app.until(app.heard, "/ws")
        await server.handle.wait_connections(0)
