"""Clients that send many frames and are no flood, and one that looks like them and is one."""

from __future__ import annotations

import trio
import trio.abc
import trio.testing
from h2.errors import ErrorCodes
from hyperframe.frame import PingFrame, SettingsFrame, WindowUpdateFrame

from omen.serving import Receive, Scope, Send
from omen.serving._h2_sending import FRAMES_AT_ONCE
from tests.serving.apps import Bare, http
from tests.serving.frames_client import FramesClient
from tests.serving.harness import MemoryListener, serving
from tests.serving.hostile import PREFACE, START, data, raw, request

POST = {"method": b"POST", "path": b"/echo"}
PING = PingFrame(0, opaque_data=b"12345678").serialize()


@http
async def token_by_token(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(10_000):
        await send({"type": "http.response.body", "body": b"token", "more_body": True})
    await send({"type": "http.response.body", "body": b"end"})


async def test_a_client_that_answers_every_frame_of_a_long_stream_is_never_stopped(
    autojump_clock: trio.abc.Clock,
) -> None:
    """With a ping, as those that measure the way do, and with both windows opened at once."""
    async with serving(token_by_token, memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(START, request(1))
        answered = 0
        while not client.ended(1):
            seen = len(client.of(1))
            await client.until(lambda seen=seen: len(client.of(1)) > seen)  # type: ignore[misc]
            for frame in client.of(1)[answered:]:
                size = max(1, len(getattr(frame, "data", b"")))
                await client.send(
                    PING,
                    WindowUpdateFrame(0, window_increment=size).serialize(),
                    WindowUpdateFrame(1, window_increment=size).serialize(),
                )
            answered = len(client.of(1))
        assert answered > FRAMES_AT_ONCE
        assert client.body(1).endswith(b"tokenend")


async def test_a_client_of_many_requests_is_never_stopped(autojump_clock: trio.abc.Clock) -> None:
    """Each with a priority, a body in a small piece, its end, an open window and a ping."""
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(START)
        for number in range(1, 4 * FRAMES_AT_ONCE, 2):
            await client.send(
                raw(5, 2, 0, number, bytes(4) + b"\x10"),
                raw(4, 16, 0, 0, bytes(4)),
                request(number, end=False, **POST),
                data(number, b"{}"),
                data(number, b"", "END_STREAM"),
                WindowUpdateFrame(0, window_increment=100).serialize(),
                WindowUpdateFrame(number, window_increment=100).serialize(),
                PING,
            )
            await client.until(lambda number=number: client.ended(number))  # type: ignore[misc]
            client.frames.clear()


async def test_an_answer_taken_byte_by_byte_earns_nothing(autojump_clock: trio.abc.Clock) -> None:
    """CVE-2019-9511: each of the windows would have us make a frame."""
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = FramesClient(await server.connect())
        await client.send(PREFACE, SettingsFrame(0, settings={4: 0}).serialize())
        await client.send(request(1, path=b"/flood"))
        for _ in range(FRAMES_AT_ONCE // 10 + 10):
            await client.send(WindowUpdateFrame(1, window_increment=1).serialize() * 10)
            await trio.testing.wait_all_tasks_blocked()
        await client.end()
        assert client.goodbyes[0].error_code == ErrorCodes.ENHANCE_YOUR_CALM


async def test_streams_that_we_have_closed_do_not_count_as_open(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Twenty requests in one piece that are each over at once, where ten may be open."""
    async with serving(Bare(), memory=MemoryListener(), max_streams=10) as server:
        client = FramesClient(await server.connect())
        socket = {"method": b"CONNECT", "protocol": b"websocket", "path": b"/ws"}
        await client.send(START, *[request(n, **socket) for n in range(1, 41, 2)])
        await client.until(lambda: client.status(39))
        assert {client.status(n) for n in range(1, 41, 2)} == {"400"}
