"""`Expect: 100-continue`: a client that waits for our word has it when its body is wanted.

**Source.** RFC 9110, section 10.1.1.
"""

from __future__ import annotations

import h11
import trio
import trio.testing

from omen.serving import Receive, Scope, Send
from tests.serving.apps import answer, http, read_body
from tests.serving.harness import read_all, serving

HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"too large", 413)


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, await read_body(receive))


async def test_who_is_refused_hears_no_word_to_go_on_and_the_connection_ends() -> None:
    async with serving(http(refusing)) as server:
        stream = await server.connect()
        await stream.send_all(HEAD)
        heard = await read_all(stream)
        assert heard.startswith(b"HTTP/1.1 413")
        assert b" 100 " not in heard


async def test_who_is_read_hears_it_once_and_before_the_answer() -> None:
    async with serving(http(reading)) as server:
        stream = await server.connect()
        await stream.send_all(HEAD)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 100")
        await stream.send_all(b"a")
        await trio.testing.wait_all_tasks_blocked()
        await stream.send_all(b"bc")
        client = h11.Connection(h11.CLIENT)
        client.receive_data(await stream.receive_some())
        response = client.next_event()
        assert isinstance(response, h11.Response)
        assert response.status_code == 200


async def test_who_does_not_wait_hears_no_word() -> None:
    async with serving(http(reading)) as server:
        stream = await server.connect()
        await stream.send_all(HEAD + b"abc")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
