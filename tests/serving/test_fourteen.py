"""The ways in which the stock server fails on trio, one test over sockets for each.

Each was reproduced with hypercorn 0.18.0's own trio worker: one small message, or one ordinary
client, and the process ended, hung, grew or cut an answer short. The number is the row of the table
in docs/decisions/2026-11-23-own-serving-module.md. (Row 11 is about its supervisor of several
workers, of which there is none here.) The other files of this folder say more about each; what
these add is load, and at the end all of them at once, on one server. `test_fourteen_orders.py` has
those that timing decides.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable, Callable

import h2.errors
import h2.events
import h2.settings
import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from omen.serving._h2 import H2
from tests.serving.apps import CHUNK, Bare, Mounted
from tests.serving.clients import (
    ahead_of_its_turn,
    broken_off,
    bystander,
    in_parts,
    leaving,
    not_reading,
    row_1,
    row_2,
    row_3,
    still_answers,
)
from tests.serving.harness import (
    H1Client,
    H2Client,
    MemoryListener,
    Server,
    get,
    post,
    read_all,
    read_until,
    reset,
    serving,
)
from tests.serving.hostile import UPGRADE

# 1 to 3: one message ends the process -----------------------------------------------------------


@pytest.mark.parametrize("row", [row_1, row_2, row_3])
async def test_rows_1_to_3_one_message_costs_one_connection(
    row: Callable[[Server], Awaitable[None]],
) -> None:
    async with serving(Bare()) as server:
        for _ in range(5):
            await row(server)
            await still_answers(server)


# 4: memory --------------------------------------------------------------------------------------


class Flood:
    """An endless stream as fast as it is taken; `sent` is how much that was."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            self.sent += len(CHUNK)


async def stop_reading(server: Server, how: str) -> None:
    """Ask for the flood on one connection and read nothing of it."""
    if how == "http/1.1":
        await (await server.connect()).send_all(get("/"))
        return
    client = H2Client(await server.connect())
    if how == "h2, all windows open":  # then nothing but the socket holds the server back
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
        client.h2.increment_flow_control_window(2**31 - 1 - 65_535)
    for _ in range(10):
        await client.start("/")


@pytest.mark.parametrize("how", ["http/1.1", "h2", "h2, all windows open"])
async def test_row_4_clients_that_stop_reading_an_endless_stream_leave_the_memory_flat(
    how: str,
) -> None:
    app = Flood()
    async with serving(app) as server:
        for _ in range(5):
            await stop_reading(server, how)
        await trio.testing.wait_all_tasks_blocked(0.05)
        taken = app.sent
        tracemalloc.start()
        try:
            for _ in range(3):
                await trio.testing.wait_all_tasks_blocked(0.05)
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert app.sent == taken > 0
        assert grown < 256 * 1024


# 5 to 10: hangs and cuts ------------------------------------------------------------------------


async def test_row_5_a_client_that_does_not_read_holds_a_handler_no_longer_than_the_deadline() -> (
    None
):
    app = Bare()
    async with serving(app, write_timeout=0.05) as server:
        for _ in range(5):
            await (await server.connect()).send_all(get("/flood"))
        await app.until(app.ended, "/flood", 5)
        await server.handle.wait_connections(0)
        await still_answers(server)


async def test_row_6_behind_quart_connections_end_as_they_should() -> None:
    async with serving(Mounted(), keep_alive_timeout=0.05) as server:
        for _ in range(5):
            closing, idle = await server.connect(), H1Client(await server.connect())
            await closing.send_all(get("/quart", "connection: close"))
            assert (await read_all(closing)).endswith(b"from quart")
            assert (await idle.ask(get("/quart"))).body == b"from quart"
            assert await read_all(idle.stream) == b""


async def test_row_7_a_websocket_that_sends_for_ever_hears_of_its_client_and_lets_others_run() -> (
    None
):
    app = Bare()
    async with serving(app) as server:
        for _ in range(5):
            stream = await server.connect()
            await stream.send_all(UPGRADE.replace(b"/ws", b"/ws-flood"))
            await read_until(stream, b"101 ")
            await stream.aclose()
        await app.until(app.heard, "/ws-flood", 5)
        await still_answers(server)


async def test_row_8_a_pipelined_request_hides_no_disconnect_and_is_answered_in_its_turn() -> None:
    app = Bare()
    async with serving(app) as server:
        for _ in range(10):
            stream = await server.connect()
            await stream.send_all(get("/held") + get("/ok") * 3)
            await app.until(app.begun, "/held", app.heard.count("/held") + 1)
            await reset(stream)
        await app.until(app.heard, "/held", 10)
        assert app.begun.count("/ok") == 0
        client = H1Client(await server.connect())
        await client.send(post("/echo", b"1") + post("/echo", b"2") + post("/echo", b"3"))
        assert [(await client.answer()).body for _ in range(3)] == [b"1", b"2", b"3"]


async def test_row_9_a_connection_has_more_than_1000_requests_and_none_is_cut() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        for _ in range(55):
            started = [await client.start("/ok") for _ in range(20)]
            assert [(await client.answer(s)).body for s in started] == [b"ok"] * 20
            client.events.clear()
        assert server.handle.accepted == 1


async def test_row_10_an_idle_http_2_connection_has_300_seconds_and_then_a_goodbye(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        for _ in range(3):
            await client.ask("/ok")
            await trio.sleep(299)
        await client.ask("/ok")
        began = trio.current_time()
        await client.until(h2.events.ConnectionTerminated)
        assert trio.current_time() - began == 300


# 12 to 14: under load ---------------------------------------------------------------------------


async def test_row_12_a_busy_connection_does_not_pile_up_the_streams_it_has_had() -> None:
    """Sixteen at a time, answered, reset half way, and broken off: 1600 in all."""
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        most = 0
        for number in range(100):
            paths = ["/ok"] * 14 + ["/stream", "/fail-late"]
            started = {await client.start(path): path for path in paths}
            for stream_id, path in started.items():
                if path == "/stream":
                    await client.until(h2.events.DataReceived, stream_id)
                    client.h2.reset_stream(stream_id)
                elif path == "/fail-late":
                    await client.until(h2.events.StreamReset, stream_id)
                else:
                    assert (await client.answer(stream_id)).body == b"ok"
            await client.flush()
            client.events.clear()
            most = max(most, known_streams(server))
            await app.until(app.ended, "/stream", number + 1)
        assert most <= 2 * 16
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert known_streams(server) == 0


def known_streams(server: Server) -> int:
    (connection,) = server.handle._live
    protocol = connection._protocol._protocol  # type: ignore[attr-defined]
    assert isinstance(protocol, H2)
    return len(protocol.priority)


async def test_row_13_an_application_that_raises_in_a_response_resets_its_stream() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        broken = [await client.start("/fail-late") for _ in range(40)]
        for stream_id in broken:
            await client.until(h2.events.StreamReset, stream_id)
            (told,) = client.seen(h2.events.StreamReset, stream_id)
            assert isinstance(told, h2.events.StreamReset)
            assert told.error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
            assert client.seen(h2.events.DataReceived, stream_id)
        assert (await client.ask("/ok")).body == b"ok"


async def test_row_14_over_sockets_forty_of_forty_end_properly() -> None:
    async with serving(in_parts) as server:
        client = H2Client(await server.connect())
        running = [await client.start("/12") for _ in range(40)]
        await client.until(h2.events.DataReceived, running[-1])
        server.shutdown.set()
        await client.until(h2.events.ConnectionTerminated)
        assert all(client.seen(h2.events.StreamEnded, stream_id) for stream_id in running)


# All of them ------------------------------------------------------------------------------------


HOSTILE = (row_1, row_2, row_3, not_reading, leaving, broken_off, ahead_of_its_turn)
HUNG = 60.0


async def bounded(what: str, work: Awaitable[None]) -> None:
    """Name what hangs: it did once, on a machine that had much to do, and nobody knows which."""
    with trio.move_on_after(HUNG) as scope:
        await work
    assert not scope.cancelled_caught, f"{what} hangs"


async def test_all_of_them_at_once_on_one_server() -> None:
    """Bystanders that ask all the while are answered each time, and in the end nothing is left."""
    app = Bare()
    async with serving(app, write_timeout=0.2) as server:
        over = trio.Event()
        async with trio.open_nursery() as bystanders:
            for _ in range(3):
                bystanders.start_soon(bounded, "a bystander", bystander(server, over))
            for _ in range(10):
                async with trio.open_nursery() as nursery:
                    for row in HOSTILE:
                        nursery.start_soon(bounded, row.__name__, row(server))
            over.set()
        for stream in server.opened:
            await stream.aclose()
        await bounded("a connection", server.handle.wait_connections(0))
        assert sorted(app.begun) == sorted(app.ended)
        await still_answers(server)
