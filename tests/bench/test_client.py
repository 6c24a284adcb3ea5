"""The benchmark's own client, against servers that misbehave on real sockets."""

from __future__ import annotations

import time

import pytest
import trio

from bench._client import Client, Exchange
from tests.bench.scripted import HEAD, Scripted, asking


async def test_a_response_comes_with_its_head_and_the_text_of_its_chunks() -> None:
    async with asking(Scripted(HEAD, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n")) as client:
        exchange = await client.ask(b"{}")
    assert (exchange.status, exchange.failure) == (200, "")
    assert exchange.headers["x-omen-provider"] == "sim"
    assert b"".join(data for _, data in exchange.arrivals) == b"abcde"
    times = [exchange.sent_at, *(at for at, _ in exchange.arrivals)]
    assert times == sorted(times)


async def test_a_connection_is_kept_for_the_next_request() -> None:
    server = Scripted(HEAD + b"0\r\n\r\n")
    async with asking(server) as client:
        for _ in range(3):
            assert (await client.ask(b"{}")).failure == ""
    assert server.connections == 1


async def test_whoever_leaves_has_what_had_come_and_knows_when_the_connection_was_closed() -> None:
    server = Scripted(HEAD + b"3\r\nabc\r\n")
    before = time.time()
    async with asking(server) as client:
        with trio.CancelScope() as scope:
            exchange = Exchange(on_head=scope.cancel)
            await client.ask(b"{}", exchange)
        closed = client.closed_unix
        await server.ended.wait()
    assert scope.cancelled_caught
    assert (exchange.status, exchange.body, exchange.complete) == (200, b"abc", False)
    assert before <= closed <= time.time()


@pytest.mark.parametrize(
    ("server", "failure"),
    [
        (Scripted(HEAD + b"3\r\nab", then_close=True), "ended before the response did"),
        (Scripted(b"nonsense\r\n\r\n"), "not HTTP"),
    ],
)
async def test_what_is_no_whole_response_is_a_failure_and_costs_the_connection(
    server: Scripted, failure: str
) -> None:
    async with asking(server) as client:
        assert failure in (await client.ask(b"{}")).failure
        await client.ask(b"{}")
    assert server.connections == 2


async def test_a_server_that_never_ends_is_given_up() -> None:
    async with asking(Scripted(HEAD), patience=0.01) as client:
        assert (await client.ask(b"{}")).failure == "not complete within 0.01 s"


async def test_nobody_there_is_a_failure_and_no_exception() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    exchange = await Client("127.0.0.1", port, "/ask", timeout=30.0).ask(b"{}")
    assert exchange.failure == "the connection failed: OSError"
