"""HTTP/2: bodies, windows, and requests that are not ones."""

from __future__ import annotations

import h2.errors
import h2.events
import pytest
import trio
import trio.abc
import trio.testing

from omen.serving import Receive, Scope, Send
from omen.serving._h2 import H2
from tests.serving.apps import Bare, answer, http
from tests.serving.harness import H1Client, H2Client, MemoryListener, get, serving


async def test_data_for_a_finished_stream_is_dropped_and_its_flow_control_acknowledged() -> None:
    """GRPC clients do it. Three windows' worth: unacknowledged, the second would never fit."""
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start("/early", method="POST", end=False)
        await client.answer(stream_id)
        for _ in range(12):
            other = await client.start("/early", method="POST", end=False)
            await client.answer(other)
            client.h2.send_data(other, bytes(16_000))
            await client.flush()
            while client.h2.outbound_flow_control_window < 20_000:
                client.take(bytes(await client.stream.receive_some()))
        client.h2.end_stream(stream_id)
        await client.flush()
        assert (await client.ask("/ok")).body == b"ok"


async def test_a_body_larger_than_the_window_is_received_whole() -> None:
    body = bytes(range(256)) * 2000
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        stream_id = await client.start("/echo", method="POST", end=False)
        sent = 0
        while sent < len(body):
            room = min(client.h2.local_flow_control_window(stream_id), 16_384, len(body) - sent)
            if room:
                client.h2.send_data(stream_id, body[sent : sent + room])
                sent += room
                await client.flush()
            else:
                client.take(bytes(await client.stream.receive_some()))
        client.h2.end_stream(stream_id)
        await client.flush()
        assert (await client.answer(stream_id)).body == body


@pytest.mark.parametrize("by", ["reset", "end of the connection"])
async def test_a_handler_that_has_sent_all_and_waits_for_the_window_is_let_go(
    by: str, autojump_clock: trio.abc.Clock
) -> None:
    app = Bare()
    async with serving(app, memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        client.h2.update_settings({4: 0})  # SETTINGS_INITIAL_WINDOW_SIZE
        stream_id = await client.start("/ok")
        await client.until(h2.events.ResponseReceived, stream_id)
        await trio.testing.wait_all_tasks_blocked()
        assert app.ended == []
        began = trio.current_time()
        if by == "reset":
            client.h2.reset_stream(stream_id)
            await client.flush()
        else:
            await client.stream.aclose()
        await app.until(app.ended, "/ok")
        assert trio.current_time() == began


@pytest.mark.parametrize("opened_after", [0.5, None])
async def test_what_a_handler_sent_before_it_failed_goes_out_if_the_client_takes_it_soon(
    opened_after: float | None, autojump_clock: trio.abc.Clock
) -> None:
    async with serving(Bare(), memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        client.h2.update_settings({4: 0})  # SETTINGS_INITIAL_WINDOW_SIZE
        stream_id = await client.start("/fail-late")
        await client.until(h2.events.ResponseReceived, stream_id)
        began = trio.current_time()
        if opened_after is not None:
            await trio.sleep(opened_after)
            client.h2.increment_flow_control_window(100, stream_id)
            await client.flush()
        await client.until(h2.events.StreamReset, stream_id)
        assert trio.current_time() - began == (opened_after or 1.0)
        got = [getattr(event, "data", b"") for event in client.seen(h2.events.DataReceived)]
        assert got == ([b"half"] if opened_after is not None else [])


async def test_a_handler_that_always_has_something_to_send_lets_others_run() -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_turns)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(100):
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
            assert turns > 50
            nursery.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"end"})

    async with serving(app) as server:
        client = H2Client(await server.connect())
        assert (await client.ask("/")).body.endswith(b"xend")


async def test_a_client_that_stops_reading_stops_its_handler(
    autojump_clock: trio.abc.Clock,
) -> None:
    sent = 0

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(1000), "more_body": True})
            sent += 1000

    async with serving(app, memory=MemoryListener()) as server:
        client = H2Client(await server.connect())
        await client.start("/")
        await trio.testing.wait_all_tasks_blocked()
        assert 65_535 <= sent <= 65_535 + 33_000


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({":path": "/\u00e9"}, h2.errors.ErrorCodes.PROTOCOL_ERROR),
        ({":path": "no-slash"}, h2.errors.ErrorCodes.PROTOCOL_ERROR),
        ({":method": "G\u00c9T"}, h2.errors.ErrorCodes.PROTOCOL_ERROR),
    ],
)
async def test_a_malformed_request_costs_its_stream_only(
    changed: dict[str, str], code: h2.errors.ErrorCodes
) -> None:
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        usual = {":method": "GET", ":path": "/", ":scheme": "http", ":authority": "x"}
        client.h2.config.validate_outbound_headers = False
        client.h2.send_headers(1, list({**usual, **changed}.items()), end_stream=True)
        await client.flush()
        await client.until(h2.events.StreamReset, 1)
        (reset,) = client.seen(h2.events.StreamReset, 1)
        assert isinstance(reset, h2.events.StreamReset)
        assert reset.error_code == code
        assert (await client.ask("/ok")).body == b"ok"
        assert app.begun == ["/ok"]


async def test_a_tunnel_is_not_implemented_and_says_so() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        client.h2.send_headers(1, [(":method", "CONNECT"), (":authority", "example.com:443")])
        await client.flush()
        assert (await client.answer(1)).status == 501
        assert (await client.ask("/ok")).body == b"ok"


async def test_priorities_are_ignored() -> None:
    async with serving(Bare()) as server:
        client = H2Client(await server.connect())
        for stream_id in range(1, 3001, 2):
            client.h2.prioritize(stream_id, weight=7)
        await client.flush()
        assert (await client.ask("/ok")).body == b"ok"


async def test_trailers_are_sent_after_the_body() -> None:
    """What gRPC needs."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [], "trailers": True}
        await send(start)
        await send({"type": "http.response.body", "body": b"message"})
        await send({"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")]})

    async with serving(app) as server:
        client = H2Client(await server.connect())
        stream_id = client.h2.get_next_available_stream_id()
        usual = {":method": "POST", ":path": "/", ":scheme": "http", ":authority": "x"}
        client.h2.send_headers(stream_id, [*usual.items(), ("te", "trailers")], end_stream=True)
        await client.flush()
        await client.until(h2.events.TrailersReceived, stream_id)
        assert (await client.answer(stream_id)).body == b"message"


async def test_a_hundred_streams_at_once_each_get_their_own() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(int(scope["path"].strip("/")) % 5):
            await trio.lowlevel.checkpoint()
        await answer(send, scope["path"].encode() * 100)

    async with serving(app) as server:
        client = H2Client(await server.connect())
        started = {await client.start(f"/{n}"): f"/{n}".encode() * 100 for n in range(100)}
        for stream_id, body in started.items():
            assert (await client.answer(stream_id)).body == body


async def test_streams_leave_nothing_behind_on_a_long_connection() -> None:
    """Answered, reset by the client, broken off by us: the tree of streams does not grow."""
    app = Bare()
    async with serving(app) as server:
        client = H2Client(await server.connect())
        for _ in range(100):
            await client.ask("/ok")
            dropped = await client.start("/flood")
            await client.until(h2.events.DataReceived, dropped)
            client.h2.reset_stream(dropped)
            broken = await client.start("/fail-late")
            await client.until(h2.events.StreamReset, broken)
            client.events.clear()
        await app.until(app.ended, "/flood", 100)
        await trio.testing.wait_all_tasks_blocked(0.01)
        (connection,) = server.handle._live
        protocol = connection._protocol._protocol
        assert isinstance(protocol, H2)
        assert (protocol.streams, protocol.stream_buffers, protocol._unacknowledged) == ({}, {}, {})
        assert len(protocol.priority) == 0
        assert len(protocol.connection.streams) <= 2


async def test_a_client_that_makes_us_answer_must_read_the_answers(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Pings without end, and nothing read: the connection is not read either, then given up."""
    memory = MemoryListener(trio.testing.lockstep_stream_pair)
    async with serving(Bare(), memory=memory, write_timeout=30) as server:
        client = H2Client(await server.connect())
        began = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            while True:
                for _ in range(100):
                    client.h2.ping(b"12345678")
                await client.flush()
        assert trio.current_time() - began == 30


async def test_http_1_and_2_share_a_port() -> None:
    async with serving(Bare()) as server:
        assert (await H1Client(await server.connect()).ask(get("/ok"))).body == b"ok"
        assert (await H2Client(await server.connect()).ask("/ok")).body == b"ok"
