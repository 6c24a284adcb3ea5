"""The call that spares a handler the task that waits for `http.disconnect`."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from omen.serving import ON_DISCONNECT, Receive, Scope, Send
from tests.serving.apps import answer, http
from tests.serving.harness import H1Client, get, read_until, reset, serving


class Watching:
    """Streams until its client leaves, or answers; notes what it was told and when it ended."""

    def __init__(self) -> None:
        self.calls: list[bool] = []
        self.begun, self.ended = trio.Event(), trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        with trio.CancelScope() as cancel:

            def leave(complete: bool) -> None:
                self.calls.append(complete)
                cancel.cancel()

            scope["extensions"][ON_DISCONNECT](leave)
            await self.handle(scope["path"], send)
        self.ended.set()

    async def handle(self, path: str, send: Send) -> None:
        if path == "/answer":
            await answer(send, b"ok")
            await trio.sleep_forever()
        if path == "/fail":
            raise RuntimeError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while path == "/flood":
            await send({"type": "http.response.body", "body": bytes(9000), "more_body": True})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        self.begun.set()
        await trio.sleep_forever()


@pytest.mark.parametrize("leave", ["FIN", "RST"])
async def test_a_client_that_leaves_cancels_the_handler_in_the_same_turn(leave: str) -> None:
    app = Watching()
    async with serving(app) as server:
        stream = await server.connect()
        await stream.send_all(get("/stream"))
        await read_until(stream, b"first")
        await (stream.aclose() if leave == "FIN" else reset(stream))
        await app.ended.wait()
        await server.handle.wait_connections(0)
    assert app.calls == [False]


async def test_a_client_that_stops_reading_cancels_it_too() -> None:
    app = Watching()
    async with serving(app, write_timeout=0.05) as server:
        await (await server.connect()).send_all(get("/flood"))
        await app.ended.wait()
        await server.handle.wait_connections(0)
    assert app.calls == [False]


async def test_the_end_of_the_response_is_told_from_it() -> None:
    app = Watching()
    async with serving(app) as server:
        client = H1Client(await server.connect())
        assert (await client.ask(get("/answer"))).body == b"ok"
        await app.ended.wait()
        assert (await client.ask(get("/answer"))).body == b"ok"
    assert app.calls == [True, True]


async def test_a_handler_that_has_ended_is_not_called() -> None:
    """What it left behind may mean something else by then."""
    app = Watching()
    async with serving(app) as server:
        assert (await H1Client(await server.connect()).ask(get("/fail"))).status == 500
    assert app.calls == []


async def test_a_function_that_comes_too_late_is_called_at_once() -> None:
    calls: list[bool] = []
    over = trio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"ok")
        scope["extensions"][ON_DISCONNECT](calls.append)
        over.set()

    async with serving(app) as server:
        await H1Client(await server.connect()).ask(get("/"))
        await over.wait()
    assert calls == [True]
