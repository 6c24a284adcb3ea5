"""A handler that is cancelled while it sends."""

from __future__ import annotations

import pytest
import trio

from omen.serving import Receive, Scope, Send
from tests.serving.apps import http
from tests.serving.harness import H1Client, H2Client, get, serving


@pytest.mark.parametrize("http_2", [False, True])
async def test_a_send_that_is_cancelled_before_it_begins_sends_nothing(http_2: bool) -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with trio.CancelScope() as cancelled:
            cancelled.cancel()
            await send({"type": "http.response.body", "body": b"never", "more_body": True})
        assert cancelled.cancelled_caught
        await send({"type": "http.response.body", "body": b"end"})

    async with serving(app) as server:
        stream = await server.connect()
        ask = H2Client(stream).ask("/") if http_2 else H1Client(stream).ask(get("/"))
        assert (await ask).body == b"end"
