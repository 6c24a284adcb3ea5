"""How much of its requests' bodies an HTTP/2 client may send before they are read."""

from __future__ import annotations

from math import inf

import h2.events
import h2.exceptions
import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from omen.serving._h2 import H2
from omen.serving._h2_connection import CONNECTION_WINDOW, STREAM_WINDOW
from tests.serving.apps import Bare, answer, http
from tests.serving.harness import (
    H2Client,
    MemoryListener,
    Server,
    Stream,
    serving,
)
from tests.serving.hostile import fields, ws_frame

FRAME = 16 * 1024


async def open_up(client: H2Client) -> None:
    """Read what the server allows."""
    await client.ask("/ok")


def room(client: H2Client, stream_id: int) -> int:
    return client.h2.local_flow_control_window(stream_id)


async def fill(client: H2Client, stream_id: int, most: float = inf) -> int:
    """Send as much of a body as the windows allow; return how much that was."""
    sent = 0
    while (size := min(room(client, stream_id), FRAME, int(min(most, 2**40)) - sent)) > 0:
        client.h2.send_data(stream_id, bytes(size))
        sent += size
        await client.flush()
    return sent


async def upload(client: H2Client, stream_id: int, size: int) -> None:
    """Send a body to its end, reading whenever the windows are shut."""
    while size:
        size -= await fill(client, stream_id, size)
        if size:
            client.take(bytes(await client.stream.receive_some()))
    client.h2.end_stream(stream_id)
    await client.flush()


def h2_of(server: Server) -> H2:
    (connection,) = server.handle._live
    protocol = connection._protocol._protocol  # type: ignore[attr-defined]
    assert isinstance(protocol, H2)
    return protocol


@http
async def counting(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body, or at once."""
    size = 0
    while scope["method"] == "POST" and (message := await receive())["more_body"]:
        size += len(message["body"])
    await answer(send, b"%d" % size)


# Speed ------------------------------------------------------------------------------------------


async def relay(source: Stream, sink: Stream, delay: float) -> None:
    to_send, due = trio.open_memory_channel[tuple[float, bytes]](10**6)

    async def deliver() -> None:
        async for when, data in due:
            await trio.sleep_until(when)
            await sink.send_all(data)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(deliver)
        while data := bytes(await source.receive_some()):
            to_send.send_nowait((trio.current_time() + delay, data))


async def test_a_large_body_from_far_away_takes_seconds_not_minutes(
    autojump_clock: trio.abc.Clock,
) -> None:
    """26 MB over 80 ms there and back: a window of 1 MiB that is half used is opened again."""
    async with serving(counting, memory=MemoryListener()) as server:
        async with trio.open_nursery() as nursery:
            near = await server.connect()
            ours, far = trio.testing.memory_stream_pair()
            nursery.start_soon(relay, near, far, 0.04)
            nursery.start_soon(relay, far, near, 0.04)
            client = H2Client(ours)
            began = trio.current_time()
            stream_id = await client.start("/", method="POST", end=False)
            await upload(client, stream_id, 26_000_000)
            assert (await client.answer(stream_id)).body == b"26000000"
            assert trio.current_time() - began == pytest.approx(2.32)
            nursery.cancel_scope.cancel()


async def test_the_windows_are_told_in_the_greeting() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        await open_up(client)
        assert client.h2.outbound_flow_control_window == CONNECTION_WINDOW
        assert room(client, await client.start("/echo", method="POST", end=False)) == STREAM_WINDOW


# Bounds -----------------------------------------------------------------------------------------


async def test_a_handler_that_does_not_read_stops_its_client_and_nobody_else() -> None:
    """Its window is not opened again, and a window of the connection's is left for the others."""
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        await open_up(client)
        deaf = await client.start("/deaf", method="POST", end=False)
        assert await fill(client, deaf) == STREAM_WINDOW
        other = await client.start("/echo", method="POST", end=False)
        await upload(client, other, 3 * STREAM_WINDOW)
        assert len((await client.answer(other)).body) == 3 * STREAM_WINDOW
        assert room(client, deaf) == 0


async def test_all_requests_of_a_connection_together_are_bounded_too() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        await open_up(client)
        sent = 0
        for _ in range(10):
            sent += await fill(client, await client.start("/deaf", method="POST", end=False))
        assert sent == CONNECTION_WINDOW
        assert (await client.ask("/ok")).body == b"ok"


async def test_what_was_sent_to_a_stream_that_ends_is_given_back_to_the_connection() -> None:
    """By the client, or by an answer that did not wait: six times what the connection has."""
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        await open_up(client)
        for path in ("/deaf", "/held", "/early") * 8:
            stream_id = await client.start(path, method="POST", end=False)
            while room(client, stream_id) < STREAM_WINDOW:
                client.take(bytes(await client.stream.receive_some()))
            with pytest.raises(h2.exceptions.StreamClosedError):
                await fill(client, stream_id)
                client.h2.reset_stream(stream_id)
                await client.flush()
                client.h2.send_data(stream_id, b"")
        assert (await client.ask("/ok")).body == b"ok"


async def test_a_body_that_comes_byte_by_byte_weighs_little_more_than_its_bytes(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start("/deaf", method="POST", end=False)
        for _ in range(2000):
            client.h2.send_data(stream_id, b"x")
        await client.flush()
        await trio.testing.wait_all_tasks_blocked()
        inbox = h2_of(server).streams[stream_id].receive_queue
        assert inbox is not None
        assert inbox.payload == 2000
        assert len(inbox._messages) < 100


async def test_parts_that_were_put_together_come_out_as_they_were_sent() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start("/echo", method="POST", end=False)
        sent = bytes(range(256)) * 4
        for byte in sent:
            client.h2.send_data(stream_id, bytes([byte]))
        client.h2.end_stream(stream_id)
        await client.flush()
        assert (await client.answer(stream_id)).body == sent


# Websockets -------------------------------------------------------------------------------------


async def open_websocket(client: H2Client) -> int:
    await open_up(client)
    stream_id = client.h2.get_next_available_stream_id()
    pseudo = fields(method=b"CONNECT", path=b"/ws", protocol=b"websocket")
    client.h2.send_headers(stream_id, [*pseudo, (b"sec-websocket-version", b"13")])
    await client.flush()
    await client.until(h2.events.ResponseReceived, stream_id)
    return stream_id


async def test_a_message_longer_than_the_window_arrives() -> None:
    """What belongs to no whole message yet is not what a handler could have read."""
    async with serving(Bare(), max_message=3 * STREAM_WINDOW) as server:
        client = H2Client(await server.connect())
        stream_id = await open_websocket(client)
        parts = [ws_frame(2, bytes(60_000), fin=False)]
        parts += [ws_frame(0, bytes(60_000), fin=False)] * 38
        left = b"".join([*parts, ws_frame(0, b"end")])
        while left:
            size = min(room(client, stream_id), FRAME, len(left))
            if size:
                client.h2.send_data(stream_id, left[:size])
                left = left[size:]
                await client.flush()
            else:
                client.take(bytes(await client.stream.receive_some()))
        received = 0
        while received < 39 * 60_000:
            client.take(bytes(await client.stream.receive_some()))
            await client.flush()
            data = client.seen(h2.events.DataReceived, stream_id)
            received = sum(len(event.data) for event in data)  # type: ignore[attr-defined]


async def test_messages_that_nobody_reads_shut_the_window() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, b"ok")
            return
        await receive()
        await send({"type": "websocket.accept"})
        await trio.sleep_forever()

    async with serving(app) as server:
        client = H2Client(await server.connect())
        stream_id = await open_websocket(client)
        message = ws_frame(2, bytes(16_000))
        sent = 0
        while room(client, stream_id) > len(message):
            client.h2.send_data(stream_id, message)
            await client.flush()
            await trio.testing.wait_all_tasks_blocked()
            sent += len(message)
        assert sent <= STREAM_WINDOW
        assert (await client.ask("/ok")).body == b"ok"


async def keep_reading(client: H2Client) -> None:
    while True:
        client.take(bytes(await client.stream.receive_some()))


async def test_very_many_small_messages_shut_it_long_before_their_bytes_fill_it(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Each weighs more here than on its way."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, b"ok")
            return
        await receive()
        await send({"type": "websocket.accept"})
        await trio.sleep_forever()

    async with serving(app, memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        stream_id = await open_websocket(client)
        many = ws_frame(2, b"x") * 2000
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_reading, client)
            for _ in range(500):
                if room(client, stream_id) > len(many):
                    client.h2.send_data(stream_id, many)
                    await client.flush()
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        inbox = h2_of(server).streams[stream_id].receive_queue
        assert inbox is not None
        assert len(inbox._messages) * len(ws_frame(2, b"x")) <= STREAM_WINDOW + 60_000
