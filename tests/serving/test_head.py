"""A response's head goes out with what follows it, in one write."""

from __future__ import annotations

from functools import partial

import trio
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import http
from tests.serving.harness import MemoryListener, get, serving

lockstep = partial(MemoryListener, trio.testing.lockstep_stream_pair)


async def test_the_head_and_the_first_of_the_body_are_one_write(
    autojump_clock: trio.abc.Clock,
) -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await trio.sleep(1)
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await trio.sleep(1)
        await send({"type": "http.response.body", "body": b"two"})

    async with serving(app, memory=lockstep()) as server:
        stream = await server.connect()
        asked = trio.current_time()
        await stream.send_all(get("/", "connection: close"))
        first = await stream.receive_some()
        assert first.startswith(b"HTTP/1.1 200")
        assert first.endswith(b"\r\n\r\n3\r\none\r\n")
        assert trio.current_time() - asked == 1


async def test_a_head_without_a_body_is_not_kept_back(autojump_clock: trio.abc.Clock) -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with serving(app, memory=lockstep()) as server:
        stream = await server.connect()
        await stream.send_all(get("/"))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 204")
